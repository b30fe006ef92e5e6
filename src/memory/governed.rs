//! Looks on while a question is answered: admits it by forecast, clears between its pieces when
//! memory is short, and stops it when memory is about to run out.

use super::{
    Allocator, CleanupReason, CleanupRecord, Decision, DeviceMemory, Forecaster, Measures,
    MemorySample, Room, Watch, clear_mlx_memory,
};
use crate::vlm::{Admission, ModelError, Need, Observer, Phase};

/// When memory is short, the cache is cleared after so many tokens too.
const TOKENS_BETWEEN_CLEARS: usize = 128;

/// Looks on while one question is answered.
pub(super) struct Governed<'a> {
    pub allocator: &'a dyn Allocator,
    pub watch: &'a Watch,
    pub forecaster: &'a Forecaster,
    pub device: DeviceMemory,
    pub measures: Measures,
    /// Counted from 1 in the order asked.
    pub question: usize,
    /// Whether anything is refused, cleared or stopped at all.
    pub governs: bool,
    /// Gets the pieces of the answer, and hears of each new phase.
    pub onlooker: &'a mut dyn Observer,
    pub phase: Phase,
    /// What the question said it needs.
    pub need: Option<Need>,
    /// Clean-ups made while it ran.
    pub cleanups: Vec<CleanupRecord>,
    pub tokens: usize,
    /// What was seen when the question was stopped for memory.
    pub stopped: Option<Box<MemorySample>>,
}

impl Governed<'_> {
    fn room(&self, sample: &MemorySample, need: &Need) -> Room {
        Room {
            budget_bytes: sample.budget_bytes,
            used_bytes: sample.used_bytes(),
            hard_bytes: sample.fixed_bytes(),
            held_bytes: need.held_bytes,
            largest_buffer_bytes: self.device.largest_buffer_bytes,
        }
    }

    fn clear(&mut self) {
        let (reason, before) = (CleanupReason::Pressure, Some(self.question));
        let mut record = clear_mlx_memory(self.allocator, reason, before);
        record.level = self.watch.level();
        self.cleanups.push(record);
    }
}

impl Observer for Governed<'_> {
    fn text(&mut self, piece: &str) {
        self.onlooker.text(piece);
    }

    fn admit(&mut self, need: &Need) -> Admission {
        self.need = Some(*need);
        if !self.governs {
            return Admission::Granted;
        }
        let forecast = self.forecaster.forecast(need);
        self.watch.set(Some(self.question), Phase::Preprocess, need.held_bytes);
        let sample = self.watch.sample(Some(forecast.need_bytes), false);
        match self.room(&sample, need).admit(&forecast, need.largest_buffer_bytes) {
            Decision::Granted => Admission::Granted,
            Decision::ClearFirst => {
                self.clear();
                Admission::Granted
            }
            Decision::GiveUp => Admission::GiveUp,
            Decision::Refused(refusal) => {
                Admission::Refused(ModelError::Memory(refusal.to_string()))
            }
        }
    }

    fn reached(&mut self, phase: Phase) -> Result<(), ModelError> {
        if phase != self.phase {
            self.phase = phase;
            self.watch.set_phase(phase);
            self.onlooker.reached(phase)?;
        }
        if !self.governs {
            return Ok(());
        }
        if self.watch.is_critical() {
            let sample = self.watch.last();
            let message = format!(
                "stopped {phase}: memory was about to run out ({} MB of the budget of {} MB in use, {})",
                sample.used_bytes() / 1_000_000,
                sample.budget_bytes / 1_000_000,
                said_by_system(&sample),
            );
            self.stopped = Some(Box::new(sample));
            return Err(ModelError::Memory(message));
        }
        self.tokens += usize::from(phase == Phase::Decode);
        let between = phase == Phase::Prefill
            || (phase == Phase::Decode && self.tokens.is_multiple_of(TOKENS_BETWEEN_CLEARS));
        if self.measures.lean && between {
            // What fails here is found by the barrier that ends the question.
            let _ = self.allocator.synchronize().and_then(|()| self.allocator.clear_cache());
        }
        Ok(())
    }
}

fn said_by_system(sample: &MemorySample) -> String {
    match &sample.system {
        Some(system) => format!(
            "{} of the machine's {} MB available",
            system.available_bytes / 1_000_000,
            system.total_bytes / 1_000_000
        ),
        None => "the machine does not say what is left".to_owned(),
    }
}
