//! A loaded checkpoint, put together from a family and the parts that all families share.

use mlx_rs::{Array, error::Exception, ops};

use super::{
    decoder::{Decoder, DecoderCache},
    prompt::{PromptError, TokenizedChat},
    text_side::TextSide,
};
use crate::{
    native::{
        chat_template::ChatTemplate,
        image_processor::{ImageError, ImageLayout, ProcessedImage, RgbView},
        nn::rope::Regime,
        tokenizer::Tokenizer,
    },
    vlm::Chat,
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

    /// How many positions of the decoder an image fills.
    fn positions(&self, image: &ImageLayout) -> usize;

    /// Renders, expands and tokenises a chat whose images became `images`: up to where the
    /// model starts to answer, or without `add_generation_prompt` up to the end of the last turn.
    ///
    /// # Errors
    /// When the template refuses the chat or text and images do not belong together.
    fn tokenize(
        &self,
        text: &TextSide,
        chat: &Chat,
        images: &[ImageLayout],
        add_generation_prompt: bool,
    ) -> Result<TokenizedChat, PromptError>;

    /// Whether a vision feature replaces the embedding of this id.
    fn is_image_position(&self, id: i32) -> bool;

    /// Vision features of one image in the order of its positions, `[positions, hidden]`.
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

    /// The frames the vision tower sees of an image.
    ///
    /// # Errors
    /// When the image cannot be brought to the sizes the model needs.
    pub fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        self.family.process(image)
    }

    /// How many positions of the decoder an image fills.
    pub fn positions(&self, image: &ImageLayout) -> usize {
        self.family.positions(image)
    }

    /// Renders, expands and tokenises `chat`, whose images became `images`: up to where the
    /// model starts to answer, or without `add_generation_prompt` up to the end of the last turn.
    ///
    /// # Errors
    /// When the template refuses the chat or text and images do not belong together.
    pub fn tokenize(
        &self,
        chat: &Chat,
        images: &[ImageLayout],
        add_generation_prompt: bool,
    ) -> Result<TokenizedChat, PromptError> {
        let chat = self.family.tokenize(&self.text, chat, images, add_generation_prompt)?;
        let features = images.iter().map(|image| self.positions(image)).sum();
        match chat.token_ids.iter().filter(|&&id| self.is_image_position(id)).count() {
            positions if positions == features => Ok(chat),
            positions => Err(PromptError::Positions { positions, features }),
        }
    }

    /// Whether a vision feature replaces the embedding of this id.
    pub fn is_image_position(&self, id: i32) -> bool {
        self.family.is_image_position(id)
    }

    /// Vision features of one image, evaluated, `[positions, hidden]`.
    ///
    /// # Errors
    /// When MLX refuses or fails the computation.
    pub fn encode(&self, image: &ProcessedImage) -> Result<Array, Exception> {
        let features = self.family.encode(image)?;
        let (found, expected) = (features.dim(0) as usize, self.positions(&image.layout));
        if found != expected {
            return Err(Exception::custom(format!(
                "an image of {expected} positions has {found} features"
            )));
        }
        features.eval()?;
        Ok(features)
    }

    /// Token embeddings with `features`, one row each, in the image positions,
    /// `[1, n, hidden]`.
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

    /// Runs `x` `[1, n, hidden]` after the positions in `cache`; float32 logits
    /// `[n, vocab]` of all of them.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn all_logits(&self, x: Array, cache: &mut DecoderCache) -> Result<Array, Exception> {
        self.decoder.all_logits(x, cache)
    }

    /// An empty cache with room for `positions`, for a sequence of `length` positions.
    pub fn new_cache(&self, positions: usize, length: usize) -> DecoderCache {
        self.decoder.new_cache(positions, length)
    }

    /// Bytes of a cache with room for as few positions as are allocated at once.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn smallest_cache_bytes(&self) -> Result<u64, Exception> {
        self.decoder.smallest_cache_bytes()
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
