//! A checkpoint's chat template: found where the checkpoint keeps it, rendered as
//! `apply_chat_template` of transformers renders it.

mod builtin;
mod engine;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::checkpoint::{Checkpoint, CheckpointError, json::read_json_object, token_content};
use crate::{
    sha256,
    vlm::{Chat, Content, Message, Role},
};

/// Why a prompt could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum ChatTemplateError {
    /// A file that may hold the template cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No template is in the checkpoint and none is built in.
    #[error("{} has no chat template and none is built in for model_type {model_type}: add chat_template.jinja", dir.display())]
    Missing {
        /// The checkpoint folder.
        dir: PathBuf,
        /// Its model type.
        model_type: String,
    },
    /// The template is malformed or refused the conversation.
    #[error("{origin}, line {line} of the template: {message}")]
    Template {
        /// Where the template comes from.
        origin: String,
        /// Line of the template, from 1; 0 when unknown.
        line: usize,
        /// What went wrong.
        message: String,
    },
}

/// How a template wants a message's content.
#[derive(Debug, Clone, Copy)]
pub enum ContentStyle {
    /// A list of `{"type": "image"}` and `{"type": "text", "text": …}`.
    Parts,
    /// One string: each image as the function writes it, then the texts, in order. The
    /// function gets the image's number within the conversation, from 1.
    Flat {
        /// Writes the placeholder of an image.
        image: fn(usize) -> String,
    },
}

/// A chat template and what it may refer to.
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    source: String,
    origin: String,
    special_tokens: Map<String, Value>,
}

impl ChatTemplate {
    /// Finds the template. The first that exists wins: `chat_template.jinja`, then
    /// `chat_template` of `chat_template.json`, of `processor_config.json` and of
    /// `tokenizer_config.json` (a string, or a list of `{name, template}` with a
    /// `default`), then the one built in for the model type.
    ///
    /// # Errors
    /// [`ChatTemplateError::Missing`], or an unreadable file.
    pub fn open(checkpoint: &Checkpoint) -> Result<Self, ChatTemplateError> {
        let (source, origin) = find(checkpoint)?;
        Ok(Self { source, origin, special_tokens: special_tokens(checkpoint) })
    }

    /// Renders a conversation. With `add_generation_prompt` it ends where the model
    /// starts to answer.
    ///
    /// # Errors
    /// [`ChatTemplateError::Template`] with file and line.
    pub fn render(
        &self,
        chat: &Chat,
        style: ContentStyle,
        add_generation_prompt: bool,
    ) -> Result<String, ChatTemplateError> {
        let mut context = self.special_tokens.clone();
        context.insert("messages".to_owned(), messages(chat, style));
        context.insert("add_generation_prompt".to_owned(), add_generation_prompt.into());
        engine::render(&self.source, &Value::Object(context)).map_err(|error| {
            ChatTemplateError::Template {
                origin: self.origin.clone(),
                line: error.line().unwrap_or(0),
                message: engine::message(&error),
            }
        })
    }

    /// The template as the checkpoint has it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where the template comes from: a file, or the program itself.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// SHA-256 of the template's text, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        sha256::of_bytes(self.source.as_bytes())
    }
}

fn find(checkpoint: &Checkpoint) -> Result<(String, String), ChatTemplateError> {
    let file = |name: &str| checkpoint.dir.join(name).display().to_string();
    let jinja = checkpoint.dir.join("chat_template.jinja");
    if jinja.exists() {
        let source = std::fs::read_to_string(&jinja)
            .map_err(|source| CheckpointError::Read { path: jinja, source })?;
        return Ok((source, file("chat_template.jinja")));
    }
    let own = read_json_object(&checkpoint.dir.join("chat_template.json"))?;
    let places = [
        ("chat_template.json", own.as_ref()),
        ("processor_config.json", checkpoint.processor_config.as_ref()),
        ("tokenizer_config.json", checkpoint.tokenizer_config.as_ref()),
    ];
    for (name, json) in places {
        if let Some(source) = json.and_then(|json| named_default(json.get("chat_template")?)) {
            return Ok((source.to_owned(), file(name)));
        }
    }
    let text_config = checkpoint.config.get("text_config");
    let text_type = text_config.and_then(|config| config.get("model_type")).and_then(Value::as_str);
    let Some(source) = builtin::template(&checkpoint.model_type, text_type) else {
        return Err(ChatTemplateError::Missing {
            dir: checkpoint.dir.clone(),
            model_type: checkpoint.model_type.clone(),
        });
    };
    tracing::info!(
        dir = %checkpoint.dir.display(),
        model_type = checkpoint.model_type,
        "checkpoint has no chat template, using the built-in one"
    );
    Ok((source.to_owned(), format!("built-in template of {}", checkpoint.model_type)))
}

/// A template spelled as a string, as a list of `{name, template}` or as an object of
/// templates; of several, the one named `default`.
fn named_default(value: &Value) -> Option<&str> {
    let is_default = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some("default");
    match value {
        Value::String(template) => Some(template),
        Value::Array(named) => named.iter().find(is_default)?.get("template")?.as_str(),
        Value::Object(named) => named.get("default")?.as_str(),
        _ => None,
    }
}

/// `bos_token`, `eos_token` and their like, which templates use as variables.
fn special_tokens(checkpoint: &Checkpoint) -> Map<String, Value> {
    let config = checkpoint.tokenizer_config.as_ref().and_then(Value::as_object);
    let tokens = config.into_iter().flatten().filter(|(key, _)| key.ends_with("_token"));
    tokens.filter_map(|(key, value)| Some((key.clone(), token_content(value)?.into()))).collect()
}

fn messages(chat: &Chat, style: ContentStyle) -> Value {
    let mut images = 0;
    let message = |message: &Message| {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let content = match style {
            ContentStyle::Parts => message.content.iter().map(part).collect(),
            ContentStyle::Flat { image } => Value::String(flat(message, image, &mut images)),
        };
        json!({"role": role, "content": content})
    };
    chat.messages.iter().map(message).collect()
}

fn part(content: &Content) -> Value {
    match content {
        Content::Image { .. } => json!({"type": "image"}),
        Content::Text { text } => json!({"type": "text", "text": text}),
    }
}

fn flat(message: &Message, image: fn(usize) -> String, images: &mut usize) -> String {
    let placeholders = message.images().map(|_| {
        *images += 1;
        image(*images)
    });
    let mut content: String = placeholders.collect();
    for part in &message.content {
        if let Content::Text { text } = part {
            content.push_str(text);
        }
    }
    content
}

#[cfg(test)]
mod tests;
