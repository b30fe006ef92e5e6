//! A loaded checkpoint behind the contract of [`crate::vlm`]: prompt, vision,
//! generation and the text of the answer, each timed.

use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
    time::Instant,
};

use super::{
    LoadError,
    answer::Answer,
    answer_opening::answer_opening,
    candidates::Asked,
    chat_images::{ChatImages, Features},
    checkpoint::Checkpoint,
    content_hash::ContentHash,
    generate::{self, Generated, Tokens},
    image_processor::{ImageError, ImageLayout},
    models::{
        self, Architecture, NetworkShape, PromptError, decoder::DecoderCache, prompt::TokenizedChat,
    },
    need::Sequences,
    nn::{kv_cache::capacity, product::on_cpu},
    plan::{Activations, Numerics, Work},
    prefill::Prompt,
    prefix_cache::PrefixCache,
    segments::{self, PREFILL_CHUNK, Segment},
    tokenizer::stop_ids,
    vision_cache::VisionCache,
    weights::WeightsError,
};
use crate::vlm::{
    Admission, Chat, Generation, GenerationOptions, LoadOptions, ModelError, Need, Observer, Phase,
    Timings, Usage, VisionLanguageModel,
};

/// Most bytes of vision features that are kept for later questions: those of a hundred images
/// of a thousand positions and a width of 576, in float32.
const FEATURE_LIMIT: u64 = 256 << 20;

/// A checkpoint that answers.
pub struct NativeModel {
    architecture: Architecture,
    stop: BTreeSet<u32>,
    /// What opens an answer, where no token ends a turn.
    opening: Option<Vec<i32>>,
    /// The tokenizer's `eos_token`.
    end: Option<u32>,
    model_type: String,
    precision: String,
    /// Whether anything is kept from one question to the next.
    keeps: bool,
    vision: VisionCache,
    prefix: PrefixCache,
    /// Most positions of a prompt that are run at once.
    chunk: usize,
    /// Bytes of the smallest cache of keys and values.
    smallest_cache_bytes: u64,
    shape: NetworkShape,
    numerics: Numerics,
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
        let eos = checkpoint.special_token("eos_token");
        let end = eos.and_then(|token| architecture.tokenizer().id(token));
        let keeps = !options.no_cache;
        let smallest_cache_bytes = architecture.smallest_cache_bytes().map_err(|error| {
            WeightsError::Read { path: folder.to_owned(), message: error.what().to_owned() }
        })?;
        let shape = models::outline(&checkpoint, options)?.shape;
        // What of the smallest cache is not shape is precision.
        let smallest_numbers = shape.text.kv_bytes(1, 1).max(1);
        let numerics = Numerics {
            number_bytes: smallest_cache_bytes / smallest_numbers,
            packed: checkpoint.quantization.is_some(),
            on_cpu: on_cpu(),
        };
        Ok(Self {
            opening: answer_opening(&architecture, &stop),
            architecture,
            stop,
            end,
            model_type: checkpoint.model_type,
            precision,
            keeps,
            vision: VisionCache::new(if keeps { FEATURE_LIMIT } else { 0 }),
            prefix: PrefixCache::default(),
            chunk: PREFILL_CHUNK,
            smallest_cache_bytes,
            shape,
            numerics,
        })
    }

    /// Keeps at most `bytes` of vision features from now on, unless nothing is kept at all.
    pub fn limit_features(&mut self, bytes: u64) {
        if self.keeps {
            self.vision = VisionCache::new(bytes);
        }
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

    fn check_length(&self, sequences: Sequences) -> Result<(), ModelError> {
        let (prompt_tokens, max_tokens) = (sequences.prompt, sequences.further());
        let limit = self.architecture.context_length();
        if prompt_tokens == 0 {
            return Err(ModelError::Prompt(
                "the chat template rendered an empty prompt".to_owned(),
            ));
        }
        if prompt_tokens.saturating_add(max_tokens) > limit {
            return Err(ModelError::TooLong(format!(
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
        observer: &mut dyn Observer,
    ) -> Result<Generation, ModelError> {
        let started = Instant::now();
        observer.reached(Phase::Preprocess)?;
        let images = ChatImages::open(&self.architecture, chat, &mut self.vision).map_err(image)?;
        let layouts = images.layouts();
        let rendered = self.architecture.tokenize(chat, &layouts, true).map_err(prompt)?;
        let TokenizedChat { text, token_ids } = rendered;
        let segments = self.cut(&token_ids, &images);
        let preprocess = milliseconds(started);

        let candidates = self.candidates(chat, &layouts, &token_ids, &options.candidates);
        let longest = candidates.iter().map(Vec::len).max().unwrap_or_default();
        let sequences = Sequences::new(token_ids.len(), options.max_tokens, longest);
        self.check_length(sequences)?;
        let read_back = options.read_back.then(|| self.read_back(&token_ids)).transpose()?;

        let image_sha256 = images.contents().map(|it| it.to_string()).collect();
        self.admit(&segments, &images, sequences, observer)?;
        let needed = self.needed(&segments, sequences.further());
        let (features, vision) = self.features(images, &needed, observer)?;
        let held = self.prefix.take(self.shared(&segments));
        let image_tokens = segments.iter().map(Segment::image_positions).sum();
        let cached_tokens = held.as_ref().map_or(0, DecoderCache::positions);
        let model = &self.architecture;
        let mut answer = Answer::new(model.tokenizer().detokenizer());
        let on_token = |id, observer: &mut dyn Observer| answer.push(id, observer);
        let whole = Prompt { segments: &segments, features, held };
        let Generated { tokens, candidates, prompt_cache } =
            generate::generate(model, whole, &candidates, &self.stop, options, observer, on_token)?;
        let answer = answer.finish(observer)?;
        if let Some(cache) = prompt_cache.filter(|_| self.keeps) {
            self.prefix.keep(segments, cache);
        }
        Ok(Generation {
            answer,
            finish_reason: tokens.finish_reason,
            usage: Usage {
                prompt_tokens: token_ids.len(),
                image_tokens,
                cached_tokens,
                completion_tokens: tokens.completion().len(),
                prefill_chunk: self.chunk,
            },
            timings: timings(preprocess, vision, &tokens),
            prompt: text,
            prompt_token_ids: token_ids,
            token_ids: tokens.ids,
            logprobs: tokens.logprobs,
            candidates,
            read_back,
            image_sha256,
        })
    }

    fn held_bytes(&self) -> u64 {
        self.prefix.bytes() + self.vision.bytes()
    }

    /// Keys and values go first: they are the larger part, a decoder brings them back in one
    /// pass, and only the next question could have used them. Features spare a pass through
    /// the vision tower for each image that comes back.
    fn shrink_caches(&mut self, bytes: u64) {
        if self.held_bytes() > bytes {
            self.prefix.clear();
            self.vision.shrink_to(bytes);
        }
    }

    /// Keys and values that were made in pieces of another size are of no use any more.
    fn limit_prefill_chunk(&mut self, positions: usize) {
        let chunk = positions.clamp(1, PREFILL_CHUNK);
        if chunk != self.chunk {
            self.prefix.clear();
            self.chunk = chunk;
        }
    }
}

impl NativeModel {
    /// The tokens of each candidate, or of none where one has no place of its own.
    fn candidates(
        &self,
        chat: &Chat,
        images: &[ImageLayout],
        token_ids: &[i32],
        candidates: &[String],
    ) -> Vec<Vec<u32>> {
        let asked = Asked { chat, images, token_ids, stop_ids: &self.stop, end: self.end };
        let tokens = candidates.iter().map(|text| asked.tokens(&self.architecture, text));
        tokens.collect::<Result<_, _>>().unwrap_or_else(|reason| {
            tracing::warn!(%reason, "the candidates are not weighed");
            Vec::new()
        })
    }

    /// What the prompt says, special tokens as they are spelled, image positions left out.
    fn read_back(&self, token_ids: &[i32]) -> Result<String, ModelError> {
        let model = &self.architecture;
        let text = token_ids.iter().filter(|&&id| !model.is_image_position(id));
        let ids: Vec<u32> = text.map(|&id| id as u32).collect();
        model.tokenizer().spell(&ids).map_err(|error| ModelError::Compute(error.to_string()))
    }

    /// Has the observer decide whether the question may be computed; what was kept from earlier
    /// ones goes if it says so.
    fn admit(
        &mut self,
        segments: &[Segment],
        images: &ChatImages,
        sequences: Sequences,
        observer: &mut dyn Observer,
    ) -> Result<(), ModelError> {
        let mut admission = observer.admit(&self.need(segments, images, sequences));
        if admission == Admission::GiveUp {
            self.shrink_caches(0);
            admission = observer.admit(&self.need(segments, images, sequences));
        }
        match admission {
            Admission::Refused(error) => Err(error),
            Admission::Granted | Admission::GiveUp => Ok(()),
        }
    }

    fn need(&self, segments: &[Segment], images: &ChatImages, sequences: Sequences) -> Need {
        let shared = self.shared(segments);
        let held = segments::positions(&segments[..shared]);
        let reuses = shared > 0 && self.prefix.fits(sequences.first_capacity());
        let positions = sequences.allocated(&self.architecture, reuses);
        let further = sequences.max_tokens.max(sequences.longest_candidate);
        let needed = self.needed(segments, further);
        let image_tokens = segments.iter().map(Segment::image_positions).sum();
        let frames = images.frames_of_new(&needed).max().unwrap_or_default();
        let pieces = segments::pieces(segments).skip(shared).collect();
        let work = Work { frames, image_tokens, pieces };
        let activations = Activations::of(&self.shape, self.numerics, &work);
        let kv_bytes = self.smallest_cache_bytes * (positions / capacity(1)) as u64;
        // Keys and values of one layer are two arrays.
        let layer_bytes = kv_bytes / (2 * self.shape.text.num_hidden_layers.max(1)) as u64;
        Need {
            prompt_tokens: sequences.prompt,
            image_tokens,
            run_tokens: sequences.prompt - held,
            frames: images.frames_of_new(&needed).sum(),
            chunk: self.chunk,
            kv_bytes,
            activation_bytes: activations.bytes(),
            largest_buffer_bytes: activations.largest_buffer_bytes.max(layer_bytes),
            held_bytes: self.held_bytes(),
        }
    }

    /// How many leading segments need not be run.
    fn shared(&self, segments: &[Segment]) -> usize {
        self.prefix.shared(segments, self.architecture.regime(segments::positions(segments)))
    }

    /// Whether a turn ends with the last of `ids`.
    fn ends_turn(&self, ids: &[i32]) -> bool {
        let last = ids.last().and_then(|id| u32::try_from(*id).ok());
        last.is_some_and(|id| self.stop.contains(&id))
            || self.opening.as_ref().is_some_and(|opening| ids.ends_with(opening))
    }

    fn cut(&self, token_ids: &[i32], images: &ChatImages) -> Vec<Segment> {
        let model = &self.architecture;
        segments::cut(
            token_ids,
            self.chunk,
            &images.in_prompt(model),
            |id| model.is_image_position(id),
            |ids| self.ends_turn(ids),
        )
    }

    /// The images in the segments that are run. Where `further` tokens may lead into another
    /// rotary regime, the prompt is run again from its start, with all images.
    fn needed(&self, segments: &[Segment], further: usize) -> HashSet<ContentHash> {
        let model = &self.architecture;
        let length = segments::positions(segments);
        let outgrows = model.regime(length) != model.regime(length.saturating_add(further));
        let run = segments.iter().skip(if outgrows { 0 } else { self.shared(segments) });
        run.filter_map(|segment| segment.image.map(|rows| rows.content)).collect()
    }

    /// Features of the `needed` images, and the milliseconds it took to compute them: exactly 0
    /// when all were there.
    fn features(
        &mut self,
        images: ChatImages,
        needed: &HashSet<ContentHash>,
        observer: &mut dyn Observer,
    ) -> Result<(Features, f64), ModelError> {
        let (encodes, started) = (images.frames_of_new(needed).next().is_some(), Instant::now());
        let features = images.features(&self.architecture, needed, &mut self.vision, observer)?;
        Ok((features, if encodes { milliseconds(started) } else { 0.0 }))
    }
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

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn image(error: ImageError) -> ModelError {
    ModelError::Image(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn prompt(error: PromptError) -> ModelError {
    ModelError::Prompt(error.to_string())
}
