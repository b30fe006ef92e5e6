//! The contract between whoever asks and whoever answers: a [`Chat`] goes in, a
//! [`Generation`] comes out. Nothing here knows how a model runs.

mod observer;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::observer::{Admission, Need, Observer, OnText, Phase, Unobserved};

/// Who speaks in a [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions that precede the conversation.
    System,
    /// The person, or the test, asking.
    User,
    /// The model.
    Assistant,
}

/// One part of a message, in chat-format spelling: `{"type": "image", "path": …}`
/// or `{"type": "text", "text": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Content {
    /// An image file; relative paths are resolved by whoever builds the chat.
    Image {
        /// Where the file lies.
        path: PathBuf,
    },
    /// Plain text.
    Text {
        /// The text itself.
        text: String,
    },
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said and shown, in order.
    pub content: Vec<Content>,
}

impl Message {
    /// A user turn that shows `images` and then says `text`.
    pub fn user(images: impl IntoIterator<Item = PathBuf>, text: impl Into<String>) -> Self {
        let mut content: Vec<_> = images.into_iter().map(|path| Content::Image { path }).collect();
        content.push(Content::Text { text: text.into() });
        Self { role: Role::User, content }
    }

    /// An answer of the model, as a later turn finds it.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, content: vec![Content::Text { text: text.into() }] }
    }

    /// Its texts, a line each.
    pub fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|part| match part {
            Content::Text { text } => Some(text.as_str()),
            Content::Image { .. } => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Paths of the images this message shows, in order.
    pub fn images(&self) -> impl Iterator<Item = &PathBuf> {
        self.content.iter().filter_map(|part| match part {
            Content::Image { path } => Some(path),
            Content::Text { .. } => None,
        })
    }
}

/// The whole conversation sent for one question. A model keeps no state of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chat {
    /// The turns, oldest first; the last one is answered.
    pub messages: Vec<Message>,
}

impl Chat {
    /// Paths of all images of the conversation, in order.
    pub fn images(&self) -> impl Iterator<Item = &PathBuf> {
        self.messages.iter().flat_map(Message::images)
    }
}

/// What may be chosen when a model is loaded. The defaults are the checkpoint's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadOptions {
    /// Converts the weights.
    pub dtype: Option<Precision>,
    /// Most tiles an image is cut into, at least 1; for models that read it from their
    /// image processor (Phi-3.5-vision).
    pub num_crops: Option<usize>,
    /// Computes everything anew for each question instead of keeping vision features, keys and
    /// values for the next one. The answers are the same.
    #[serde(default)]
    pub no_cache: bool,
}

/// A floating-point format of weights and computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE single.
    Float32,
    /// IEEE half.
    Float16,
    /// The upper half of a single.
    Bfloat16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Float32, Self::Float16, Self::Bfloat16];

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How an answer is generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationOptions {
    /// Largest number of tokens to generate, at least 1.
    pub max_tokens: usize,
    /// 0 is greedy; otherwise logits are divided by it before sampling.
    pub temperature: f32,
    /// Nucleus: sample from the smallest set of tokens whose probability reaches
    /// this value, in (0, 1]. Used only when `temperature` is above 0.
    pub top_p: f32,
    /// Seeds the sampler; the same seed gives the same answer.
    pub seed: u64,
    /// Number of alternatives to report per generated token; 0 reports none.
    pub logprobs: usize,
    /// Answers to weigh: how probable the model finds each of them as its whole answer.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// Whether to read the prompt's tokens back as text.
    #[serde(default)]
    pub read_back: bool,
}

impl Default for GenerationOptions {
    fn default() -> Self {
        Self {
            max_tokens: 32,
            temperature: 0.0,
            top_p: 1.0,
            seed: 0,
            logprobs: 0,
            candidates: Vec::new(),
            read_back: false,
        }
    }
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model produced a stop token.
    Stop,
    /// `max_tokens` was reached first: the answer may be cut off.
    Length,
}

/// Token counts of one generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the expanded prompt, image positions included.
    pub prompt_tokens: usize,
    /// Of those, positions filled with vision features.
    pub image_tokens: usize,
    /// Prompt tokens whose keys and values were taken from a cache.
    pub cached_tokens: usize,
    /// Tokens generated, the stop token not counted.
    pub completion_tokens: usize,
    /// Most prompt tokens that were run at once. Kernels round differently for other shapes, so
    /// it can decide between two tokens that are equally probable.
    #[serde(default)]
    pub prefill_chunk: usize,
}

/// Where the time of one generation went, in milliseconds of wall time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Decoding, resizing and normalising the images; template and tokenizer.
    pub preprocess: f64,
    /// Vision tower and projector.
    pub vision: f64,
    /// The prompt through the decoder, until its last logits are known.
    pub prefill: f64,
    /// All further tokens.
    pub decode: f64,
    /// From the start of the question to the first token.
    pub time_to_first_token: f64,
    /// Tokens after the first, per second of `decode`; `None` below two tokens.
    pub tokens_per_second: Option<f64>,
}

/// A token beside its natural-log probability under the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TopLogprob {
    /// Vocabulary id.
    pub token_id: u32,
    /// Natural logarithm of its probability, before temperature and top-p.
    pub logprob: f32,
}

/// One generated token and the alternatives it was chosen from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// Vocabulary id of the chosen token.
    pub token_id: u32,
    /// Its natural-log probability.
    pub logprob: f32,
    /// The most probable tokens, best first.
    pub top: Vec<TopLogprob>,
}

/// How probable a model finds a given answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CandidateScore {
    /// Sum of the natural-log probabilities of its tokens, the one that ends the turn included.
    pub logprob: f64,
    /// How many tokens these are.
    pub tokens: usize,
}

impl CandidateScore {
    /// The length-normalised score: the mean log-probability of a token.
    pub fn per_token(&self) -> f64 {
        self.logprob / self.tokens.max(1) as f64
    }
}

/// What a model returned for one chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// The text, special tokens removed; exactly as the model wrote it otherwise.
    pub answer: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// The rendered chat template, image placeholders not expanded.
    pub prompt: String,
    /// The expanded prompt as the decoder saw it; image positions carry the id that
    /// the family gives them.
    pub prompt_token_ids: Vec<i32>,
    /// The generated tokens, a final stop token included.
    pub token_ids: Vec<u32>,
    /// One entry per generated token when `logprobs` was above 0, else empty.
    pub logprobs: Vec<TokenLogprob>,
    /// One entry per candidate of the options, in their order; empty where the chat template
    /// gives an answer no place of its own.
    #[serde(default)]
    pub candidates: Vec<CandidateScore>,
    /// When asked for: what `prompt_token_ids` say as text, image positions left out, special
    /// tokens as they are spelled.
    #[serde(default)]
    pub read_back: Option<String>,
    /// SHA-256 of the image files that were shown, in the order of the chat, in lower-case hex.
    #[serde(default)]
    pub image_sha256: Vec<String>,
    /// Token counts.
    pub usage: Usage,
    /// Wall times.
    pub timings: Timings,
}

#[cfg(test)]
impl Generation {
    /// A finished answer and nothing else.
    pub(crate) fn saying(answer: &str) -> Self {
        Self {
            answer: answer.to_owned(),
            finish_reason: FinishReason::Stop,
            prompt: String::new(),
            prompt_token_ids: Vec::new(),
            token_ids: Vec::new(),
            logprobs: Vec::new(),
            candidates: Vec::new(),
            read_back: None,
            image_sha256: Vec::new(),
            usage: Usage::default(),
            timings: Timings::default(),
        }
    }
}

/// What is known of a model once it is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// `model_type` of its config.json, or `scripted`.
    pub model_type: String,
    /// From the start of loading until the weights were evaluated.
    pub load_ms: f64,
    /// Active bytes then: the baseline of every question.
    pub baseline_bytes: u64,
    /// Bytes that the run may use in all.
    #[serde(default)]
    pub budget_bytes: u64,
    /// MLX's version, `None` where MLX does not answer.
    pub mlx_version: Option<String>,
    /// The device MLX computes on, e.g. `gpu` or `cpu`.
    pub device: Option<String>,
    /// SHA-256 of the chat template.
    pub template_sha256: Option<String>,
    /// Precision of the weights, e.g. `float32` or `bfloat16, 4-bit (group 64)`.
    pub precision: Option<String>,
}

/// Why a model could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", content = "message", rename_all = "snake_case")]
pub enum ModelError {
    /// An image of the chat cannot be read or processed; the model itself is well.
    #[error("{0}")]
    Image(String),
    /// The request does not fit this model (template, options).
    #[error("{0}")]
    Prompt(String),
    /// The prompt and the answer do not fit into the model's context window; nothing was cut.
    #[error("{0}")]
    TooLong(String),
    /// The question does not fit into the memory that is left, or memory ran short over it.
    #[error("{0}")]
    Memory(String),
    /// The computation failed; later questions may fail too.
    #[error("{0}")]
    Compute(String),
    /// The model panicked; its state may be broken.
    #[error("{0}")]
    Panic(String),
}

/// What a runner needs from any model.
pub trait VisionLanguageModel {
    /// Answers the last turn of `chat` while `observer` looks on.
    ///
    /// # Errors
    /// [`ModelError`] says whether image, prompt, memory or computation failed, or what the
    /// observer stopped it with.
    fn generate(
        &mut self,
        chat: &Chat,
        options: &GenerationOptions,
        observer: &mut dyn Observer,
    ) -> Result<Generation, ModelError>;

    /// Bytes kept for later questions: vision features, keys and values.
    fn held_bytes(&self) -> u64 {
        0
    }

    /// Gives up what is kept for later questions until at most `bytes` are held. What later
    /// questions are answered does not depend on it, only how long they take.
    fn shrink_caches(&mut self, bytes: u64) {
        let _ = bytes;
    }

    /// Runs at most `positions` of a prompt at once from now on: fewer need less memory and
    /// take longer.
    fn limit_prefill_chunk(&mut self, positions: usize) {
        let _ = positions;
    }
}
