//! A tokenizer of the Llama 2 and Mistral kind: BPE over characters, `▁` for blanks and before
//! every piece of text, bytes where a character is unknown, BOS in front.

use serde_json::{Value, json};

use super::vocabulary::{Added, Vocabulary, added_tokens};

/// Entries below the added tokens.
pub const SIZE: usize = 32000;

/// Some of the words that Llama 2 has an entry for or, like `Describe`, takes apart: with them
/// the prompts of the published token counts have the published lengths.
const PIECES: [&str; 6] = ["Des", "cribe", "▁this", "▁image", "▁Hi", "▁there"];

/// `<unk>`, `<s>` and `</s>`, then these.
pub fn all_added(more: Vec<Added>) -> Vec<Added> {
    let base = ["<unk>", "<s>", "</s>"].into_iter().enumerate();
    base.map(|(id, content)| Added::new(id, content)).chain(more).collect()
}

/// `tokenizer.json`.
pub fn tokenizer(added: &[Added]) -> Value {
    let mut vocabulary = Vocabulary::default();
    for token in ["<unk>", "<s>", "</s>"] {
        vocabulary.add(token.to_owned());
    }
    for byte in 0..=255_u8 {
        vocabulary.add(format!("<0x{byte:02X}>"));
    }
    for character in ('!'..='~').chain(['▁']) {
        vocabulary.add(character.to_string());
    }
    for piece in PIECES {
        vocabulary.merge(piece);
    }
    vocabulary.pad(SIZE);
    let bos = json!({"SpecialToken": {"id": "<s>", "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added_tokens(added),
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
        ]},
        "pre_tokenizer": null,
        "post_processor": {
            "type": "TemplateProcessing", "single": [bos, text], "pair": [bos, text, bos, text],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}
        },
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        ]},
        "model": vocabulary.model(
            json!({"unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true})
        )
    })
}
