//! How probable a model finds given answers to a prompt.

use std::collections::BTreeSet;

use mlx_rs::{Array, error::Exception, ops};

use super::{
    generate_error::GenerateError,
    image_processor::ImageLayout,
    models::{Architecture, PromptError, decoder::DecoderCache},
    prefill::Prefilled,
    segments::PREFILL_CHUNK,
};
use crate::vlm::{CandidateScore, Chat, Message, Observer, Phase};

/// A prompt that candidates may follow.
pub struct Asked<'a> {
    /// The conversation, whose last turn is to be answered.
    pub chat: &'a Chat,
    /// Its images.
    pub images: &'a [ImageLayout],
    /// The prompt that it became.
    pub token_ids: &'a [i32],
    /// Tokens that end an answer.
    pub stop_ids: &'a BTreeSet<u32>,
    /// Which of them the tokenizer names as the end of a sequence.
    pub end: Option<u32>,
}

/// Why a candidate has no tokens.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// The chat cannot be rendered with the candidate as its last turn.
    #[error("{0}")]
    Prompt(#[from] PromptError),
    /// With an answer the prompt is another one.
    #[error("the chat template writes something else before an answer than before none")]
    OtherPrompt,
    /// Nothing follows the prompt.
    #[error("the chat template leaves the answer out")]
    Nothing,
}

impl Asked<'_> {
    /// The tokens of a candidate: what follows the prompt when the conversation is rendered
    /// with it as the assistant's turn, up to the first token that ends an answer. Where the
    /// template closes no turn, what it writes behind an answer decodes to white space: this
    /// is left out, and the answer ends as the model would end it.
    ///
    /// # Errors
    /// [`NoPlace`] where the template has no place for the answer behind the prompt.
    pub fn tokens(&self, model: &Architecture, candidate: &str) -> Result<Vec<u32>, NoPlace> {
        let mut chat = self.chat.clone();
        chat.messages.push(Message::assistant(candidate));
        let whole = model.tokenize(&chat, self.images, false)?.token_ids;
        let following = whole.strip_prefix(self.token_ids).ok_or(NoPlace::OtherPrompt)?;
        let mut tokens: Vec<u32> = following.iter().map(|&id| id as u32).collect();
        if let Some(end) = tokens.iter().position(|id| self.stop_ids.contains(id)) {
            tokens.truncate(end + 1);
        } else {
            let blank = |id: &u32| {
                model.tokenizer().decode(&[*id]).is_ok_and(|text| text.trim().is_empty())
            };
            while tokens.last().is_some_and(blank) {
                tokens.pop();
            }
            tokens.extend(self.end);
        }
        if tokens.is_empty() { Err(NoPlace::Nothing) } else { Ok(tokens) }
    }
}

/// Weighs each of `candidates`, tokens that may follow the prompt. The keys and values of the
/// prompt and their buffers are afterwards what they were, so that an answer written then does
/// not depend on what was weighed.
///
/// # Errors
/// When MLX refuses or fails the computation, or `observer` stops it.
pub fn weigh(
    model: &Architecture,
    prompt: &mut Prefilled<'_>,
    candidates: &[Vec<u32>],
    observer: &mut dyn Observer,
) -> Result<Vec<CandidateScore>, GenerateError> {
    let mut scores = Vec::with_capacity(candidates.len());
    for tokens in candidates {
        observer.reached(Phase::Prefill)?;
        scores.push(weigh_one(model, prompt, tokens, observer)?);
    }
    Ok(scores)
}

fn weigh_one(
    model: &Architecture,
    prompt: &mut Prefilled<'_>,
    tokens: &[u32],
    observer: &mut dyn Observer,
) -> Result<CandidateScore, GenerateError> {
    let further = tokens.len().saturating_sub(1);
    let end = prompt.length + further;
    let logprob = if model.regime(end) != prompt.cache.regime() {
        // One pass over prompt and candidate would take place in the other rotary regime.
        let (mut cache, logits) = prompt.again(end, 0, observer)?;
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
