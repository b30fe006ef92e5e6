//! The text of an answer, collected and handed on as its tokens come.

use super::tokenizer::{StreamingDetokenizer, TokenizerError};
use crate::vlm::ModelError;

/// Collects the text of an answer as its tokens come.
pub struct Answer<'a> {
    detokenizer: Option<StreamingDetokenizer<'a>>,
    text: String,
    on_text: &'a mut dyn FnMut(&str),
    error: Option<TokenizerError>,
}

impl<'a> Answer<'a> {
    /// An answer of no tokens yet; its pieces go to `on_text`.
    pub fn new(detokenizer: StreamingDetokenizer<'a>, on_text: &'a mut dyn FnMut(&str)) -> Self {
        Self { detokenizer: Some(detokenizer), text: String::new(), on_text, error: None }
    }

    /// Takes the next token.
    pub fn push(&mut self, id: u32) {
        let Some(detokenizer) = &mut self.detokenizer else { return };
        match detokenizer.push(id) {
            Ok(piece) => self.append(piece),
            Err(error) => self.error = Some(error),
        }
    }

    /// The whole text.
    ///
    /// # Errors
    /// When a token could not be decoded.
    pub fn finish(mut self) -> Result<String, ModelError> {
        let rest = self.detokenizer.take().map_or(Ok(None), StreamingDetokenizer::finish);
        match (self.error.take(), rest) {
            (Some(error), _) | (None, Err(error)) => Err(ModelError::Compute(error.to_string())),
            (None, Ok(rest)) => {
                self.append(rest);
                Ok(self.text)
            }
        }
    }

    fn append(&mut self, piece: Option<String>) {
        if let Some(piece) = piece {
            (self.on_text)(&piece);
            self.text.push_str(&piece);
        }
    }
}
