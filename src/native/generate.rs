//! From a prompt to an answer: one token after the other, the next one submitted before the
//! last is read.

use std::{collections::BTreeSet, time::Instant};

use mlx_rs::{Array, error::Exception, ops, transforms};

use crate::{
    native::{
        candidates::weigh,
        generate_error::GenerateError,
        models::{Architecture, decoder::DecoderCache},
        prefill::{Prefilled, Prompt, run_on},
        sampler::Sampler,
        segments::PREFILL_CHUNK,
    },
    vlm::{
        CandidateScore, FinishReason, GenerationOptions, Observer, Phase, TokenLogprob, TopLogprob,
    },
};

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

/// What came of a prompt.
#[derive(Debug)]
pub struct Generated {
    /// The answer.
    pub tokens: Tokens,
    /// One score per candidate.
    pub candidates: Vec<CandidateScore>,
    /// Keys and values of the prompt alone, evaluated; `None` where the answer outgrew their
    /// rotary regime.
    pub prompt_cache: Option<DecoderCache>,
}

/// Continues `prompt` until a token of `stop_ids`, or `options.max_tokens`; every token that
/// is not a stop token goes to `on_token`. `candidates` are weighed after the first token is
/// known, in time that counts for nothing. `observer` hears of every chunk and token.
///
/// # Errors
/// When MLX refuses or fails the computation, or `observer` stops it.
pub fn generate(
    model: &Architecture,
    prompt: Prompt<'_>,
    candidates: &[Vec<u32>],
    stop_ids: &BTreeSet<u32>,
    options: &GenerationOptions,
    observer: &mut dyn Observer,
    mut on_token: impl FnMut(u32, &mut dyn Observer),
) -> Result<Generated, GenerateError> {
    let started = Instant::now();
    let (mut decoding, mut step) = Decoding::start(model, prompt, options, observer)?;
    // Submitting the next step may block until much of it is done: first the token, and the time.
    step.token.eval()?;
    let mut tokens = Tokens {
        ids: Vec::new(),
        logprobs: Vec::new(),
        finish_reason: FinishReason::Length,
        prefill_ms: started.elapsed().as_secs_f64() * 1e3,
        decode_ms: 0.0,
    };
    let candidates = weigh(model, &mut decoding.prompt, candidates, observer)?;
    let first_token = Instant::now();
    for n in 1..=options.max_tokens {
        let next = if n < options.max_tokens {
            Some(decoding.advance(&step.token, &tokens.ids, observer)?)
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
        on_token(id, observer);
        observer.reached(Phase::Decode)?;
        match next {
            Some(next) => step = next,
            None => break,
        }
    }
    tokens.decode_ms = first_token.elapsed().as_secs_f64() * 1e3;
    Ok(Generated { tokens, candidates, prompt_cache: decoding.finish()? })
}

/// Positions behind the prompt for which room is made at once: those of a usual answer. A long
/// one grows the cache chunk by chunk.
pub fn reserve(max_tokens: usize) -> usize {
    max_tokens.min(PREFILL_CHUNK)
}

struct Decoding<'a> {
    model: &'a Architecture,
    sampler: Sampler,
    logprobs: bool,
    prompt: Prefilled<'a>,
    /// Room for this many further positions is made at once.
    reserve: usize,
}

impl<'a> Decoding<'a> {
    /// Prefills the prompt and submits the first token.
    fn start(
        model: &'a Architecture,
        prompt: Prompt<'a>,
        options: &GenerationOptions,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Step), GenerateError> {
        let reserve = reserve(options.max_tokens);
        let decoding = Self {
            model,
            sampler: Sampler::new(options),
            logprobs: options.logprobs > 0,
            prompt: Prefilled::of(model, prompt, reserve, observer)?,
            reserve,
        };
        let step = decoding.submit(&decoding.prompt.logits, 0)?;
        Ok((decoding, step))
    }

    /// Builds the step after `token`, which follows the tokens `before`, and submits it.
    fn advance(
        &mut self,
        token: &Array,
        before: &[u32],
        observer: &mut dyn Observer,
    ) -> Result<Step, GenerateError> {
        let n = before.len() + 1;
        let length = self.prompt.length + n;
        let logits = if self.model.regime(length) == self.prompt.cache.regime() {
            self.model.logits(self.model.embed_tokens(token)?, &mut self.prompt.cache)?
        } else {
            self.start_over(token, before, length, observer)?
        };
        Ok(self.submit(&logits, n)?)
    }

    /// The sequence has outgrown the rotary regime of its keys: all of it is run again in
    /// the next one, as the reference does.
    fn start_over(
        &mut self,
        token: &Array,
        before: &[u32],
        length: usize,
        observer: &mut dyn Observer,
    ) -> Result<Array, GenerateError> {
        self.prompt.cache = self.prompt.again(length, self.reserve, observer)?.0;
        let last = self.model.embed_tokens(token)?;
        let answer = if before.is_empty() {
            last
        } else {
            let ids = Array::from_slice(before, &[before.len() as i32]);
            ops::concatenate(&[&self.model.embed_tokens(&ids)?, &last], 1)?
        };
        Ok(run_on(self.model, answer, &mut self.prompt.cache)?)
    }

    /// Keys and values of the prompt, without those of the answer.
    fn finish(self) -> Result<Option<DecoderCache>, Exception> {
        let Prefilled { mut cache, length, .. } = self.prompt;
        if cache.regime() != self.model.regime(length) {
            return Ok(None);
        }
        cache.truncate(length);
        transforms::eval(cache.arrays())?;
        Ok(Some(cache))
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
