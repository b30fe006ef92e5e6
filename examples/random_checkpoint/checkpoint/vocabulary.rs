//! Entries, merges and added tokens of a BPE tokenizer, as `tokenizer.json` spells them.

use serde_json::{Map, Value, json};

/// Entries by id and the merges that lead to them.
#[derive(Default)]
pub struct Vocabulary {
    ids: Map<String, Value>,
    merges: Vec<String>,
}

impl Vocabulary {
    /// Gives an entry the next id, unless it has one.
    pub fn add(&mut self, entry: String) {
        let next = self.ids.len();
        self.ids.entry(entry).or_insert_with(|| next.into());
    }

    /// Lets text become this entry, character by character from its beginning. What text contains
    /// may be merged only once all characters are in.
    pub fn merge(&mut self, entry: &str) {
        let mut merged = String::new();
        for character in entry.chars() {
            if !merged.is_empty() {
                let merge = format!("{merged} {character}");
                if !self.merges.contains(&merge) {
                    self.merges.push(merge);
                }
            }
            merged.push(character);
            self.add(merged.clone());
        }
    }

    /// Fills up with entries that no text becomes.
    pub fn pad(&mut self, size: usize) {
        for id in self.ids.len()..size {
            self.add(format!("<unused_{id}>"));
        }
    }

    /// The `model` of `tokenizer.json`, with the fields that differ.
    pub fn model(self, more: Value) -> Value {
        let mut model = json!({
            "type": "BPE", "dropout": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "ignore_merges": false,
            "vocab": self.ids, "merges": self.merges
        });
        super::sizes::state(&mut model, more);
        model
    }
}

/// A token that is found in the text before anything else.
pub struct Added {
    pub id: usize,
    pub content: String,
    /// Takes the white space behind it along.
    pub rstrip: bool,
}

impl Added {
    pub fn new(id: usize, content: impl Into<String>) -> Self {
        Self { id, content: content.into(), rstrip: false }
    }

    fn fields(&self) -> Value {
        json!({
            "content": self.content, "single_word": false, "lstrip": false, "rstrip": self.rstrip,
            "normalized": false, "special": true
        })
    }
}

/// `added_tokens` of `tokenizer.json`.
pub fn added_tokens(added: &[Added]) -> Value {
    let token = |added: &Added| {
        let mut token = json!({"id": added.id});
        super::sizes::state(&mut token, added.fields());
        token
    };
    added.iter().map(token).collect()
}

/// `tokenizer_config.json`, with the fields that differ.
pub fn tokenizer_config(added: &[Added], more: Value) -> Value {
    let decoder: Map<String, Value> =
        added.iter().map(|added| (added.id.to_string(), added.fields())).collect();
    let mut config = json!({
        "added_tokens_decoder": decoder, "clean_up_tokenization_spaces": false,
        "model_max_length": 1_000_000_000_000_000_u64
    });
    super::sizes::state(&mut config, more);
    config
}
