//! The text of an answer, collected and handed on as its tokens come.

use super::tokenizer::{StreamingDetokenizer, TokenizerError};
use crate::vlm::{ModelError, Observer};

/// Collects the text of an answer as its tokens come.
pub struct Answer<'a> {
    detokenizer: Option<StreamingDetokenizer<'a>>,
    text: String,
    error: Option<TokenizerError>,
}

impl<'a> Answer<'a> {
    /// An answer of no tokens yet.
    pub fn new(detokenizer: StreamingDetokenizer<'a>) -> Self {
        Self { detokenizer: Some(detokenizer), text: String::new(), error: None }
    }

    /// Takes the next token and shows `observer` what it says.
    pub fn push(&mut self, id: u32, observer: &mut dyn Observer) {
        let Some(detokenizer) = &mut self.detokenizer else { return };
        match detokenizer.push(id) {
            Ok(piece) => self.append(piece, observer),
            Err(error) => self.error = Some(error),
        }
    }

    /// The whole text; `observer` is shown what it had not seen.
    ///
    /// # Errors
    /// When a token could not be decoded.
    pub fn finish(mut self, observer: &mut dyn Observer) -> Result<String, ModelError> {
        let rest = self.detokenizer.take().map_or(Ok(None), StreamingDetokenizer::finish);
        match (self.error.take(), rest) {
            (Some(error), _) | (None, Err(error)) => Err(ModelError::Compute(error.to_string())),
            (None, Ok(rest)) => {
                self.append(rest, observer);
                Ok(self.text)
            }
        }
    }

    fn append(&mut self, piece: Option<String>, observer: &mut dyn Observer) {
        if let Some(piece) = piece {
            observer.text(&piece);
            self.text.push_str(&piece);
        }
    }
}
