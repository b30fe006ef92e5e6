//! What turns a chat into ids in every family: tokenizer and chat template.

use serde_json::Value;

use super::prompt::PromptError;
use crate::{
    native::{
        LoadError,
        chat_template::{ChatTemplate, ContentStyle},
        checkpoint::{Checkpoint, token_content},
        tokenizer::Tokenizer,
    },
    vlm::Chat,
};

/// A checkpoint's tokenizer and chat template.
pub struct TextSide {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// The chat template.
    pub template: ChatTemplate,
}

impl TextSide {
    /// Reads both from a checkpoint.
    ///
    /// # Errors
    /// [`LoadError`] naming the file.
    pub fn open(checkpoint: &Checkpoint) -> Result<Self, LoadError> {
        Ok(Self {
            tokenizer: Tokenizer::open(checkpoint)?,
            template: ChatTemplate::open(checkpoint)?,
        })
    }

    /// Renders `chat`: with `add_generation_prompt` up to where the model starts to answer,
    /// else up to the end of its last turn.
    ///
    /// # Errors
    /// When the template refuses it.
    pub fn render(
        &self,
        chat: &Chat,
        style: ContentStyle,
        add_generation_prompt: bool,
    ) -> Result<String, PromptError> {
        Ok(self.template.render(chat, style, add_generation_prompt)?)
    }

    /// Ids of an expanded prompt, see [`Tokenizer::encode_prompt`].
    ///
    /// # Errors
    /// When it cannot be tokenised.
    pub fn encode(&self, prompt: &str) -> Result<Vec<i32>, PromptError> {
        let ids = self.tokenizer.encode_prompt(prompt)?;
        Ok(ids.into_iter().map(|id| id as i32).collect())
    }

    /// Makes sure that the tokenizer knows `token` by the id that config.json gives the
    /// positions of an image.
    ///
    /// # Errors
    /// [`LoadError`] naming both ids, or the token that is missing.
    pub fn check_image_token(&self, token: &str, config: u32) -> Result<(), LoadError> {
        let found = self.tokenizer.require(token)?;
        if found == config {
            return Ok(());
        }
        Err(LoadError::ImageToken { token: token.to_owned(), config, found })
    }
}

/// The spelling of a special token that `processor_config.json` or
/// `tokenizer_config.json` gives (there also among its `extra_special_tokens`), else the
/// standard one.
pub fn special_token(checkpoint: &Checkpoint, key: &str, standard: &str) -> String {
    let in_processor = checkpoint.processor_config.as_ref().and_then(|config| config.get(key));
    let named = in_processor
        .and_then(token_content)
        .or_else(|| in_tokenizer_config(checkpoint.tokenizer_config.as_ref()?, key));
    named.unwrap_or(standard).to_owned()
}

fn in_tokenizer_config<'a>(config: &'a Value, key: &str) -> Option<&'a str> {
    let extra = || config.get("extra_special_tokens")?.get(key);
    config.get(key).or_else(extra).and_then(token_content)
}
