//! Native MLX inference of a checkpoint in Hugging Face layout.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Instant,
};

use crate::vlm::{
    Chat, Generation, GenerationOptions, ModelError, Timings, Usage, VisionLanguageModel,
};

pub mod chat_template;
pub mod checkpoint;
pub mod generate;
pub mod image_processor;
pub mod models;
pub mod nn;
pub mod safetensors_header;
pub mod sampler;
pub mod tokenizer;
pub mod weights;

use self::{
    chat_template::ChatTemplateError,
    checkpoint::{Checkpoint, CheckpointError},
    image_processor::ImageError,
    models::{Architecture, MODEL_TYPES, config_fields::ConfigError},
    tokenizer::{TokenizerError, stop_ids},
    weights::WeightsError,
};

/// Why a checkpoint cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file of the checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A field of config.json.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting of the image processor.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template.
    #[error(transparent)]
    ChatTemplate(#[from] ChatTemplateError),
    /// The tensors.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A family that is not built.
    #[error("{}: model_type `{found}` is not built yet; built are {}", folder.display(), MODEL_TYPES.join(", "))]
    ModelType {
        /// What config.json says.
        found: String,
        /// The checkpoint.
        folder: PathBuf,
    },
    /// No settings for the images.
    #[error("{}: no preprocessor_config.json and no image_processor in processor_config.json; copy one from the published repository", folder.display())]
    NoImageProcessor {
        /// The checkpoint.
        folder: PathBuf,
    },
    /// The image processor makes frames of another size than the tower reads.
    #[error(
        "preprocessor_config.json: max_image_size is {tile}, but vision_config.image_size in config.json is {image_size}"
    )]
    TileSize {
        /// Side of a frame.
        tile: usize,
        /// What the tower reads.
        image_size: usize,
    },
    /// Config and tokenizer disagree about the image token.
    #[error("config.json: image_token_id is {config}, but tokenizer.json has `{token}` at {found}")]
    ImageToken {
        /// Its spelling.
        token: String,
        /// The id in config.json.
        config: u32,
        /// The id in tokenizer.json.
        found: u32,
    },
}

/// A checkpoint that answers.
pub struct NativeModel {
    architecture: Box<dyn Architecture>,
    stop: BTreeSet<u32>,
    model_type: String,
    precision: String,
}

impl NativeModel {
    /// Loads the checkpoint in `folder`; its weights are evaluated when this returns.
    ///
    /// # Errors
    /// [`LoadError`] names the file, field or tensor.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        let checkpoint = Checkpoint::open(folder)?;
        let (architecture, precision) = models::load(&checkpoint)?;
        let stop = stop_ids(&checkpoint, architecture.tokenizer(), architecture.turn_ends());
        Ok(Self { architecture, stop, model_type: checkpoint.model_type, precision })
    }

    /// `model_type` of config.json.
    pub fn model_type(&self) -> &str {
        &self.model_type
    }

    /// The precisions of the stored tensors, such as `bfloat16` or `4-bit (group 64), float16`.
    pub fn precision(&self) -> &str {
        &self.precision
    }

    /// SHA-256 of the chat template.
    pub fn template_sha256(&self) -> String {
        self.architecture.template().sha256()
    }

    fn check_length(&self, prompt_tokens: usize, max_tokens: usize) -> Result<(), ModelError> {
        let limit = self.architecture.context_length();
        if prompt_tokens == 0 {
            return Err(ModelError::Prompt(
                "the chat template rendered an empty prompt".to_owned(),
            ));
        }
        if prompt_tokens + max_tokens > limit {
            return Err(ModelError::Prompt(format!(
                "the prompt has {prompt_tokens} tokens and {max_tokens} may follow, but the model was made for {limit}; use fewer images, a shorter conversation or a smaller --max-tokens"
            )));
        }
        Ok(())
    }
}

impl VisionLanguageModel for NativeModel {
    fn generate(
        &mut self,
        chat: &Chat,
        options: &GenerationOptions,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Generation, ModelError> {
        let model = self.architecture.as_ref();
        let started = Instant::now();
        let prompt = model.prompt(chat)?;
        self.check_length(prompt.token_ids.len(), options.max_tokens)?;
        let preprocess = milliseconds(started);

        let vision_started = Instant::now();
        let features = model.vision_features(&prompt.images).map_err(compute)?;
        let vision = milliseconds(vision_started);
        drop(prompt.images);

        let found = features.as_ref().map_or(0, |features| features.dim(0) as usize);
        if found != prompt.image_tokens {
            return Err(ModelError::Prompt(format!(
                "the prompt has {} image positions, but the images give {found} features",
                prompt.image_tokens
            )));
        }
        let embeddings =
            model.embed_prompt(&prompt.token_ids, features.as_ref()).map_err(compute)?;
        drop(features);
        let mut answer = Answer {
            detokenizer: Some(model.tokenizer().detokenizer()),
            text: String::new(),
            on_text,
            error: None,
        };
        let tokens =
            generate::generate(model, embeddings, &self.stop, options, |id| answer.push(id))
                .map_err(compute)?;
        let answer = answer.finish()?;

        let completion_tokens = tokens.completion().len();
        Ok(Generation {
            answer,
            finish_reason: tokens.finish_reason,
            usage: Usage {
                prompt_tokens: prompt.token_ids.len(),
                image_tokens: prompt.image_tokens,
                cached_tokens: 0,
                completion_tokens,
            },
            timings: Timings {
                preprocess,
                vision,
                prefill: tokens.prefill_ms,
                decode: tokens.decode_ms,
                time_to_first_token: preprocess + vision + tokens.prefill_ms,
                tokens_per_second: (tokens.ids.len() > 1)
                    .then(|| (tokens.ids.len() - 1) as f64 / (tokens.decode_ms / 1e3)),
            },
            prompt: prompt.text,
            prompt_token_ids: prompt.token_ids,
            token_ids: tokens.ids,
            logprobs: tokens.logprobs,
        })
    }
}

/// Collects the text of an answer as its tokens come.
struct Answer<'a> {
    detokenizer: Option<tokenizer::StreamingDetokenizer<'a>>,
    text: String,
    on_text: &'a mut dyn FnMut(&str),
    error: Option<TokenizerError>,
}

impl Answer<'_> {
    fn push(&mut self, id: u32) {
        let Some(detokenizer) = &mut self.detokenizer else { return };
        match detokenizer.push(id) {
            Ok(piece) => self.append(piece),
            Err(error) => self.error = Some(error),
        }
    }

    fn finish(mut self) -> Result<String, ModelError> {
        let rest =
            self.detokenizer.take().map_or(Ok(None), tokenizer::StreamingDetokenizer::finish);
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

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn compute(error: mlx_rs::error::Exception) -> ModelError {
    ModelError::Compute(error.what().to_owned())
}
