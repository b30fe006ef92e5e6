//! A tokenizer of the GPT-2 kind: BPE over bytes, digits one by one, nothing in front.

use serde_json::{Value, json};

use super::vocabulary::{Added, Vocabulary, added_tokens};

/// Entries below the added tokens.
pub const SIZE: usize = 49152;

/// `<|endoftext|>`, `<|im_start|>` and `<|im_end|>`, which are entries too.
const FIRST: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// The first three, then these.
pub fn all_added(more: Vec<Added>) -> Vec<Added> {
    let first = FIRST.into_iter().enumerate();
    first.map(|(id, content)| Added::new(id, content)).chain(more).collect()
}

/// `tokenizer.json`.
pub fn tokenizer(added: &[Added]) -> Value {
    let mut vocabulary = Vocabulary::default();
    for token in FIRST {
        vocabulary.add(token.to_owned());
    }
    for byte in 0..=255 {
        vocabulary.add(character(byte).to_string());
    }
    // Two line breaks in a row are one token: the prompt of a tiled image has them.
    let line_break = character(b'\n');
    vocabulary.merge(&format!("{line_break}{line_break}"));
    vocabulary.pad(SIZE);
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added_tokens(added),
        "normalizer": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
        ]},
        "post_processor": null,
        "decoder": {
            "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true
        },
        "model": vocabulary.model(
            json!({"unk_token": null, "fuse_unk": false, "byte_fallback": false})
        )
    })
}

/// The printable character that stands for a byte: itself if it is one, else the next from
/// U+0100 on.
fn character(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&byte| !printable(byte)).count() as u32;
    char::from_u32(0x100 + before).unwrap_or('\u{fffd}')
}
