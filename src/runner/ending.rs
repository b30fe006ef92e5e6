//! How one question ended, in the words of the record.

use std::fs;

use crate::{
    dataset::Question,
    results::{Outcome, QuestionResult},
    suites::vqa::{self, Judgement},
    vlm::ModelError,
    worker::Exchange,
};

/// What no model can answer or nobody can score, said without asking.
pub(super) fn unanswerable(question: &Question) -> Option<String> {
    if question.answers.is_empty() {
        return Some(format!(
            "question {} has no annotation, so its answer cannot be scored",
            question.id
        ));
    }
    let unreadable = fs::metadata(&question.image).err();
    unreadable.map(|error| format!("cannot read image {}: {error}", question.image.display()))
}

/// Writes how an exchange ended into the question's result.
pub(super) fn conclude(question: &Question, exchange: Exchange, result: &mut QuestionResult) {
    result.outcome = match exchange {
        Exchange::Answered { generation, memory } => {
            (result.usage, result.timings_ms) = (Some(generation.usage), Some(generation.timings));
            result.memory = Some(memory);
            match vqa::judge(question, &generation) {
                Judgement::Empty { raw } => Outcome::Empty { raw },
                Judgement::Scored { raw, scored, finish_reason } => Outcome::Answered {
                    raw,
                    extracted: scored.extracted,
                    normalised: scored.normalised,
                    scores: scored.scores,
                    finish_reason,
                },
            }
        }
        Exchange::Failed {
            error:
                ModelError::Image(message) | ModelError::Prompt(message) | ModelError::Compute(message),
            ..
        } => Outcome::Error { message },
        Exchange::TimedOut { limit } => Outcome::TimedOut { limit_ms: limit.as_millis() as u64 },
        Exchange::Crashed(death) => Outcome::Crashed {
            signal: death.signal,
            exit_code: death.exit_code,
            detail: death.detail,
        },
        Exchange::Interrupted => Outcome::Skipped { reason: "interrupted".to_owned() },
    };
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
        Outcome::Error { message } => message.clone(),
        _ => "the worker ended".to_owned(),
    }
}
