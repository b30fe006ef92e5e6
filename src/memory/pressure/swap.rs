//! How fast the machine swaps. The share of the swap space that is used says nothing: macOS
//! enlarges it as it goes.

use std::{collections::VecDeque, time::Duration};

/// How far back growth is measured.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Samples closer together than this are kept as one, so that many cost no more than few.
const GRAIN: Duration = Duration::from_secs(1);

/// The swapped bytes of the last minute.
#[derive(Debug, Clone, Default)]
pub(super) struct SwapGrowth {
    /// When, and the least that was swapped in the second from then on.
    history: VecDeque<(Duration, u64)>,
}

impl SwapGrowth {
    /// Notes that `swapped` bytes are swapped out at `at`; returns how much more that is than the
    /// least within the window.
    pub fn since_window(&mut self, at: Duration, swapped: u64) -> u64 {
        while self.history.front().is_some_and(|(then, _)| at.saturating_sub(*then) > WINDOW) {
            self.history.pop_front();
        }
        match self.history.back_mut() {
            Some((then, least)) if at.saturating_sub(*then) < GRAIN => *least = swapped.min(*least),
            _ => self.history.push_back((at, swapped)),
        }
        let least = self.history.iter().map(|(_, bytes)| *bytes).min();
        swapped - least.unwrap_or(swapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_measured_from_the_least_of_the_last_minute() {
        let mut swap = SwapGrowth::default();
        let mut at = |seconds: u64, bytes| swap.since_window(Duration::from_secs(seconds), bytes);
        assert_eq!(at(0, 500), 0);
        assert_eq!(at(10, 100), 0);
        assert_eq!(at(20, 300), 200);
        assert_eq!(at(70, 350), 250);
        assert_eq!(at(71, 350), 50);
        assert_eq!(at(200, 350), 0);
    }

    #[test]
    fn ten_thousand_samples_a_second_are_kept_as_one() {
        let mut swap = SwapGrowth::default();
        let grown: Vec<u64> = (0..20_000)
            .map(|n| swap.since_window(Duration::from_micros(n * 100), 1_000_000 - n))
            .collect();
        assert_eq!(swap.history.len(), 2);
        assert!(grown.iter().all(|&bytes| bytes == 0));
        assert_eq!(swap.since_window(Duration::from_secs(2), 1_000_000), 19_999);
    }
}
