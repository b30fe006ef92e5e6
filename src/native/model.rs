//! A loaded checkpoint behind the contract of [`crate::vlm`]: prompt, vision,
//! generation and the text of the answer, each timed.

use std::{collections::BTreeSet, path::Path, time::Instant};

use mlx_rs::{Array, error::Exception};

use super::{
    LoadError,
    checkpoint::Checkpoint,
    generate::{self, Tokens},
    image_processor::ProcessedImage,
    models::{self, Architecture, Prompt},
    tokenizer::{StreamingDetokenizer, TokenizerError, stop_ids},
};
use crate::vlm::{
    Chat, Generation, GenerationOptions, LoadOptions, ModelError, Timings, Usage,
    VisionLanguageModel,
};

/// A checkpoint that answers.
pub struct NativeModel {
    architecture: Architecture,
    stop: BTreeSet<u32>,
    model_type: String,
    precision: String,
}

impl NativeModel {
    /// Loads the checkpoint in `folder`; its weights are evaluated when this returns.
    ///
    /// # Errors
    /// [`LoadError`] names the file, field or tensor.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        let checkpoint = Checkpoint::open(folder)?;
        let (architecture, precision) = models::load(&checkpoint, options)?;
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
        if prompt_tokens.saturating_add(max_tokens) > limit {
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
        let model = &self.architecture;
        let started = Instant::now();
        let Prompt { text, token_ids, image_tokens, images } = model.prompt(chat)?;
        self.check_length(token_ids.len(), options.max_tokens)?;
        let preprocess = milliseconds(started);

        let vision_started = Instant::now();
        let embeddings = embed(model, &token_ids, image_tokens, images)?;
        let vision = milliseconds(vision_started);

        let mut answer = Answer::new(model.tokenizer().detokenizer(), on_text);
        let tokens =
            generate::generate(model, embeddings, &self.stop, options, |id| answer.push(id))
                .map_err(compute)?;
        Ok(Generation {
            answer: answer.finish()?,
            finish_reason: tokens.finish_reason,
            usage: Usage {
                prompt_tokens: token_ids.len(),
                image_tokens,
                cached_tokens: 0,
                completion_tokens: tokens.completion().len(),
            },
            timings: timings(preprocess, vision, &tokens),
            prompt: text,
            prompt_token_ids: token_ids,
            token_ids: tokens.ids,
            logprobs: tokens.logprobs,
            candidates: Vec::new(),
            read_back: None,
            image_sha256: Vec::new(),
        })
    }
}

/// Embeddings `[1, n, hidden]` of a prompt. Pixels and features are gone, as far as
/// nothing needs them, when this returns.
fn embed(
    model: &Architecture,
    token_ids: &[i32],
    image_tokens: usize,
    images: Vec<ProcessedImage>,
) -> Result<Array, ModelError> {
    let features = model.vision_features(&images).map_err(compute)?;
    drop(images);
    let found = features.as_ref().map_or(0, |features| features.dim(0) as usize);
    if found != image_tokens {
        return Err(ModelError::Prompt(format!(
            "the prompt has {image_tokens} image positions, but the images give {found} features"
        )));
    }
    model.embed_prompt(token_ids, features.as_ref()).map_err(compute)
}

fn timings(preprocess: f64, vision: f64, tokens: &Tokens) -> Timings {
    let further = tokens.ids.len().saturating_sub(1);
    Timings {
        preprocess,
        vision,
        prefill: tokens.prefill_ms,
        decode: tokens.decode_ms,
        time_to_first_token: preprocess + vision + tokens.prefill_ms,
        tokens_per_second: (further > 0 && tokens.decode_ms > 0.0)
            .then(|| further as f64 / (tokens.decode_ms / 1e3)),
    }
}

/// Collects the text of an answer as its tokens come.
struct Answer<'a> {
    detokenizer: Option<StreamingDetokenizer<'a>>,
    text: String,
    on_text: &'a mut dyn FnMut(&str),
    error: Option<TokenizerError>,
}

impl<'a> Answer<'a> {
    fn new(detokenizer: StreamingDetokenizer<'a>, on_text: &'a mut dyn FnMut(&str)) -> Self {
        Self { detokenizer: Some(detokenizer), text: String::new(), on_text, error: None }
    }

    fn push(&mut self, id: u32) {
        let Some(detokenizer) = &mut self.detokenizer else { return };
        match detokenizer.push(id) {
            Ok(piece) => self.append(piece),
            Err(error) => self.error = Some(error),
        }
    }

    fn finish(mut self) -> Result<String, ModelError> {
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

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn compute(error: Exception) -> ModelError {
    ModelError::Compute(error.what().to_owned())
}
