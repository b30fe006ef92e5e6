//! A model that keeps what it can beside one that keeps nothing.

use std::path::{Path, PathBuf};

use vlm_test::{
    native::NativeModel,
    vlm::{Chat, Generation, GenerationOptions, LoadOptions, Message, VisionLanguageModel},
};

use crate::support_native::{ask, checkpoint, image};

/// The shipped models.
pub fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    ["smolvlm_tiny", "llava_tiny", "phi3v_tiny"].map(|name| folder.join(name)).to_vec()
}

/// The shipped models, and families, tiles and precisions that are not among them.
pub fn models() -> Vec<PathBuf> {
    let fixtures = ["idefics3_8bit", "smolvlm_float16_mlx", "llava_next_4bit_mixed"];
    shipped().into_iter().chain(fixtures.map(checkpoint)).collect()
}

pub fn warm(folder: &Path) -> NativeModel {
    NativeModel::load(folder, &LoadOptions::default()).unwrap()
}

pub fn cold(folder: &Path) -> NativeModel {
    NativeModel::load(folder, &LoadOptions { no_cache: true, ..Default::default() }).unwrap()
}

/// All log-probabilities of every token, and two candidates.
pub fn everything(max_tokens: usize) -> GenerationOptions {
    let candidates = ["red", "a blue square"].map(str::to_owned).to_vec();
    GenerationOptions { max_tokens, logprobs: usize::MAX, candidates, ..Default::default() }
}

pub fn user(images: &[usize], text: &str) -> Message {
    Message::user(images.iter().map(|&number| image(number)), text)
}

pub fn assistant(text: &str) -> Message {
    Message::assistant(text)
}

pub fn chat_of<const N: usize>(messages: [Message; N]) -> Chat {
    Chat { messages: messages.into() }
}

pub struct Pair {
    pub warm: NativeModel,
    cold: NativeModel,
    folder: PathBuf,
}

impl Pair {
    pub fn of(folder: &Path) -> Self {
        Self { warm: warm(folder), cold: cold(folder), folder: folder.to_owned() }
    }

    /// Asks both, and holds the answers against each other bit for bit. Returns the first's.
    pub fn ask(&mut self, chat: &Chat, options: &GenerationOptions) -> Generation {
        let warm = ask(&mut self.warm, chat, options);
        let cold = ask(&mut self.cold, chat, options);
        let what = format!("{}: {chat:?}", self.folder.display());
        assert_eq!(cold.usage.cached_tokens, 0, "{what}");
        assert_eq!(self.cold.held_bytes(), 0, "{what}");
        assert_eq!(bits(&warm), bits(&cold), "{what}");
        let mut shown = warm.clone();
        (shown.usage, shown.timings) = (cold.usage, cold.timings);
        assert_eq!(shown, cold, "{what}");
        warm
    }
}

/// The bits of every number of an answer.
fn bits(generation: &Generation) -> (Vec<u32>, Vec<u64>) {
    let steps = generation.logprobs.iter();
    let all = steps.flat_map(|step| step.top.iter().map(|top| top.logprob).chain([step.logprob]));
    let candidates = generation.candidates.iter().map(|score| score.logprob.to_bits());
    (all.map(f32::to_bits).collect(), candidates.collect())
}
