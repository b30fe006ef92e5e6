//! How workers ended, what that means for their successors, and when a model is given up.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    vlm::ModelError,
    worker::{Death, DeathCause, Exchange, StartError},
};

/// So many unplanned ends are too many …
const MOST: usize = 3;
/// … within this time, or without an answer between them.
const WITHIN: Duration = Duration::from_mins(5);

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WorkerEnd {
    /// In words.
    pub(super) reason: String,
    /// As a name; `None` if it ended over an error that it could report.
    pub(super) cause: Option<DeathCause>,
    /// Whether memory was short, so that the next one has to go carefully.
    pub(super) for_memory: bool,
}

impl WorkerEnd {
    /// How the worker ended with `exchange`; `None` if it did not.
    pub(super) fn of(exchange: &Exchange) -> Option<Self> {
        let end = |reason, cause, for_memory| Some(Self { reason, cause, for_memory });
        match exchange {
            Exchange::Answered { .. }
            | Exchange::Failed { worker_ended: false, .. }
            | Exchange::Interrupted => None,
            Exchange::Failed { error, worker_ended: true } => {
                let panicked = matches!(error, ModelError::Panic(_));
                let cause = panicked.then_some(DeathCause::Panicked);
                end(error.to_string(), cause, matches!(error, ModelError::Memory(_)))
            }
            Exchange::TimedOut { limit } => {
                let reason = format!("no answer within {} s", limit.as_secs_f64());
                end(reason, Some(DeathCause::Hung), false)
            }
            Exchange::RestartWanted(_) => {
                let reason = "it asked to be replaced: memory is short".to_owned();
                end(reason, Some(DeathCause::RestartWanted), true)
            }
            Exchange::Crashed(death) => Some(Self::of_death(death)),
        }
    }

    /// How a worker ended that was found dead.
    pub(super) fn of_death(death: &Death) -> Self {
        let for_memory = death.cause.is_memory() || death.cause == DeathCause::RestartWanted;
        Self { reason: death.to_string(), cause: Some(death.cause), for_memory }
    }

    /// How a worker ended while it was loading; `None` if another one would fare no better.
    pub(super) fn of_load(error: &StartError) -> Option<Self> {
        let (cause, for_memory) = match error {
            StartError::TimedOut { .. } => (DeathCause::Hung, false),
            StartError::Panicked { .. } => (DeathCause::Panicked, false),
            StartError::Crashed(death) => (death.cause, death.cause.is_memory()),
            StartError::Spawn { .. }
            | StartError::Log { .. }
            | StartError::LoadFailed { .. }
            | StartError::Interrupted => return None,
        };
        Some(Self { reason: error.to_string(), cause: Some(cause), for_memory })
    }

    /// Whether it ended as it should, so that nothing is wrong with the model.
    pub(super) fn is_planned(&self) -> bool {
        self.cause == Some(DeathCause::RestartWanted)
    }
}

/// The ends of one model's workers that nobody had planned.
#[derive(Debug, Default)]
pub(super) struct UnplannedEnds {
    recent: VecDeque<Instant>,
    in_a_row: usize,
}

impl UnplannedEnds {
    /// There was another one.
    pub(super) fn add(&mut self, now: Instant) {
        self.in_a_row += 1;
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|&oldest| now.duration_since(oldest) > WITHIN) {
            self.recent.pop_front();
        }
    }

    /// A question came to its end and left the worker alive.
    pub(super) fn interrupted_by_an_answer(&mut self) {
        self.in_a_row = 0;
    }

    /// Why there must not be another worker, if there were too many.
    pub(super) fn too_many(&self) -> Option<String> {
        if self.recent.len() >= MOST {
            let minutes = WITHIN.as_secs() / 60;
            Some(format!("its worker died {MOST} times within {minutes} minutes"))
        } else if self.in_a_row >= MOST {
            Some(format!("its worker died {MOST} times in a row"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(minutes: &[u64], answers_between: bool) -> UnplannedEnds {
        let (start, mut ends) = (Instant::now(), UnplannedEnds::default());
        for &minute in minutes {
            if answers_between {
                ends.interrupted_by_an_answer();
            }
            ends.add(start + Duration::from_mins(minute));
        }
        ends
    }

    #[test]
    fn three_ends_within_five_minutes_are_too_many() {
        assert_eq!(ends(&[0, 5], true).too_many(), None);
        let reason = ends(&[0, 2, 5], true).too_many();
        assert_eq!(reason.as_deref(), Some("its worker died 3 times within 5 minutes"));
        assert_eq!(ends(&[0, 2, 6, 8, 12, 15], true).too_many(), None);
        assert!(ends(&[0, 6, 12, 13, 14], true).too_many().is_some());
    }

    #[test]
    fn so_are_three_slow_ones_without_an_answer_between() {
        let reason = ends(&[0, 6, 12], false).too_many();
        assert_eq!(reason.as_deref(), Some("its worker died 3 times in a row"));
    }
}
