//! How one question ended, in the words of the record.

use std::{fs, path::PathBuf};

use crate::{
    results::{Cause, Outcome, QuestionResult},
    suites::{Replies, Suite},
    vlm::{Chat, ModelError},
    worker::Exchange,
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
        Exchange::Failed { error, .. } => failed(error),
        Exchange::RestartWanted(_) => {
            Outcome::Skipped { reason: "not begun: memory is short".to_owned() }
        }
        Exchange::TimedOut { limit } => Outcome::TimedOut { limit_ms: limit.as_millis() as u64 },
        Exchange::Crashed(death) => Outcome::Crashed {
            signal: death.signal,
            exit_code: death.exit_code,
            detail: death.detail,
        },
        Exchange::Interrupted => Outcome::Skipped { reason: "interrupted".to_owned() },
    };
}

fn failed(error: ModelError) -> Outcome {
    let (message, cause) = match error {
        ModelError::Image(message) => (message, Cause::Image),
        ModelError::Prompt(message) => (message, Cause::Prompt),
        ModelError::TooLong(message) => (message, Cause::ContextLength),
        ModelError::Memory(message) => (message, Cause::Memory),
        ModelError::Compute(message) => (message, Cause::Compute),
    };
    Outcome::Error { message, cause }
}

/// What to say of a worker that ended with `outcome`.
pub(super) fn restart_reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::TimedOut { limit_ms } => format!("no answer within {} s", *limit_ms as f64 / 1e3),
        Outcome::Crashed { signal: Some(signal), .. } => {
            format!("the worker was ended by signal {signal}")
        }
        Outcome::Crashed { exit_code: Some(code), .. } => {
            format!("the worker ended with status {code}")
        }
        Outcome::Error { message, .. } => message.clone(),
        _ => "the worker ended".to_owned(),
    }
}
