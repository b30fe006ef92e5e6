//! Whether memory grows, in words.

use super::units::bytes;
use crate::{
    memory::leak::{FEWEST_FOR_ALARM, LeakAlarm, Series, SeriesVerdict, Verdict},
    results::{GrowthCheck, LeakReport},
};

/// What a model's table says of growth; nothing where there were too few questions to tell.
pub(super) fn details(leak: &LeakReport) -> Vec<String> {
    let mut parts: Vec<String> = leak.series.iter().filter_map(|it| told(leak, it)).collect();
    let flat = |it: &&SeriesVerdict| it.verdict == Verdict::Flat && it.step.is_none();
    let flat: Vec<_> = leak
        .series
        .iter()
        .filter(flat)
        .filter(|it| !leak.exceeds(it))
        .map(|it| it.series.name())
        .collect();
    if !flat.is_empty() {
        parts.push(format!("flat: {}", flat.join(", ")));
    }
    parts.extend(leak.alarm.map(|alarm| format!("alarm before question {}", alarm.question)));
    parts.extend(leak.limit.map(|limit| {
        let allowed = format!("--max-growth {}", bytes(limit.bytes_per_question));
        match limit.check {
            GrowthCheck::Within => format!("within {allowed}"),
            GrowthCheck::Exceeded => format!("more than {allowed}: FAILED"),
            GrowthCheck::NotChecked => {
                format!(
                    "{allowed} not checked: it takes {FEWEST_FOR_ALARM} questions of one worker"
                )
            }
        }
    }));
    parts
}

/// A series that is not simply flat.
fn told(leak: &LeakReport, it: &SeriesVerdict) -> Option<String> {
    let (name, change) = (it.series.name(), it.change?);
    let a_question = |amount: f64| format!("{} a question", size(it.series, amount));
    let at_least = || {
        format!("{} (at least {})", a_question(change.per_question), size(it.series, change.lower))
    };
    match (it.verdict, it.step) {
        (Verdict::Grows, _) if it.questions < FEWEST_FOR_ALARM => {
            Some(format!("{name}: seems to grow by {}", at_least()))
        }
        (Verdict::Grows, _) => Some(format!("{name}: grows by {}", at_least())),
        (Verdict::Flat, _) if leak.exceeds(it) => Some(format!("{name}: grows by {}", at_least())),
        (Verdict::WarmUpThenFlat { rise }, _) => {
            Some(format!("{name}: rose by {}, then flat", size(it.series, rise)))
        }
        (Verdict::Flat, Some(step)) => {
            let went = if step.height > 0.0 { "up" } else { "down" };
            let height = size(it.series, step.height.abs());
            Some(format!("{name}: {went} by {height} at question {}, else flat", step.question))
        }
        (Verdict::Flat | Verdict::TooFew, _) => None,
    }
}

/// What an alarm warns of.
pub(super) fn warning(alarm: &LeakAlarm) -> String {
    let LeakAlarm { series, question, per_question, lower } = *alarm;
    let (grows, least) = (size(series, per_question), size(series, lower));
    format!(
        "{} grows by {grows} a question (at least {least}), seen before question {question}",
        series.name()
    )
}

fn size(series: Series, amount: f64) -> String {
    if series.is_bytes() { bytes(amount.max(0.0).round() as u64) } else { format!("{amount:.2}") }
}
