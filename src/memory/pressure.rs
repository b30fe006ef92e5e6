//! How short memory is, from one sample after another. Pure: time is an argument.

mod swap;

use std::time::Duration;

use self::swap::SwapGrowth;
use super::{Level, MemorySample, SystemPressure};

/// Two changes of the level are at least this far apart, unless the later enters
/// [`Level::Critical`]. Longer than macOS takes to repeat a warning (25 s) and than its
/// footprint lags behind a clean-up (4 s).
pub const DWELL: Duration = Duration::from_secs(30);
/// So many samples in a row have to allow a better level.
const GOOD_SAMPLES: usize = 3;
/// Growth of the swapped bytes within [`swap::WINDOW`] that counts.
const SWAP_GROWTH_BYTES: u64 = 256 << 20;
/// Percent of the time that some processes waited for memory, from which on it is elevated.
const SOME_STALLED: f64 = 5.0;
/// Percent of the time that all of them did, from which on it is critical.
const ALL_STALLED: f64 = 10.0;

/// Tells how short memory is. A level is entered at once or not at all, and left only when
/// three samples in a row are well below where it was entered:
///
/// | level | entered when any | left when all |
/// |---|---|---|
/// | elevated | 75 % of the budget used; the system warns; a question needs more than 80 % of the headroom; 256 MiB swapped out in 60 s; some processes stalled 5 % of the time | below 65 %, the system does not warn |
/// | high | 85 %; a question needs more than the headroom | below 75 % |
/// | critical | 95 %; the system says so; all processes stalled 10 % of the time; an allocation was refused | below 80 %, the system does not warn |
///
/// Between two changes there are 30 s, unless the later enters critical.
#[derive(Debug, Clone)]
pub struct PressureDetector {
    budget_bytes: u64,
    level: Level,
    changed: Option<Duration>,
    /// What each of the last samples asked for.
    asked: [Level; GOOD_SAMPLES],
    swap: SwapGrowth,
}

impl PressureDetector {
    /// One at [`Level::Normal`] for a process that may use `budget_bytes`.
    pub fn new(budget_bytes: u64) -> Self {
        Self {
            budget_bytes,
            level: Level::Normal,
            changed: None,
            asked: [Level::Normal; GOOD_SAMPLES],
            swap: SwapGrowth::default(),
        }
    }

    /// The same, at `level` since `at`: for a process that replaces one which ran short.
    #[must_use]
    pub fn starting_at(self, level: Level, at: Duration) -> Self {
        Self { level, changed: Some(at), asked: [level; GOOD_SAMPLES], ..self }
    }

    /// What the process may use.
    pub fn budget_bytes(&self) -> u64 {
        self.budget_bytes
    }

    /// The level after the last sample.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The level after `sample`, which was taken at `at`. The sample's own budget and level do
    /// not count. `need_bytes` is what the question about to be computed will need; `refused`
    /// says that memory was refused since the last sample.
    pub fn observe(
        &mut self,
        at: Duration,
        sample: &MemorySample,
        need_bytes: Option<u64>,
        refused: bool,
    ) -> Level {
        let swapped = sample.system.map_or(0, |system| system.swap_used_bytes);
        let swap_growth_bytes = self.swap.since_window(at, swapped);
        let signs = Signs {
            sample,
            budget_bytes: self.budget_bytes,
            need_bytes: need_bytes.unwrap_or_default(),
            refused,
            swap_growth_bytes,
        };
        let asked = signs.entered().max(signs.kept(self.level));
        self.asked.rotate_left(1);
        self.asked[GOOD_SAMPLES - 1] = asked;
        let justified = self.asked.iter().copied().max().unwrap_or(asked);
        let settled = self.changed.is_none_or(|changed| at.saturating_sub(changed) >= DWELL);
        if asked > self.level && (settled || asked == Level::Critical) {
            self.change(asked, at);
        } else if justified < self.level && settled {
            self.change(justified, at);
        }
        self.level
    }

    fn change(&mut self, level: Level, at: Duration) {
        self.level = level;
        self.changed = Some(at);
    }
}

/// What one sample says.
struct Signs<'a> {
    sample: &'a MemorySample,
    budget_bytes: u64,
    need_bytes: u64,
    refused: bool,
    swap_growth_bytes: u64,
}

impl Signs<'_> {
    /// The worst level that is entered with this sample.
    fn entered(&self) -> Level {
        let (some, full) =
            self.sample.system.and_then(|it| it.stall).map_or((0.0, 0.0), |it| (it.some, it.full));
        let headroom = self.budget_bytes.saturating_sub(self.sample.fixed_bytes());
        if self.uses(95)
            || self.system_says(SystemPressure::Critical)
            || full > ALL_STALLED
            || self.refused
        {
            Level::Critical
        } else if self.uses(85) || self.need_bytes > headroom {
            Level::High
        } else if self.uses(75)
            || self.system_says(SystemPressure::Warning)
            || self.need_bytes > percent(headroom, 80)
            || self.swap_growth_bytes > SWAP_GROWTH_BYTES
            || some > SOME_STALLED
        {
            Level::Elevated
        } else {
            Level::Normal
        }
    }

    /// The worst level up to `level` that is not left with this sample.
    fn kept(&self, level: Level) -> Level {
        let warned = self.system_says(SystemPressure::Warning);
        let keeps = |candidate: &Level| match candidate {
            Level::Normal => true,
            Level::Elevated => self.uses(65) || warned,
            Level::High => self.uses(75),
            Level::Critical => self.uses(80) || warned,
        };
        Level::ALL.into_iter().filter(|it| *it <= level).rfind(keeps).unwrap_or_default()
    }

    /// Whether at least `share` percent of the budget are used.
    fn uses(&self, share: u64) -> bool {
        self.sample.used_bytes() >= percent(self.budget_bytes, share)
    }

    fn system_says(&self, pressure: SystemPressure) -> bool {
        self.sample.system.and_then(|it| it.pressure).is_some_and(|it| it >= pressure)
    }
}

/// `share` percent of `bytes`, rounded down.
fn percent(bytes: u64, share: u64) -> u64 {
    (u128::from(bytes) * u128::from(share) / 100) as u64
}

#[cfg(test)]
mod tests;
