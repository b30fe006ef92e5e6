//! Whether a model's memory grows from question to question: robust slopes of what should be gone
//! by then, at the end of a run and, with an alarm, during it. Pure: samples in, verdicts out.

mod ranks;
mod series;
mod step;
mod theil_sen;
mod verdict;
mod watch;

pub use self::{
    series::Series,
    theil_sen::{Slope, Z_99, theil_sen},
    verdict::{Change, FEWEST_FOR_ALARM, LevelStep, SeriesVerdict, Verdict, verdicts},
    watch::{LeakAlarm, LeakWatch},
};
