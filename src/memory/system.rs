//! How much memory the machine has, and whether it is short of it.

use sysinfo::System;

/// Below this share of the physical memory the machine is short: one part in so many.
const SHORT_BELOW_ONE_IN: u64 = 16;

/// What the machine has, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemMemory {
    /// Physical memory, or the limit of the control group if that is smaller.
    pub total_bytes: u64,
    /// Of it, what programs can have without others being swapped out.
    pub available_bytes: u64,
}

impl SystemMemory {
    /// What it is now; `None` where the system does not say.
    pub fn now() -> Option<Self> {
        let mut system = System::new().ok()?;
        system.refresh_memory();
        let machine =
            Self { total_bytes: system.total_memory(), available_bytes: system.available_memory() };
        let group = system.cgroup_limits().map(|group| Self {
            total_bytes: group.total_memory,
            available_bytes: group.free_memory,
        });
        let smaller = group.filter(|group| group.total_bytes < machine.total_bytes);
        Some(smaller.unwrap_or(machine)).filter(|it| it.total_bytes > 0)
    }

    /// Whether less than a sixteenth is available: what is kept for speed alone has to go.
    ///
    /// ```
    /// use vlm_test::memory::SystemMemory;
    /// let with = |available_bytes| SystemMemory { total_bytes: 16 << 30, available_bytes };
    /// assert!(with((1 << 30) - 1).is_short() && !with(1 << 30).is_short());
    /// ```
    pub fn is_short(self) -> bool {
        self.available_bytes < self.total_bytes / SHORT_BELOW_ONE_IN
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_has_memory_and_some_of_it_is_available() {
        let now = super::SystemMemory::now().unwrap();
        assert!(now.total_bytes > 256 << 20);
        assert!(0 < now.available_bytes && now.available_bytes <= now.total_bytes);
    }
}
