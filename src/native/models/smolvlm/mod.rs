//! `SmolVLM`, `SmolVLM2` and Idefics3: `SigLIP` tower, pixel shuffle, one linear
//! projection, Llama decoder. Reference: transformers 5.23, `modeling_smolvlm.py`
//! and `modeling_idefics3.py`, which differ in placeholder checks only.

use mlx_rs::{Array, error::Exception, ops};

use crate::{
    native::{
        LoadError,
        chat_template::{ChatTemplate, ContentStyle},
        checkpoint::Checkpoint,
        image_processor::{Idefics3ImageConfig, ProcessedImage, load_rgb},
        models::{Architecture, Prompt, decoder::Decoder, siglip::SiglipTower},
        nn::{kv_cache::KvCache, linear::Linear},
        tokenizer::Tokenizer,
        weights::{Scope, Weights, WeightsError},
    },
    vlm::{Chat, ModelError},
};

pub mod config;
pub mod prompt;

use config::SmolVlmConfig;
use prompt::{ImageTokens, TileGrid};

/// Frames encoded at once: bounds the tower's activations on images of many tiles.
const FRAMES_PER_BATCH: usize = 4;

/// A loaded model with everything that turns a chat into its input.
pub struct SmolVlm {
    config: SmolVlmConfig,
    image_config: Idefics3ImageConfig,
    image_tokens: ImageTokens,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    vision_model: SiglipTower,
    connector: Connector,
    decoder: Decoder,
}

/// Brings both spellings of the checkpoint's names to one: `vision_model.…`,
/// `connector.…`, `text_model.…` and `lm_head.…`. Original files put `model.`
/// before most names; MLX conversions call the text model `language_model`.
fn sanitize(name: &str) -> Option<String> {
    if name.contains("position_ids") || name.contains("rotary_emb.inv_freq") {
        return None;
    }
    let name = name.strip_prefix("model.").unwrap_or(name);
    Some(match name.strip_prefix("language_model.") {
        None => name.to_owned(),
        Some(rest) if rest.starts_with("lm_head.") => rest.to_owned(),
        Some(rest) => format!("text_model.{}", rest.strip_prefix("model.").unwrap_or(rest)),
    })
}

impl SmolVlm {
    /// Loads the checkpoint; its weights are evaluated when this returns. Also
    /// returns the precisions that its tensors are stored in.
    ///
    /// # Errors
    /// [`LoadError`] names the file, field or tensor.
    pub fn load(checkpoint: &Checkpoint) -> Result<(Self, String), LoadError> {
        let config = SmolVlmConfig::from_json(&checkpoint.config)?;
        let settings = checkpoint
            .image_processor
            .as_ref()
            .ok_or_else(|| LoadError::NoImageProcessor { folder: checkpoint.dir.clone() })?;
        let image_config = Idefics3ImageConfig::from_json(settings)?;
        if image_config.tile != config.vision.image_size {
            return Err(LoadError::TileSize {
                tile: image_config.tile,
                image_size: config.vision.image_size,
            });
        }
        let tokenizer = Tokenizer::open(checkpoint)?;
        let image_tokens = ImageTokens::from_tokenizer_config(checkpoint.tokenizer_config.as_ref());
        let found = tokenizer.require(&image_tokens.image)?;
        if found != config.image_token_id {
            return Err(LoadError::ImageToken {
                token: image_tokens.image,
                config: config.image_token_id,
                found,
            });
        }
        let template = ChatTemplate::open(checkpoint)?;
        let declared = checkpoint.tensors()?;
        let weights =
            Weights::load(&checkpoint.dir, &checkpoint.weight_files, &declared, sanitize)?;
        let root = weights.root();
        let vision_model = SiglipTower::new(&root.scope("vision_model"), &config.vision)?;
        let connector = Connector::new(&root.scope("connector.modality_projection"), &config)?;
        let (text, head) = (root.scope("text_model"), root.scope("lm_head"));
        let decoder = Decoder::new(&text, &head, &config.text, config.tie_word_embeddings)?;
        let precision = weights.finish()?;
        let model = Self {
            config,
            image_config,
            image_tokens,
            tokenizer,
            template,
            vision_model,
            connector,
            decoder,
        };
        Ok((model, precision))
    }

    fn process(&self, path: &std::path::Path) -> Result<ProcessedImage, ModelError> {
        let image = load_rgb(path).map_err(|error| ModelError::Image(error.to_string()))?;
        self.image_config
            .process(image.view())
            .map_err(|error| ModelError::Image(error.to_string()))
    }
}

impl Architecture for SmolVlm {
    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn template(&self) -> &ChatTemplate {
        &self.template
    }

    fn turn_ends(&self) -> &'static [&'static str] {
        &["<end_of_utterance>"]
    }

    fn prompt(&self, chat: &Chat) -> Result<Prompt, ModelError> {
        let refused = |error: &dyn std::error::Error| ModelError::Prompt(error.to_string());
        let images = chat.images().map(|path| self.process(path)).collect::<Result<Vec<_>, _>>()?;
        let grids: Vec<_> =
            images.iter().map(|image| TileGrid { rows: image.rows, cols: image.cols }).collect();
        let text = self
            .template
            .render(chat, ContentStyle::Parts, true)
            .map_err(|error| refused(&error))?;
        let expanded = self
            .image_tokens
            .expand(&text, &grids, self.config.image_seq_len())
            .map_err(|error| refused(&error))?;
        let ids = self.tokenizer.encode_prompt(&expanded).map_err(|error| refused(&error))?;
        let image_tokens = ids.iter().filter(|&&id| id == self.config.image_token_id).count();
        let token_ids = ids.into_iter().map(|id| id as i32).collect();
        Ok(Prompt { text, token_ids, image_tokens, images })
    }

    fn vision_features(&self, images: &[ProcessedImage]) -> Result<Option<Array>, Exception> {
        let mut features = Vec::new();
        for image in images {
            let frame = image.height * image.width * 3;
            for pixels in image.pixels.chunks(frame * FRAMES_PER_BATCH) {
                let shape =
                    [pixels.len() / frame, image.height, image.width, 3].map(|size| size as i32);
                let frames =
                    Array::from_slice(pixels, &shape).as_dtype(self.vision_model.dtype())?;
                let hidden = self.vision_model.forward(&frames)?;
                let projected = self.connector.forward(&hidden, self.vision_model.side())?;
                projected.eval()?;
                features.push(projected);
            }
        }
        match features.len() {
            0 => Ok(None),
            1 => Ok(features.pop()),
            _ => ops::concatenate(&features, 0).map(Some),
        }
    }

    fn embed_prompt(
        &self,
        token_ids: &[i32],
        features: Option<&Array>,
    ) -> Result<Array, Exception> {
        let length = token_ids.len() as i32;
        let text = self.decoder.embed(&Array::from_slice(token_ids, &[length]))?; // [n, hidden]
        let merged = match features {
            None => text,
            Some(features) => {
                // One gather from text and vision rows: row n + k is the k-th feature.
                let mut next = length..;
                let image = self.config.image_token_id as i32;
                let rows: Vec<i32> = (0..length)
                    .zip(token_ids)
                    .map(|(i, &id)| if id == image { next.next().unwrap_or(i) } else { i })
                    .collect();
                let table = ops::concatenate(&[&text, &features.as_dtype(text.dtype())?], 0)?;
                table.take_axis(Array::from_slice(&rows, &[length]), 0)?
            }
        };
        merged.expand_dims(0)
    }

    fn embed_token(&self, token: &Array) -> Result<Array, Exception> {
        self.decoder.embed(token)?.expand_dims(0)
    }

    fn logits(&self, x: Array, cache: &mut [KvCache]) -> Result<Array, Exception> {
        self.decoder.logits(x, cache)
    }

    fn new_cache(&self, positions: usize) -> Vec<KvCache> {
        self.decoder.new_cache(positions)
    }

    fn context_length(&self) -> usize {
        let text = &self.config.text;
        // The decoder attends to everything; up to a window's length that is the same.
        text.sliding_window.unwrap_or(usize::MAX).min(text.max_position_embeddings)
    }
}

/// Pixel shuffle and projection into the decoder's width.
#[derive(Debug)]
struct Connector {
    proj: Linear,
    scale: i32,
}

impl Connector {
    fn new(scope: &Scope<'_>, config: &SmolVlmConfig) -> Result<Self, WeightsError> {
        let scale = config.scale_factor as i32;
        let square = scale.saturating_mul(scale);
        let inputs = (config.vision.hidden_size as i32).saturating_mul(square);
        let outputs = config.text.hidden_size as i32;
        Ok(Self { proj: Linear::new(&scope.scope("proj"), inputs, outputs, false)?, scale })
    }

    /// `hidden` `[frames, side², d]` → `[frames · (side / scale)², text hidden]`:
    /// each scale × scale square of patches becomes one vector, its rows after one
    /// another.
    fn forward(&self, hidden: &Array, side: i32) -> Result<Array, Exception> {
        let (frames, width, s) = (hidden.dim(0), hidden.dim(2), self.scale);
        let grid = side / s;
        let squares = hidden
            .reshape(&[frames, grid, s, grid, s, width])?
            .transpose_axes(&[0, 1, 3, 2, 4, 5])?
            .reshape(&[frames * grid * grid, s * s * width])?;
        self.proj.forward(&squares)
    }
}
