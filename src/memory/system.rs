//! How much memory the machine has, and whether it is short of it.

use sysinfo::System;

use super::SystemMemory;

/// Below this share of the physical memory the machine is short: one part in so many.
const SHORT_BELOW_ONE_IN: u64 = 16;

impl SystemMemory {
    /// What it is now; `None` where the system does not say.
    pub fn now() -> Option<Self> {
        let mut system = System::new().ok()?;
        system.refresh_memory();
        let machine = Self {
            total_bytes: system.total_memory(),
            available_bytes: system.available_memory(),
            ..Self::default()
        };
        let now = match system.cgroup_limits() {
            Some(group) => machine.within(group.total_memory, group.rss),
            None => machine,
        };
        Some(now).filter(|it| it.total_bytes > 0)
    }

    /// What is left to a control group that may have `limit` bytes and holds `anonymous` bytes.
    /// Its cached files do not count: they go when the memory is wanted.
    fn within(self, limit: u64, anonymous: u64) -> Self {
        Self {
            total_bytes: self.total_bytes.min(limit),
            available_bytes: self.available_bytes.min(limit.saturating_sub(anonymous)),
            ..self
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

    #[test]
    fn the_limit_of_a_control_group_counts_where_it_is_the_smaller_one() {
        let machine =
            SystemMemory { total_bytes: 100, available_bytes: 60, ..SystemMemory::default() };
        let within = |limit, anonymous| {
            let SystemMemory { total_bytes, available_bytes, .. } =
                machine.within(limit, anonymous);
            (total_bytes, available_bytes)
        };
        assert_eq!(within(40, 30), (40, 10));
        assert_eq!(within(40, 41), (40, 0));
        assert_eq!(within(90, 10), (90, 60));
        assert_eq!(within(u64::MAX, 10), (100, 60));
    }

    #[test]
    fn this_machine_has_memory_and_some_of_it_is_available() {
        let now = SystemMemory::now().unwrap();
        assert!(now.total_bytes > 256 << 20);
        assert!(0 < now.available_bytes && now.available_bytes <= now.total_bytes);
    }
}
