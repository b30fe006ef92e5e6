//! How often to clean up, chosen from what questions leave in the cache.

use super::Level;

/// Most questions between two clean-ups, however little they leave.
pub const LONGEST_INTERVAL: usize = 20;
/// The cache may take this share of what is left of the budget: one part in so many.
const SHARE_OF_HEADROOM: u64 = 10;
/// Less than this is not worth a clean-up.
const WORTH_IT: u64 = 64 << 20;

/// The number of questions between two clean-ups, for one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptiveInterval {
    /// Questions since the last clean-up.
    since: usize,
    interval: usize,
}

impl Default for AdaptiveInterval {
    /// Starts with the interval of the periodic schedule, before anything is known.
    fn default() -> Self {
        Self { since: 0, interval: 5 }
    }
}

impl AdaptiveInterval {
    /// Whether to clean up now, before the next question, with `cache_bytes` in the cache,
    /// `headroom_bytes` of the budget left to questions and memory at `level`.
    ///
    /// The interval is the number of questions that fill the allowance (a tenth of the headroom,
    /// at least 64 MiB) at the rate seen since the last clean-up, at most 20; half of that
    /// when memory is elevated, every question above.
    pub fn due(&mut self, cache_bytes: u64, headroom_bytes: u64, level: Level) -> bool {
        if self.since > 0 {
            let allowance = (headroom_bytes / SHARE_OF_HEADROOM).max(WORTH_IT);
            let each = cache_bytes.div_ceil(self.since as u64).max(1);
            let fill = usize::try_from(allowance / each).unwrap_or(usize::MAX);
            self.interval = fill.clamp(1, LONGEST_INTERVAL);
        }
        let interval = match level {
            Level::Normal => self.interval,
            Level::Elevated => self.interval.div_ceil(2),
            Level::High | Level::Critical => 1,
        };
        let due = self.since >= interval;
        self.since = if due { 1 } else { self.since + 1 };
        due
    }

    /// A clean-up was made for another reason.
    pub fn restart(&mut self) {
        self.since = 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;

    /// Which of `questions` are cleaned up before, where each leaves `leaves` bytes.
    fn due(questions: usize, leaves: u64, headroom: u64, level: Level) -> Vec<usize> {
        let (mut interval, mut cache) = (AdaptiveInterval::default(), 0);
        let mut due = Vec::new();
        for question in 1..=questions {
            if interval.due(cache, headroom, level) {
                due.push(question);
                cache = 0;
            }
            cache += leaves;
        }
        due
    }

    #[test]
    fn questions_that_leave_little_are_cleaned_up_after_seldom() {
        assert_eq!(due(50, 1 << 10, 8 * GIB, Level::Normal), [21, 41]);
    }

    #[test]
    fn questions_that_leave_much_are_cleaned_up_after_often() {
        // A tenth of 4 GiB holds what three questions of 128 MiB leave.
        assert_eq!(due(10, 128 << 20, 4 * GIB, Level::Normal), [4, 7, 10]);
        assert_eq!(due(5, GIB, 4 * GIB, Level::Normal), [2, 3, 4, 5]);
    }

    #[test]
    fn pressure_shortens_the_interval() {
        assert_eq!(due(10, 128 << 20, 4 * GIB, Level::Elevated), [3, 5, 7, 9]);
        assert_eq!(due(4, 1, 4 * GIB, Level::High), [2, 3, 4]);
    }

    proptest! {
        #[test]
        fn no_more_than_twenty_questions_pass_and_the_first_needs_none(
            leaves in 0..4 * GIB, headroom in 0..64 * GIB, questions in 1usize..200,
        ) {
            let due = due(questions, leaves, headroom, Level::Normal);
            prop_assert!(due.first().is_none_or(|&first| first > 1));
            let ends = due.iter().copied().chain([questions + 1]);
            let mut last = 1;
            for end in ends {
                prop_assert!(end - last <= LONGEST_INTERVAL);
                last = end;
            }
        }
    }
}
