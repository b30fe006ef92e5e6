//! Prefill in chunks, then one token after the other, the next one submitted
//! before the last is read.

use std::{collections::BTreeSet, time::Instant};

use mlx_rs::{Array, error::Exception, ops, ops::indexing::TryIndexOp, transforms};

use crate::{
    native::{
        models::{Architecture, decoder::DecoderCache},
        sampler::Sampler,
    },
    vlm::{FinishReason, GenerationOptions, TokenLogprob, TopLogprob},
};

/// Positions run through the decoder at once: bounds the attention scores to
/// heads × chunk × prompt, and the work of one GPU submission.
pub const PREFILL_CHUNK: i32 = 512;

/// The tokens of an answer and how long they took.
#[derive(Debug)]
pub struct Tokens {
    /// In order, a final stop token included.
    pub ids: Vec<u32>,
    /// One entry per token when asked for.
    pub logprobs: Vec<TokenLogprob>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Until the first token was known, in milliseconds.
    pub prefill_ms: f64,
    /// All further tokens, in milliseconds.
    pub decode_ms: f64,
}

impl Tokens {
    /// The tokens without the stop token that ended them.
    pub fn completion(&self) -> &[u32] {
        match self.finish_reason {
            FinishReason::Stop => &self.ids[..self.ids.len().saturating_sub(1)],
            FinishReason::Length => &self.ids,
        }
    }
}

/// A step that has been submitted: its token and, if wanted, log-probabilities.
struct Step {
    /// uint32 `[1]`.
    token: Array,
    /// float32 `[vocab]`.
    logprobs: Option<Array>,
}

/// Continues a prompt's `embeddings` `[1, n, hidden]` until a token of `stop_ids`, or
/// `options.max_tokens`; every token that is not a stop token goes to `on_token`.
///
/// # Errors
/// When MLX refuses or fails the computation.
pub fn generate(
    model: &Architecture,
    embeddings: Array,
    stop_ids: &BTreeSet<u32>,
    options: &GenerationOptions,
    mut on_token: impl FnMut(u32),
) -> Result<Tokens, Exception> {
    let started = Instant::now();
    let (mut decoding, mut step) = Decoding::start(model, embeddings, options)?;
    let mut tokens = Tokens {
        ids: Vec::new(),
        logprobs: Vec::new(),
        finish_reason: FinishReason::Length,
        prefill_ms: 0.0,
        decode_ms: 0.0,
    };
    // Submitting the next step may block until much of it is done: first the token, and the time.
    step.token.eval()?;
    let first_token = Instant::now();
    for n in 1..=options.max_tokens {
        let next = if n < options.max_tokens {
            Some(decoding.advance(&step.token, &tokens.ids)?)
        } else {
            None
        };
        let id = step.token.try_item_exact::<u32>().map_err(conversion)?;
        tokens.ids.push(id);
        if let Some(logprobs) = &step.logprobs {
            tokens.logprobs.push(top_logprobs(logprobs, id, options.logprobs)?);
        }
        if stop_ids.contains(&id) {
            tokens.finish_reason = FinishReason::Stop;
            break;
        }
        on_token(id);
        match next {
            Some(next) => step = next,
            None => break,
        }
    }
    tokens.prefill_ms = first_token.duration_since(started).as_secs_f64() * 1e3;
    tokens.decode_ms = first_token.elapsed().as_secs_f64() * 1e3;
    Ok(tokens)
}

/// Runs the prompt through the decoder in chunks and returns its last logits. The
/// cache is evaluated after each chunk but the last; the logits of the chunks
/// before it are never computed, since nothing asks for them.
fn prefill(
    model: &Architecture,
    embeddings: Array,
    cache: &mut DecoderCache,
) -> Result<Array, Exception> {
    let length = embeddings.dim(1);
    let mut start = 0;
    while length - start > PREFILL_CHUNK {
        let chunk = embeddings.try_index((.., start..start + PREFILL_CHUNK, ..))?;
        drop(model.logits(chunk, cache)?);
        transforms::eval(cache.arrays())?;
        start += PREFILL_CHUNK;
    }
    let last = if start == 0 { embeddings } else { embeddings.try_index((.., start.., ..))? };
    model.logits(last, cache)
}

struct Decoding<'a> {
    model: &'a Architecture,
    sampler: Sampler,
    logprobs: bool,
    cache: DecoderCache,
    /// Positions of the prompt.
    prompt_length: usize,
    /// The prompt itself, while the sequence may still outgrow the rotary regime that its
    /// keys are made for.
    prompt: Option<Array>,
    /// Room for this many further positions is made at once.
    reserve: usize,
}

impl<'a> Decoding<'a> {
    /// Prefills the prompt and submits the first token.
    fn start(
        model: &'a Architecture,
        embeddings: Array,
        options: &GenerationOptions,
    ) -> Result<(Self, Step), Exception> {
        let prompt_length = embeddings.dim(1) as usize;
        // Room for a usual answer; a long one grows the cache chunk by chunk.
        let reserve = options.max_tokens.min(PREFILL_CHUNK as usize);
        let mut cache = model.new_cache(prompt_length + reserve, prompt_length);
        let longest = prompt_length.saturating_add(options.max_tokens);
        let prompt = (model.regime(longest) != cache.regime()).then(|| embeddings.clone());
        let logits = prefill(model, embeddings, &mut cache)?;
        let decoding = Self {
            model,
            sampler: Sampler::new(options),
            logprobs: options.logprobs > 0,
            cache,
            prompt_length,
            prompt,
            reserve,
        };
        let step = decoding.submit(&logits, 0)?;
        Ok((decoding, step))
    }

    /// Builds the step after `token`, which follows the tokens `before`, and submits it.
    fn advance(&mut self, token: &Array, before: &[u32]) -> Result<Step, Exception> {
        let n = before.len() + 1;
        let length = self.prompt_length + n;
        let logits = if self.model.regime(length) == self.cache.regime() {
            self.model.logits(self.model.embed_tokens(token)?, &mut self.cache)?
        } else {
            self.start_over(token, before, length)?
        };
        self.submit(&logits, n)
    }

    /// The sequence has outgrown the rotary regime of its keys: all of it is run again in
    /// the next one, as the reference does.
    fn start_over(
        &mut self,
        token: &Array,
        before: &[u32],
        length: usize,
    ) -> Result<Array, Exception> {
        self.cache = self.model.new_cache(length + self.reserve, length);
        let Some(prompt) = self.prompt.take() else {
            return Err(Exception::custom("a prompt that had to be run again was not kept"));
        };
        let last = self.model.embed_tokens(token)?;
        let sequence = if before.is_empty() {
            ops::concatenate(&[&prompt, &last], 1)?
        } else {
            let ids = Array::from_slice(before, &[before.len() as i32]);
            ops::concatenate(&[&prompt, &self.model.embed_tokens(&ids)?, &last], 1)?
        };
        prefill(self.model, sequence, &mut self.cache)
    }

    /// Chooses the `n`-th token from `logits` and submits the computation.
    fn submit(&self, logits: &Array, n: usize) -> Result<Step, Exception> {
        let token = self.sampler.sample(logits, n)?;
        let logprobs = if self.logprobs {
            Some(logits.subtract(ops::logsumexp_axis(logits, -1, true)?)?)
        } else {
            None
        };
        transforms::async_eval(std::iter::once(&token).chain(&logprobs))?;
        Ok(Step { token, logprobs })
    }
}

/// The chosen token and the `count` most probable ones; equal values by id.
fn top_logprobs(logprobs: &Array, chosen: u32, count: usize) -> Result<TokenLogprob, Exception> {
    logprobs.eval()?;
    let values: &[f32] = logprobs.try_as_slice().map_err(conversion)?;
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    let count = count.min(order.len());
    let by_value =
        |a: &u32, b: &u32| values[*b as usize].total_cmp(&values[*a as usize]).then(a.cmp(b));
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, by_value);
    }
    order.truncate(count);
    order.sort_unstable_by(by_value);
    let top = order
        .into_iter()
        .map(|id| TopLogprob { token_id: id, logprob: values[id as usize] })
        .collect();
    let logprob = values.get(chosen as usize).copied().unwrap_or(f32::NEG_INFINITY);
    Ok(TokenLogprob { token_id: chosen, logprob, top })
}

/// The only conversions here are from arrays of known type, so this carries MLX's own error.
fn conversion(error: impl std::fmt::Display) -> Exception {
    Exception::custom(error.to_string())
}
