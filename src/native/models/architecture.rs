//! A loaded checkpoint, put together from a family and the parts that all families share.

use mlx_rs::{Array, error::Exception, ops};

use super::{
    decoder::{Decoder, DecoderCache},
    prompt::{Prompt, PromptError, TokenizedChat},
    text_side::TextSide,
};
use crate::{
    native::{
        chat_template::ChatTemplate,
        image_processor::{ImageError, ProcessedImage, RgbView, load_rgb},
        nn::rope::Regime,
        tokenizer::Tokenizer,
    },
    vlm::{Chat, ModelError},
};

/// What a family supplies.
pub trait Family {
    /// Tokens that end a turn of this family, beside those the checkpoint names.
    fn turn_ends(&self) -> &'static [&'static str];

    /// The frames the vision tower sees of an image.
    ///
    /// # Errors
    /// When the image cannot be brought to the sizes the model needs.
    fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError>;

    /// Renders, expands and tokenises a chat whose images became `images`.
    ///
    /// # Errors
    /// When the template refuses the chat or text and images do not belong together.
    fn tokenize(
        &self,
        text: &TextSide,
        chat: &Chat,
        images: &[ProcessedImage],
    ) -> Result<TokenizedChat, PromptError>;

    /// Whether a vision feature replaces the embedding of this id.
    fn is_image_position(&self, id: i32) -> bool;

    /// Vision features of one image in the order of its positions, evaluated,
    /// `[positions, hidden]`.
    ///
    /// # Errors
    /// When MLX refuses or fails the computation.
    fn encode(&self, image: &ProcessedImage) -> Result<Array, Exception>;
}

/// A family with its text side and decoder.
pub struct Architecture {
    family: Box<dyn Family>,
    text: TextSide,
    decoder: Decoder,
}

impl Architecture {
    /// Puts the parts together.
    pub fn new(family: impl Family + 'static, text: TextSide, decoder: Decoder) -> Self {
        Self { family: Box::new(family), text, decoder }
    }

    /// The checkpoint's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.text.tokenizer
    }

    /// The checkpoint's chat template.
    pub fn template(&self) -> &ChatTemplate {
        &self.text.template
    }

    /// Tokens that end a turn, beside those the checkpoint names.
    pub fn turn_ends(&self) -> &'static [&'static str] {
        self.family.turn_ends()
    }

    /// Renders, expands and tokenises `chat` and processes its images.
    ///
    /// # Errors
    /// [`ModelError::Image`] for an image, [`ModelError::Prompt`] for the rest.
    pub fn prompt(&self, chat: &Chat) -> Result<Prompt, ModelError> {
        let process = |path| {
            let image = load_rgb(path)?;
            self.family.process(image.view())
        };
        let images = chat
            .images()
            .map(|path| process(path).map_err(|error| ModelError::Image(error.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        let TokenizedChat { text, token_ids } = self
            .family
            .tokenize(&self.text, chat, &images)
            .map_err(|error| ModelError::Prompt(error.to_string()))?;
        let image_tokens =
            token_ids.iter().filter(|&&id| self.family.is_image_position(id)).count();
        Ok(Prompt { text, token_ids, image_tokens, images })
    }

    /// Vision features of all images, evaluated, `[image_tokens, hidden]`; `None`
    /// when there is no image.
    ///
    /// # Errors
    /// When MLX refuses or fails the computation.
    pub fn vision_features(&self, images: &[ProcessedImage]) -> Result<Option<Array>, Exception> {
        let mut features =
            images.iter().map(|image| self.family.encode(image)).collect::<Result<Vec<_>, _>>()?;
        match features.len() {
            0 => Ok(None),
            1 => Ok(features.pop()),
            _ => ops::concatenate(&features, 0).map(Some),
        }
    }

    /// Token embeddings with `features` in the image positions, `[1, n, hidden]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn embed_prompt(
        &self,
        token_ids: &[i32],
        features: Option<&Array>,
    ) -> Result<Array, Exception> {
        let length = token_ids.len() as i32;
        // Whatever an image position is called, its own embedding is never used.
        let is_image = |id: i32| features.is_some() && self.family.is_image_position(id);
        let text_ids: Vec<i32> =
            token_ids.iter().map(|&id| if is_image(id) { 0 } else { id }).collect();
        let text = self.decoder.embed(&Array::from_slice(&text_ids, &[length]))?; // [n, hidden]
        let merged = match features {
            None => text,
            Some(features) => {
                // One gather from text and vision rows: row n + k is the k-th feature.
                let mut next = length..;
                let rows: Vec<i32> = (0..length)
                    .zip(token_ids)
                    .map(|(i, &id)| if is_image(id) { next.next().unwrap_or(i) } else { i })
                    .collect();
                let table = ops::concatenate(&[&text, &features.as_dtype(text.dtype())?], 0)?;
                table.take_axis(Array::from_slice(&rows, &[length]), 0)?
            }
        };
        merged.expand_dims(0)
    }

    /// Token ids, integer `[n]` → `[1, n, hidden]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn embed_tokens(&self, ids: &Array) -> Result<Array, Exception> {
        self.decoder.embed(ids)?.expand_dims(0)
    }

    /// Runs `x` `[1, n, hidden]` after the positions in `cache`; float32 logits
    /// `[vocab]` of the last position.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn logits(&self, x: Array, cache: &mut DecoderCache) -> Result<Array, Exception> {
        self.decoder.logits(x, cache)
    }

    /// An empty cache with room for `positions`, for a sequence of `length` positions.
    pub fn new_cache(&self, positions: usize, length: usize) -> DecoderCache {
        self.decoder.new_cache(positions, length)
    }

    /// The rotary regime of a sequence of `length` positions.
    pub fn regime(&self, length: usize) -> Regime {
        self.decoder.regime(length)
    }

    /// Most positions the decoder was made for.
    pub fn context_length(&self) -> usize {
        self.decoder.context_length()
    }
}
