use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::native::checkpoint::tests::folder;

/// GPT-2's 256 byte characters.
fn byte_alphabet() -> Vec<char> {
    let printable = |b: u32| matches!(b, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 0x100;
    (0..256_u32)
        .map(|byte| {
            let code = if printable(byte) { byte } else { next };
            next += u32::from(!printable(byte));
            char::from_u32(code).unwrap()
        })
        .collect()
}

fn added(first: usize, tokens: &[&str]) -> Value {
    let token = |(i, content): (usize, &&str)| {
        json!({"id": first + i, "content": content, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false, "special": true})
    };
    tokens.iter().enumerate().map(token).collect()
}

/// Byte-level BPE like `SmolVLM`'s: bytes, some merges, special tokens from 260 on.
pub(crate) fn byte_level() -> Value {
    let mut vocab: Vec<String> = byte_alphabet().iter().map(char::to_string).collect();
    vocab.extend(["Ġt", "Ã©", "âĤ", "he"].map(str::to_owned));
    let vocab: serde_json::Map<_, _> =
        vocab.into_iter().enumerate().map(|(id, token)| (token, id.into())).collect();
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": null, "normalizer": null, "post_processor": null,
        "added_tokens": added(260, &["<|im_start|>", "<image>", "<end_of_utterance>"]),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "vocab": vocab,
                  "merges": [["Ġ", "t"], ["Ã", "©"], ["â", "Ĥ"], ["h", "e"]]}
    })
}

/// SentencePiece-style BPE with byte fallback like Llama's, which adds BOS.
fn llama() -> Value {
    let bytes = (0..256).map(|byte| format!("<0x{byte:02X}>"));
    let pieces = ["▁", "a", "b", "▁a", "é", "\u{FFFD}", "▁▁", "ab", "."].map(str::to_owned);
    let special = ["<unk>", "<s>", "</s>"];
    let all = special.map(str::to_owned).into_iter().chain(bytes).chain(pieces);
    let vocab: serde_json::Map<_, _> =
        all.enumerate().map(|(id, token)| (token, id.into())).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "pre_tokenizer": null,
        "added_tokens": added(0, &special),
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                  "vocab": vocab, "merges": [["▁", "a"], ["▁", "▁"], ["a", "b"]]}
    })
}

fn with_decoder(mut tokenizer: Value, decoder: Value) -> Value {
    tokenizer["decoder"] = decoder;
    tokenizer
}

fn open_with(files: &[(&str, Value)]) -> (tempfile::TempDir, Checkpoint, Tokenizer) {
    let dir = folder(files);
    let checkpoint = Checkpoint::open(dir.path()).unwrap();
    let tokenizer = Tokenizer::open(&checkpoint).unwrap();
    (dir, checkpoint, tokenizer)
}

fn open(tokenizer: Value) -> Tokenizer {
    open_with(&[("tokenizer.json", tokenizer)]).2
}

fn stream(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    let mut detokenizer = tokenizer.detokenizer();
    let mut pieces: Vec<String> =
        ids.iter().filter_map(|&id| detokenizer.push(id).unwrap()).collect();
    pieces.extend(detokenizer.finish().unwrap());
    pieces
}

#[test]
fn special_tokens_in_the_text_become_their_ids_and_saved_truncation_is_ignored() {
    let tokenizer = open(byte_level());
    let ids = tokenizer.encode("<|im_start|> the<image>12€<end_of_utterance>", true).unwrap();
    let alphabet = byte_alphabet();
    let id = |c: char| alphabet.iter().position(|&a| a == c).unwrap() as u32;
    assert_eq!(ids, [260, 256, 259, 261, id('1'), id('2'), 258, id('¬'), 262]);
    assert_eq!(tokenizer.decode(&ids).unwrap(), " the12€");
    assert_eq!(tokenizer.special_ids(), BTreeSet::from([260, 261, 262]));
}

#[test]
fn bos_is_added_to_a_prompt_unless_its_template_wrote_it() {
    let config = json!({"bos_token": {"content": "<s>"}});
    let (_dir, _, tokenizer) =
        open_with(&[("tokenizer.json", llama()), ("tokenizer_config.json", config)]);
    assert_eq!(tokenizer.encode_prompt("a").unwrap()[0], 1);
    assert_eq!(tokenizer.encode("a", false).unwrap(), tokenizer.encode_prompt("a").unwrap()[1..]);
    let written = tokenizer.encode_prompt("<s>a").unwrap();
    assert_eq!(written.iter().filter(|&&id| id == 1).count(), 1);
}

#[test]
fn tokens_that_only_the_config_calls_special_are_left_out_of_the_text() {
    let config =
        json!({"eos_token": "he", "extra_special_tokens": ["t"], "pad_token": "<not there>"});
    let (_dir, _, tokenizer) =
        open_with(&[("tokenizer.json", byte_level()), ("tokenizer_config.json", config)]);
    assert_eq!(tokenizer.decode(&tokenizer.encode("that heat", true).unwrap()).unwrap(), "ha a");
}

#[test]
fn ids_beyond_the_vocabulary_decode_to_nothing() {
    let tokenizer = open(byte_level());
    assert_eq!(tokenizer.decode(&[4000, 259, u32::MAX]).unwrap(), "he");
    assert_eq!(stream(&tokenizer, &[4000, 259, u32::MAX]), ["he"]);
}

#[test]
fn a_character_made_of_several_tokens_comes_in_one_piece() {
    let tokenizer = open(byte_level());
    let ids = tokenizer.encode("é€!", false).unwrap();
    assert_eq!(stream(&tokenizer, &ids), ["é", "€", "!"]);
    // Cut off in the middle, the rest shows as the crate shows it.
    assert_eq!(stream(&tokenizer, &ids[..2]), ["é", "\u{FFFD}"]);
}

#[test]
fn a_byte_run_that_turns_out_broken_is_never_returned_early() {
    let tokenizer = open(llama());
    let ids = [3 + 0xE2, 3 + 0x82, 3 + 0xAC, 3 + 0xE2, 260];
    let text = tokenizer.decode(&ids).unwrap();
    assert_eq!(text, "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}a");
    assert_eq!(stream(&tokenizer, &ids).concat(), text);
}

#[test]
fn a_missing_or_broken_tokenizer_names_the_file() {
    let error_of = |files: &[(&str, Value)]| {
        let dir = folder(files);
        Tokenizer::open(&Checkpoint::open(dir.path()).unwrap()).err().unwrap().to_string()
    };
    let missing = error_of(&[]);
    assert!(missing.contains("tokenizer.json is missing: download"), "{missing}");
    let slow = error_of(&[("vocab.json", json!({}))]);
    assert!(slow.contains("save_pretrained"), "{slow}");
    let broken = error_of(&[("tokenizer.json", json!({"version": "1.0"}))]);
    assert!(broken.contains("tokenizer.json: "), "{broken}");
}

#[test]
fn stop_ids_are_those_of_the_reference_and_the_ends_of_a_turn() {
    let ids = |files: &[(&str, Value)]| {
        let mut files = files.to_vec();
        files.push(("tokenizer.json", byte_level()));
        let (_dir, checkpoint, tokenizer) = open_with(&files);
        stop_ids(&checkpoint, &tokenizer, &["<end_of_utterance>", "<|end|>"])
    };
    let config =
        |eos: Value| json!({"model_type": "smolvlm", "text_config": {"eos_token_id": eos}});
    assert_eq!(ids(&[]), BTreeSet::from([262]));
    assert_eq!(ids(&[("config.json", config(json!(2)))]), BTreeSet::from([2, 262]));
    let generation = ("generation_config.json", json!({"eos_token_id": [7, 9]}));
    let both = [("config.json", config(json!(2))), generation];
    assert_eq!(ids(&both), BTreeSet::from([7, 9, 262]), "a leftover of the base model is not used");
    let tokenizer_config =
        ("tokenizer_config.json", json!({"eos_token": {"content": "<|im_start|>"}}));
    assert_eq!(ids(&[tokenizer_config]), BTreeSet::from([260, 262]));
}

fn ids(below: u32) -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(0..below, 0..40)
}

proptest! {
    #[test]
    fn byte_level_pieces_join_to_the_whole_text(ids in ids(270)) {
        let tokenizer = open(byte_level());
        prop_assert_eq!(stream(&tokenizer, &ids).concat(), tokenizer.decode(&ids).unwrap());
    }

    #[test]
    fn byte_fallback_pieces_join_to_the_whole_text(
        ids in proptest::collection::vec(prop_oneof![0..272_u32, 258..270_u32, 190..259_u32], 0..40)
    ) {
        let tokenizer = open(llama());
        prop_assert_eq!(stream(&tokenizer, &ids).concat(), tokenizer.decode(&ids).unwrap());
    }

    #[test]
    fn other_decoders_join_to_the_whole_text(ids in ids(272), which in 0..4_usize) {
        let decoder = [
            json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}),
            json!({"type": "WordPiece", "prefix": "a", "cleanup": true}),
            json!({"type": "Sequence", "decoders": [{"type": "Fuse"},
                {"type": "Strip", "content": "a", "start": 3, "stop": 0}]}),
            Value::Null,
        ][which].clone();
        let tokenizer = open(with_decoder(llama(), decoder));
        prop_assert_eq!(stream(&tokenizer, &ids).concat(), tokenizer.decode(&ids).unwrap());
    }

    #[test]
    fn text_survives_encoding_and_streaming(text in "[a-é€😀 .]{0,30}") {
        let tokenizer = open(byte_level());
        let ids = tokenizer.encode(&text, false).unwrap();
        let pieces = stream(&tokenizer, &ids);
        let broken = |piece: &String| piece.contains('\u{FFFD}');
        prop_assert_eq!(pieces.iter().find(|piece| broken(piece)), None);
        prop_assert_eq!(pieces.concat(), text);
    }
}
