//! Outcomes without an answer, in words.

use super::units::milliseconds;
use crate::results::{Outcome, summary::OutcomeCounts};

/// How many questions have no answer, by the way they ended.
pub(super) fn missing(counts: OutcomeCounts) -> impl Iterator<Item = String> {
    let named = [
        (counts.empty, "empty"),
        (counts.error, "failed"),
        (counts.timed_out, "timed out"),
        (counts.crashed, "crashed"),
        (counts.skipped, "skipped"),
        (counts.not_asked, "not asked"),
    ];
    named.into_iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"))
}

/// Why there is no score, where that needs saying.
pub(super) fn failure(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Answered { .. } | Outcome::Empty { .. } => None,
        Outcome::Error { message, .. } => Some(message.clone()),
        Outcome::TimedOut { limit_ms } => {
            Some(format!("no answer within {}", milliseconds(*limit_ms as f64)))
        }
        Outcome::Crashed(death) => Some(death.to_string()),
        Outcome::Skipped { reason } => Some(reason.clone()),
    }
}
