//! Whether a question is computed now, after a clean-up, or not at all. Pure.

use super::Forecast;

/// What there is for a question, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// What this program may use in all.
    pub budget_bytes: u64,
    /// What it uses: the larger of active + cached bytes and the footprint of the process.
    pub used_bytes: u64,
    /// Of those, what a clean-up cannot give back: the larger of the active bytes and the
    /// footprint less the cached ones. Includes `held_bytes`.
    pub hard_bytes: u64,
    /// Of those, what the model keeps for later questions and can give up.
    pub held_bytes: u64,
    /// Most bytes of one array on this device, where it has a limit.
    pub largest_buffer_bytes: Option<u64>,
}

impl Room {
    /// What a question may use once everything that is cached has been given back.
    pub fn headroom_bytes(&self) -> u64 {
        self.budget_bytes.saturating_sub(self.hard_bytes)
    }

    /// Whether a question that is forecast to need this much, with one array of
    /// `largest_buffer_bytes`, is computed.
    pub fn admit(&self, forecast: &Forecast, largest_buffer_bytes: u64) -> Decision {
        if let Some(limit) = self.largest_buffer_bytes.filter(|limit| largest_buffer_bytes > *limit)
        {
            let bytes = largest_buffer_bytes;
            return Decision::Refused(Refusal::LargestBuffer { bytes, limit });
        }
        let need = forecast.need_bytes;
        let beside = |stays: u64| self.budget_bytes.saturating_sub(stays);
        let without_held = beside(self.hard_bytes.saturating_sub(self.held_bytes));
        if need <= beside(self.used_bytes) {
            Decision::Granted
        } else if need <= self.headroom_bytes() {
            Decision::ClearFirst
        } else if need <= without_held {
            Decision::GiveUp
        } else if forecast.sure_bytes <= without_held {
            // Too much only by an estimate: it is tried with all the room there is.
            if self.held_bytes > 0 { Decision::GiveUp } else { Decision::ClearFirst }
        } else {
            let (kv, headroom, budget) = (forecast.kv_bytes, without_held, self.budget_bytes);
            Decision::Refused(Refusal::Headroom { need, kv, headroom, budget })
        }
    }
}

/// What becomes of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is computed.
    Granted,
    /// It is computed once what the allocator keeps for reuse has been given back.
    ClearFirst,
    /// It is computed once the model has given up what it keeps from earlier questions too.
    GiveUp,
    /// It is not computed.
    Refused(Refusal),
}

/// Why a question is not computed, with the numbers and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One array is larger than the device allows.
    #[error(
        "an array of {} would be needed, but this device takes at most {} in one piece: use a smaller image",
        megabytes(*bytes), megabytes(*limit)
    )]
    LargestBuffer {
        /// What the array would take.
        bytes: u64,
        /// What the device allows.
        limit: u64,
    },
    /// It does not fit, whatever is given back.
    #[error(
        "the question would need about {} ({} of it keys and values), but of the budget of {} only {} are left beside the model: use fewer or smaller images, a shorter conversation, or raise --memory-budget",
        megabytes(*need), megabytes(*kv), megabytes(*budget), megabytes(*headroom)
    )]
    Headroom {
        /// What it would need.
        need: u64,
        /// Of that, keys and values.
        kv: u64,
        /// What is left once all is given back that can be.
        headroom: u64,
        /// What the program may use in all.
        budget: u64,
    },
}

/// Decimal megabytes, rounded up: what is refused never reads as if it fitted.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MB: u64 = 1_000_000;

    fn forecast(need_bytes: u64) -> Forecast {
        Forecast {
            need_bytes,
            sure_bytes: need_bytes,
            kv_bytes: need_bytes / 4,
            ..Forecast::default()
        }
    }

    /// 1000 MB, of which 600 are used: 400 by weights, 100 held, 100 cached.
    const ROOM: Room = Room {
        budget_bytes: 1000 * MB,
        used_bytes: 600 * MB,
        hard_bytes: 500 * MB,
        held_bytes: 100 * MB,
        largest_buffer_bytes: Some(300 * MB),
    };

    #[test]
    fn the_mildest_measure_that_makes_room_is_taken() {
        let decide = |need| ROOM.admit(&forecast(need * MB), 0);
        assert_eq!([decide(0), decide(400)], [Decision::Granted, Decision::Granted]);
        assert_eq!([decide(401), decide(500)], [Decision::ClearFirst, Decision::ClearFirst]);
        assert_eq!([decide(501), decide(600)], [Decision::GiveUp, Decision::GiveUp]);
        assert!(matches!(decide(601), Decision::Refused(Refusal::Headroom { .. })));
    }

    #[test]
    fn nothing_is_refused_for_an_estimate_that_may_be_twice_too_large() {
        let guess = |need: u64| Forecast { sure_bytes: need * MB / 2, ..forecast(need * MB) };
        assert_eq!(ROOM.admit(&guess(1200), 0), Decision::GiveUp);
        let given_up = Room { hard_bytes: 400 * MB, used_bytes: 400 * MB, held_bytes: 0, ..ROOM };
        assert_eq!(given_up.admit(&guess(1200), 0), Decision::ClearFirst);
        assert!(matches!(ROOM.admit(&guess(1201), 0), Decision::Refused(_)));
    }

    #[test]
    fn a_refusal_names_the_numbers_and_what_to_do() {
        let Decision::Refused(refusal) = ROOM.admit(&forecast(800 * MB), 0) else {
            panic!("granted")
        };
        assert_eq!(
            refusal.to_string(),
            "the question would need about 800 MB (200 MB of it keys and values), but of the budget of 1000 MB only 600 MB are left beside the model: use fewer or smaller images, a shorter conversation, or raise --memory-budget"
        );
        let Decision::Refused(refusal) = ROOM.admit(&forecast(MB), 300 * MB + 1) else {
            panic!("granted")
        };
        assert_eq!(
            refusal.to_string(),
            "an array of 301 MB would be needed, but this device takes at most 300 MB in one piece: use a smaller image"
        );
        assert_eq!(ROOM.admit(&forecast(MB), 300 * MB), Decision::Granted);
    }

    proptest! {
        #[test]
        fn who_needs_more_is_never_treated_milder(
            budget_bytes in 0..1000u64, used_bytes in 0..1000u64, hard_bytes in 0..1000u64,
            held_bytes in 0..1000u64, need in 0..1000u64, more in 0..1000u64,
        ) {
            let hard_bytes = hard_bytes.min(used_bytes);
            let held_bytes = held_bytes.min(hard_bytes);
            let room = Room { budget_bytes, used_bytes, hard_bytes, held_bytes, largest_buffer_bytes: None };
            let severity = |need| match room.admit(&forecast(need), u64::MAX) {
                Decision::Granted => 0,
                Decision::ClearFirst => 1,
                Decision::GiveUp => 2,
                Decision::Refused(_) => 3,
            };
            prop_assert!(severity(need) <= severity(need + more));
            // What is admitted fits the budget beside what stays.
            let stays = [used_bytes, hard_bytes, hard_bytes - held_bytes];
            if let Some(stays) = stays.get(severity(need)) {
                prop_assert!(need + stays <= budget_bytes || need == 0);
            }
        }
    }
}
