//! How much memory the machine has, and whether it is short of it.

use super::{MachineSignals, Signals, SystemMemory, SystemPressure, platform::GroupMemory};

/// Below this share of the memory the machine is short: one part in so many.
const SHORT_BELOW_ONE_IN: u64 = 16;
/// And below this one processes are about to be killed.
const CRITICAL_BELOW_ONE_IN: u64 = 64;

impl SystemMemory {
    /// What it is now; `None` where the system does not say.
    pub fn now() -> Option<Self> {
        MachineSignals::new().system()
    }

    /// What is left to a process in the control group `group`.
    pub(super) fn within(self, group: GroupMemory) -> Self {
        let GroupMemory { limit_bytes, held_bytes } = group;
        Self {
            total_bytes: self.total_bytes.min(limit_bytes),
            available_bytes: self.available_bytes.min(limit_bytes.saturating_sub(held_bytes)),
            ..self
        }
    }

    /// The word for it where the system has none.
    pub(super) fn pressure_by_share(self) -> SystemPressure {
        if self.available_bytes < self.total_bytes / CRITICAL_BELOW_ONE_IN {
            SystemPressure::Critical
        } else if self.is_short() {
            SystemPressure::Warning
        } else {
            SystemPressure::Normal
        }
    }

    /// Whether less than a sixteenth is available: what is kept for speed alone has to go.
    ///
    /// ```
    /// use vlm_test::memory::SystemMemory;
    /// let with = |available_bytes| SystemMemory { total_bytes: 16 << 30, available_bytes, ..SystemMemory::default() };
    /// assert!(with((1 << 30) - 1).is_short() && !with(1 << 30).is_short());
    /// ```
    pub fn is_short(self) -> bool {
        self.available_bytes < self.total_bytes / SHORT_BELOW_ONE_IN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(total_bytes: u64, available_bytes: u64) -> SystemMemory {
        SystemMemory { total_bytes, available_bytes, ..SystemMemory::default() }
    }

    #[test]
    fn the_limit_of_a_control_group_counts_where_it_is_the_smaller_one() {
        let within = |limit_bytes, held_bytes| {
            let it = machine(100, 60).within(GroupMemory { limit_bytes, held_bytes });
            (it.total_bytes, it.available_bytes)
        };
        assert_eq!(within(40, 30), (40, 10));
        assert_eq!(within(40, 41), (40, 0));
        assert_eq!(within(90, 10), (90, 60));
        assert_eq!(within(u64::MAX, 10), (100, 60));
    }

    #[test]
    fn the_word_for_the_pressure_goes_by_the_share_that_is_available() {
        let word = |available| machine(6400, available).pressure_by_share();
        assert_eq!(word(400), SystemPressure::Normal);
        assert_eq!(word(399), SystemPressure::Warning);
        assert_eq!(word(100), SystemPressure::Warning);
        assert_eq!(word(99), SystemPressure::Critical);
    }

    #[test]
    fn this_machine_has_memory_and_some_of_it_is_available() {
        let now = SystemMemory::now().unwrap();
        assert!(now.total_bytes > 256 << 20);
        assert!(0 < now.available_bytes && now.available_bytes <= now.total_bytes);
        assert!(0 < now.used_bytes && now.used_bytes <= now.total_bytes);
    }
}
