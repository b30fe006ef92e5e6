//! How probable a model finds given answers to a prompt.

use mlx_rs::{Array, error::Exception, ops};

use super::{
    models::{Architecture, decoder::DecoderCache},
    prefill::Prefilled,
    segments::PREFILL_CHUNK,
};
use crate::vlm::CandidateScore;

/// Weighs each of `candidates`, tokens that may follow the prompt. The keys and values of the
/// prompt and their buffers are afterwards what they were, so that an answer written then does
/// not depend on what was weighed.
///
/// # Errors
/// When MLX refuses or fails the computation.
pub fn weigh(
    model: &Architecture,
    prompt: &mut Prefilled<'_>,
    candidates: &[Vec<u32>],
) -> Result<Vec<CandidateScore>, Exception> {
    candidates.iter().map(|tokens| weigh_one(model, prompt, tokens)).collect()
}

fn weigh_one(
    model: &Architecture,
    prompt: &mut Prefilled<'_>,
    tokens: &[u32],
) -> Result<CandidateScore, Exception> {
    let further = tokens.len().saturating_sub(1);
    let end = prompt.length + further;
    let logprob = if model.regime(end) != prompt.cache.regime() {
        // One pass over prompt and candidate would take place in the other rotary regime.
        let (mut cache, logits) = prompt.again(end, 0)?;
        follow(model, &logits, &mut cache, tokens)?
    } else if further == 0 || prompt.cache.has_room_for(end) {
        let weighed = follow(model, &prompt.logits, &mut prompt.cache, tokens);
        prompt.cache.truncate(prompt.length);
        weighed?
    } else {
        let mut copy = prompt.cache.with_room_for(end)?;
        follow(model, &prompt.logits, &mut copy, tokens)?
    };
    Ok(CandidateScore { logprob, tokens: tokens.len() })
}

/// Sum of the log-probabilities of `tokens` after `logits` `[vocab]`; all but the last are
/// run, at most [`PREFILL_CHUNK`] at once.
fn follow(
    model: &Architecture,
    logits: &Array,
    cache: &mut DecoderCache,
    tokens: &[u32],
) -> Result<f64, Exception> {
    let (Some((first, next)), Some((_, run))) = (tokens.split_first(), tokens.split_last()) else {
        return Ok(0.0);
    };
    let mut sum = log_probability(&logits.expand_dims(0)?, &[*first])?;
    for (run, next) in run.chunks(PREFILL_CHUNK).zip(next.chunks(PREFILL_CHUNK)) {
        let x = model.embed_tokens(&Array::from_slice(run, &[run.len() as i32]))?;
        sum += log_probability(&model.all_logits(x, cache)?, next)?;
    }
    Ok(sum)
}

/// Sum of the log-probabilities of one token a row of float32 `logits` `[n, vocab]`.
fn log_probability(logits: &Array, tokens: &[u32]) -> Result<f64, Exception> {
    let ids = Array::from_slice(tokens, &[tokens.len() as i32, 1]);
    let chosen = logits.take_along_axis(ids, -1)?;
    let logprobs = chosen.subtract(ops::logsumexp_axis(logits, -1, true)?)?;
    let values: Vec<f32> =
        logprobs.to_vec_exact().map_err(|error| Exception::custom(error.to_string()))?;
    Ok(values.into_iter().map(f64::from).sum())
}
