//! A chat as the decoder will see it, and the placeholders of images in it.

use crate::native::{chat_template::ChatTemplateError, tokenizer::TokenizerError};

/// What a family makes of a chat and the shapes of its images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizedChat {
    /// The rendered chat template, image placeholders not expanded.
    pub text: String,
    /// The expanded token ids; which of them are image positions,
    /// [`Family::is_image_position`](super::Family::is_image_position) tells.
    pub token_ids: Vec<i32>,
}

/// A chat that cannot become a prompt.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Every placeholder needs an image and every image a placeholder.
    #[error(
        "the prompt has {placeholders} {token} placeholders for {images} images: the text of a message must not contain {token}"
    )]
    ImageCount {
        /// Placeholders in the rendered prompt.
        placeholders: usize,
        /// Images of the conversation.
        images: usize,
        /// The placeholder.
        token: String,
    },
    /// Something other than a placeholder stands for an image position.
    #[error(
        "the prompt has {positions} image positions, but its images fill {features}: the text of a message must not contain image tokens"
    )]
    Positions {
        /// Image positions among the token ids.
        positions: usize,
        /// Positions that the images fill.
        features: usize,
    },
    /// Numbered placeholders count the images of the conversation.
    #[error(
        "the prompt shows <|image_{found}|> where image {expected} comes next: the text of a message must not contain image placeholders"
    )]
    ImageNumber {
        /// What the prompt says.
        found: String,
        /// What the conversation has.
        expected: usize,
    },
    /// The chat template refused the conversation.
    #[error(transparent)]
    Template(#[from] ChatTemplateError),
    /// The text could not be tokenised.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// `prompt` with each `placeholder` replaced by as many as its image has positions.
///
/// # Errors
/// [`PromptError::ImageCount`] naming both counts.
pub fn repeat_placeholders(
    prompt: &str,
    placeholder: &str,
    positions: &[usize],
) -> Result<String, PromptError> {
    let segments = segments(prompt, placeholder, positions.len())?;
    let repeated: usize = positions.iter().map(|count| count * placeholder.len()).sum();
    let mut expanded = String::with_capacity(prompt.len() + repeated);
    for (number, segment) in segments.enumerate() {
        if let Some(count) = number.checked_sub(1).and_then(|image| positions.get(image)) {
            expanded.extend(std::iter::repeat_n(placeholder, *count));
        }
        expanded.push_str(segment);
    }
    Ok(expanded)
}

/// The text before, between and after the placeholders, which are as many as `images`.
///
/// # Errors
/// [`PromptError::ImageCount`] naming both counts.
pub fn segments<'a>(
    prompt: &'a str,
    placeholder: &'a str,
    images: usize,
) -> Result<std::str::Split<'a, &'a str>, PromptError> {
    let segments = prompt.split(placeholder);
    match segments.clone().count() - 1 {
        placeholders if placeholders == images => Ok(segments),
        placeholders => {
            Err(PromptError::ImageCount { placeholders, images, token: placeholder.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_placeholder_is_repeated_for_its_own_image() {
        let expanded = repeat_placeholders("a<i>b<i>", "<i>", &[2, 3]).unwrap();
        assert_eq!(expanded, "a<i><i>b<i><i><i>");
        assert_eq!(repeat_placeholders("text", "<i>", &[]).unwrap(), "text");
    }

    #[test]
    fn a_placeholder_without_image_is_refused_with_both_counts() {
        let error = repeat_placeholders("<image><image>", "<image>", &[1]).unwrap_err();
        assert!(error.to_string().contains("2 <image> placeholders for 1 images"), "{error}");
    }
}
