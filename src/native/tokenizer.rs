//! A checkpoint's tokenizer: `tokenizer.json` through the `tokenizers` crate, with the
//! special tokens that `tokenizer_config.json` adds.

pub mod detokenizer;
pub mod stop_ids;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tokenizers::AddedToken;

pub use self::{detokenizer::StreamingDetokenizer, stop_ids::stop_ids};
use super::checkpoint::{Checkpoint, token_content};

/// Why a tokenizer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// There is no `tokenizer.json`.
    #[error("{} is missing: {hint}", path.display())]
    Missing {
        /// Where it should lie.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// `tokenizer.json` cannot be read or parsed.
    #[error("{}: {message}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where there are any.
        message: String,
    },
    /// Text could not be split into tokens.
    #[error("cannot tokenise the prompt: {0}")]
    Encode(String),
    /// Ids could not be turned into text.
    #[error("cannot decode token ids: {0}")]
    Decode(String),
    /// A token the model needs is not in the vocabulary.
    #[error("{} has no token {token}: it belongs to another model", path.display())]
    UnknownToken {
        /// The tokenizer file.
        path: PathBuf,
        /// The token.
        token: String,
    },
}

/// A tokenizer as `AutoTokenizer.from_pretrained` would set it up.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    bos: Option<String>,
}

impl Tokenizer {
    /// Loads `tokenizer.json` of a checkpoint and marks the special tokens that its
    /// `tokenizer_config.json` names, where the vocabulary has them.
    ///
    /// # Errors
    /// [`TokenizerError::Missing`] and [`TokenizerError::Load`] naming the file.
    pub fn open(checkpoint: &Checkpoint) -> Result<Self, TokenizerError> {
        let path = checkpoint.dir.join("tokenizer.json");
        if !path.exists() {
            return Err(TokenizerError::Missing { hint: missing_hint(&checkpoint.dir), path });
        }
        let failed = |e: tokenizers::Error| TokenizerError::Load {
            path: path.clone(),
            message: e.to_string(),
        };
        let mut inner = tokenizers::Tokenizer::from_file(&path).map_err(failed)?;
        // The reference tokenises without truncation and padding, whatever was saved.
        inner.with_truncation(None).map_err(failed)?;
        inner.with_padding(None);
        let special = configured_special_tokens(checkpoint.tokenizer_config.as_ref());
        let known = special.into_iter().filter(|token| {
            inner.token_to_id(token).is_some()
                && !inner.get_added_vocabulary().is_special_token(token)
        });
        let known: Vec<_> = known.map(|token| AddedToken::from(token, true)).collect();
        inner.add_special_tokens(known).map_err(failed)?;
        Ok(Self { inner, bos: checkpoint.special_token("bos_token").map(str::to_owned), path })
    }

    /// Token ids of `text`. Special tokens spelled in the text become their ids;
    /// `add_special_tokens` adds what the tokenizer's post-processor adds, such as BOS.
    ///
    /// # Errors
    /// [`TokenizerError::Encode`].
    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self.inner.encode_fast(text, add_special_tokens);
        encoding
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|e| TokenizerError::Encode(e.to_string()))
    }

    /// Token ids of a rendered prompt: with the tokenizer's special tokens, unless the
    /// template has already written BOS (`ProcessorMixin.apply_chat_template` of
    /// transformers).
    ///
    /// # Errors
    /// [`TokenizerError::Encode`].
    pub fn encode_prompt(&self, prompt: &str) -> Result<Vec<u32>, TokenizerError> {
        let has_bos = self.bos.as_ref().is_some_and(|bos| prompt.starts_with(bos));
        self.encode(prompt, !has_bos)
    }

    /// Text of `ids` without special tokens. Ids past the vocabulary (padding rows of
    /// the embedding) decode to nothing.
    ///
    /// # Errors
    /// [`TokenizerError::Decode`].
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, true).map_err(|e| TokenizerError::Decode(e.to_string()))
    }

    /// Text of `ids` with special tokens as they are spelled.
    ///
    /// # Errors
    /// [`TokenizerError::Decode`].
    pub fn spell(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, false).map_err(|e| TokenizerError::Decode(e.to_string()))
    }

    /// Decodes a growing answer piece by piece.
    pub fn detokenizer(&self) -> StreamingDetokenizer<'_> {
        StreamingDetokenizer::new(self)
    }

    /// Id of a token, or `None` where the vocabulary lacks it.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Id of a token that the model cannot do without.
    ///
    /// # Errors
    /// [`TokenizerError::UnknownToken`] naming it.
    pub fn require(&self, token: &str) -> Result<u32, TokenizerError> {
        self.id(token).ok_or_else(|| TokenizerError::UnknownToken {
            path: self.path.clone(),
            token: token.to_owned(),
        })
    }

    /// Ids that [`Tokenizer::decode`] leaves out.
    pub fn special_ids(&self) -> BTreeSet<u32> {
        let added = self.inner.get_added_vocabulary().get_added_tokens_decoder();
        added.iter().filter(|(_, token)| token.special).map(|(&id, _)| id).collect()
    }

    /// The spelling of an id, or `None` where it decodes to nothing.
    fn visible(&self, id: u32) -> Option<String> {
        let token = self.inner.id_to_token(id)?;
        (!self.inner.get_added_vocabulary().is_special_token(&token)).then_some(token)
    }
}

fn missing_hint(dir: &Path) -> &'static str {
    if dir.join("tokenizer.model").exists() || dir.join("vocab.json").exists() {
        "save the tokenizer in the fast format (`AutoTokenizer.from_pretrained(dir).save_pretrained(dir)`)"
    } else {
        "download the checkpoint's tokenizer files too"
    }
}

/// Special tokens that `tokenizer_config.json` names: `PreTrainedTokenizerFast` makes
/// them special even where `tokenizer.json` does not say so.
fn configured_special_tokens(config: Option<&Value>) -> BTreeSet<String> {
    const NAMED: [&str; 7] = [
        "bos_token",
        "eos_token",
        "unk_token",
        "sep_token",
        "pad_token",
        "cls_token",
        "mask_token",
    ];
    let Some(config) = config else { return BTreeSet::new() };
    let named = NAMED.iter().filter_map(|key| config.get(key));
    let listed = ["additional_special_tokens", "extra_special_tokens"]
        .into_iter()
        .filter_map(|key| config.get(key))
        .flat_map(|tokens| match tokens {
            Value::Array(tokens) => tokens.iter().collect::<Vec<_>>(),
            Value::Object(tokens) => tokens.values().collect(),
            _ => Vec::new(),
        });
    let added = config.get("added_tokens_decoder").and_then(Value::as_object);
    let added = added
        .into_iter()
        .flat_map(|tokens| tokens.values())
        .filter(|token| token.get("special").and_then(Value::as_bool) == Some(true));
    named.chain(listed).chain(added).filter_map(token_content).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
