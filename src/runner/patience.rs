//! Waiting while the system is critically short of memory: a worker started then would only make
//! it worse, and be the next to be killed.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::memory::{SystemMemory, SystemPressure};

/// How long the system is waited for, and who says how it is.
pub struct Patience {
    /// How the memory of the system is now; `None` where it does not say.
    pub system: Box<dyn Fn() -> Option<SystemMemory>>,
    /// How often it is asked.
    pub poll: Duration,
    /// The longest time to wait.
    pub limit: Duration,
}

/// What waiting led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// How long it took.
    pub(super) waited: Duration,
    /// Whether the system is no longer critically short.
    pub(super) relieved: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            system: Box::new(SystemMemory::now),
            poll: Duration::from_millis(250),
            limit: Duration::from_mins(1),
        }
    }
}

impl Patience {
    /// Waits until the system is no longer critically short, the limit is reached or `interrupt`
    /// rises. `None` if there was nothing to wait for.
    pub(super) fn wait(&self, interrupt: &AtomicBool) -> Option<Wait> {
        let start = Instant::now();
        let mut relieved = !self.is_critical();
        if relieved {
            return None;
        }
        while !relieved && !interrupt.load(Ordering::Relaxed) && start.elapsed() < self.limit {
            thread::sleep(self.poll);
            relieved = !self.is_critical();
        }
        Some(Wait { waited: start.elapsed(), relieved })
    }

    fn is_critical(&self) -> bool {
        (self.system)().and_then(|system| system.pressure) == Some(SystemPressure::Critical)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Critical for so many looks, then not.
    fn critical_for(looks: usize) -> Patience {
        let left = Cell::new(looks);
        let system = move || {
            let critical = left.get() > 0;
            left.set(left.get().saturating_sub(1));
            let pressure =
                if critical { SystemPressure::Critical } else { SystemPressure::Warning };
            Some(SystemMemory { pressure: Some(pressure), ..SystemMemory::default() })
        };
        Patience {
            system: Box::new(system),
            poll: Duration::from_millis(2),
            limit: Duration::from_millis(40),
        }
    }

    #[test]
    fn nothing_is_waited_for_unless_the_system_is_critical() {
        let calm = AtomicBool::new(false);
        assert_eq!(critical_for(0).wait(&calm), None);
        let silent = Patience { system: Box::new(|| None), ..critical_for(0) };
        assert_eq!(silent.wait(&calm), None);
    }

    #[test]
    fn it_ends_with_relief_at_the_limit_or_when_interrupted() {
        let calm = AtomicBool::new(false);
        let relieved = critical_for(5).wait(&calm).unwrap();
        assert!(relieved.relieved && relieved.waited >= Duration::from_millis(10), "{relieved:?}");
        let in_vain = critical_for(usize::MAX).wait(&calm).unwrap();
        assert!(!in_vain.relieved && in_vain.waited >= Duration::from_millis(40), "{in_vain:?}");
        let interrupted = critical_for(usize::MAX).wait(&AtomicBool::new(true)).unwrap();
        assert!(!interrupted.relieved && interrupted.waited < Duration::from_millis(40));
    }
}
