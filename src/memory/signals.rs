//! What the process and the machine say of their memory.

use sysinfo::System;

use super::{ProcessMemory, SystemMemory, platform::Platform};

/// Says how large this process is and how short the machine is of memory. Asked about once a
/// second and between any two questions, so it must cost next to nothing.
pub trait Signals: Send {
    /// Told before each sample which question is asked or about to be.
    fn reached(&mut self, question: Option<usize>) {
        let _ = question;
    }

    /// This process.
    fn process(&mut self) -> ProcessMemory;

    /// The machine; `None` where the system does not say.
    fn system(&mut self) -> Option<SystemMemory>;
}

/// The real ones.
pub struct MachineSignals {
    machine: Option<System>,
    platform: Platform,
}

impl MachineSignals {
    /// Those of this process and its machine.
    pub fn new() -> Self {
        Self { machine: System::new().ok(), platform: Platform::new() }
    }
}

impl Default for MachineSignals {
    fn default() -> Self {
        Self::new()
    }
}

impl Signals for MachineSignals {
    fn process(&mut self) -> ProcessMemory {
        self.platform.process()
    }

    fn system(&mut self) -> Option<SystemMemory> {
        let machine = self.machine.as_mut()?;
        machine.refresh_memory();
        let whole = SystemMemory {
            total_bytes: machine.total_memory(),
            available_bytes: machine.available_memory(),
            used_bytes: machine.used_memory(),
            swap_used_bytes: machine.used_swap(),
            pressure: self.platform.pressure(),
            stall: None,
        };
        if whole.total_bytes == 0 {
            return None;
        }
        let groups = self.platform.groups(whole.total_bytes);
        let mut ours = groups.iter().fold(whole, |left, group| left.within(*group));
        if !groups.is_empty() {
            ours.used_bytes = ours.total_bytes.saturating_sub(ours.available_bytes);
        }
        ours.stall = self.platform.stall();
        ours.pressure = ours.pressure.or(Some(ours.pressure_by_share()));
        Some(ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_a_descriptor_and_memory_show_up_in_the_process() {
        let mut signals = MachineSignals::new();
        let before = signals.process();
        let ballast = vec![1u8; 64 << 20];
        let files: Vec<_> = (0..5)
            .map(|_| std::fs::File::open(std::env::current_exe().unwrap()).unwrap())
            .collect();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || ended.recv());
        let after = signals.process();
        let grown = |read: fn(&ProcessMemory) -> Option<u64>| {
            read(&after).unwrap() as i64 - read(&before).unwrap() as i64
        };
        // Other tests of this process may add to these.
        assert!(grown(|it| it.footprint_bytes) >= 60 << 20);
        assert!(grown(|it| it.resident_bytes) >= 60 << 20);
        assert!(grown(|it| it.threads) >= 1);
        assert!(grown(|it| it.descriptors) >= 5);
        drop((ballast, files, end));
        assert!(thread.join().unwrap().is_err());
    }
}
