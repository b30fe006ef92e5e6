//! How one question ended, in the words of the record.

use std::{fs, path::PathBuf};

use crate::{
    results::{Cause, Outcome, QuestionResult},
    suites::{Replies, Suite},
    vlm::{Chat, ModelError},
    worker::{Exchange, memory_numbers},
};

/// An image that no model can be shown, said without asking.
pub(super) fn unreadable(chat: &Chat) -> Option<Outcome> {
    let reason = |path: &PathBuf| {
        let error = fs::metadata(path).err()?;
        Some(format!("cannot read image {}: {error}", path.display()))
    };
    chat.images().find_map(reason).map(|message| Outcome::Error { message, cause: Cause::Image })
}

/// Writes how the exchange about an item ended into its result; a reply is kept for the items
/// that build on it.
pub(super) fn conclude(
    suite: &dyn Suite,
    item: usize,
    suffix: &str,
    exchange: Exchange,
    replies: &mut Replies,
    result: &mut QuestionResult,
) {
    result.outcome = match exchange {
        Exchange::Answered { generation, memory } => {
            (result.usage, result.timings_ms) = (Some(generation.usage), Some(generation.timings));
            result.memory = Some(memory);
            let outcome = suite.judge(item, suffix, &generation, replies);
            replies.insert(item, *generation);
            outcome
        }
        other => without_answer(other),
    };
}

/// An exchange that led to no answer, as an outcome.
pub(super) fn without_answer(exchange: Exchange) -> Outcome {
    match exchange {
        Exchange::Failed { error, .. } => failed(error),
        Exchange::RestartWanted(sample) => {
            let message = format!("not begun, for want of memory: {}", memory_numbers(&sample));
            Outcome::Error { message, cause: Cause::Memory }
        }
        Exchange::TimedOut { limit } => Outcome::TimedOut { limit_ms: limit.as_millis() as u64 },
        Exchange::Crashed(death) => Outcome::Crashed(Box::new(death)),
        Exchange::Answered { .. } | Exchange::Interrupted => {
            Outcome::Skipped { reason: "interrupted".to_owned() }
        }
    }
}

fn failed(error: ModelError) -> Outcome {
    let (message, cause) = match error {
        ModelError::Image(message) => (message, Cause::Image),
        ModelError::Prompt(message) => (message, Cause::Prompt),
        ModelError::TooLong(message) => (message, Cause::ContextLength),
        ModelError::Memory(message) => (message, Cause::Memory),
        ModelError::Compute(message) => (message, Cause::Compute),
        ModelError::Panic(message) => (message, Cause::Panic),
    };
    Outcome::Error { message, cause }
}
