//! Signals that follow a script, so that a machine short of memory can be had at will.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{MachineSignals, ProcessMemory, Signals, Stall, SystemMemory, SystemPressure};

const GIB: u64 = 1 << 30;

/// From some moment on: what the signals say. What is not given is calm: a machine with 16 GiB,
/// half of them free; of the process, what is true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PressureStep {
    /// From this question on, counted from 1.
    pub from_question: Option<usize>,
    /// And not before so many milliseconds after the signals were made.
    pub from_ms: Option<u64>,
    /// As [`SystemMemory::total_bytes`].
    pub total_bytes: Option<u64>,
    /// As [`SystemMemory::available_bytes`]; what is left of the total is in use.
    pub available_bytes: Option<u64>,
    /// As [`SystemMemory::swap_used_bytes`].
    pub swap_used_bytes: Option<u64>,
    /// As [`SystemMemory::pressure`].
    pub pressure: Option<SystemPressure>,
    /// As [`Stall::some`].
    pub stall_some: Option<f64>,
    /// As [`Stall::full`].
    pub stall_full: Option<f64>,
    /// As [`ProcessMemory::footprint_bytes`].
    pub footprint_bytes: Option<u64>,
    /// As [`ProcessMemory::resident_bytes`].
    pub resident_bytes: Option<u64>,
    /// As [`ProcessMemory::threads`].
    pub threads: Option<u64>,
    /// As [`ProcessMemory::descriptors`].
    pub descriptors: Option<u64>,
}

/// Says what the last step says whose moment has come.
pub struct ScriptedSignals {
    steps: Vec<PressureStep>,
    question: Option<usize>,
    started: Instant,
    machine: MachineSignals,
}

impl ScriptedSignals {
    /// The script begins now.
    pub fn new(steps: Vec<PressureStep>) -> Self {
        Self { steps, question: None, started: Instant::now(), machine: MachineSignals::new() }
    }

    fn step(&self) -> PressureStep {
        let (question, elapsed) = (self.question.unwrap_or_default(), self.started.elapsed());
        let has_come = |step: &&PressureStep| {
            step.from_question.is_none_or(|from| question >= from)
                && step.from_ms.is_none_or(|from| elapsed >= Duration::from_millis(from))
        };
        self.steps.iter().rfind(has_come).copied().unwrap_or_default()
    }
}

impl Signals for ScriptedSignals {
    fn reached(&mut self, question: Option<usize>) {
        self.question = question;
    }

    fn process(&mut self) -> ProcessMemory {
        let (step, own) = (self.step(), self.machine.process());
        ProcessMemory {
            footprint_bytes: step.footprint_bytes.or(own.footprint_bytes),
            resident_bytes: step.resident_bytes.or(own.resident_bytes),
            threads: step.threads.or(own.threads),
            descriptors: step.descriptors.or(own.descriptors),
        }
    }

    fn system(&mut self) -> Option<SystemMemory> {
        let step = self.step();
        let total_bytes = step.total_bytes.unwrap_or(16 * GIB);
        let available_bytes = step.available_bytes.unwrap_or(total_bytes / 2);
        Some(SystemMemory {
            total_bytes,
            available_bytes,
            used_bytes: total_bytes.saturating_sub(available_bytes),
            swap_used_bytes: step.swap_used_bytes.unwrap_or_default(),
            pressure: Some(step.pressure.unwrap_or(SystemPressure::Normal)),
            stall: Some(Stall {
                some: step.stall_some.unwrap_or_default(),
                full: step.stall_full.unwrap_or_default(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_holds_from_its_question_until_the_next() {
        let pressure = |from, pressure| PressureStep {
            from_question: Some(from),
            pressure: Some(pressure),
            ..PressureStep::default()
        };
        let mut signals = ScriptedSignals::new(vec![
            pressure(3, SystemPressure::Critical),
            pressure(5, SystemPressure::Warning),
        ]);
        let mut at = |question| {
            signals.reached(question);
            signals.system().unwrap().pressure.unwrap()
        };
        assert_eq!([at(None), at(Some(2))], [SystemPressure::Normal; 2]);
        assert_eq!([at(Some(3)), at(Some(4))], [SystemPressure::Critical; 2]);
        assert_eq!([at(Some(5)), at(Some(99))], [SystemPressure::Warning; 2]);
    }

    #[test]
    fn a_step_waits_for_its_time_and_says_only_what_it_gives() {
        let later = PressureStep {
            from_ms: Some(30),
            available_bytes: Some(GIB),
            footprint_bytes: Some(7),
            ..PressureStep::default()
        };
        let mut signals = ScriptedSignals::new(vec![later]);
        let early = signals.system().unwrap();
        std::thread::sleep(Duration::from_millis(31));
        let late = signals.system().unwrap();
        assert_eq!((late.available_bytes, late.used_bytes), (GIB, 15 * GIB));
        assert_eq!(late.pressure, early.pressure);
        let process = signals.process();
        assert_eq!(process.footprint_bytes, Some(7));
        assert!(process.threads.unwrap() >= 1);
    }
}
