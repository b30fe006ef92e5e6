//! The part of the table that VQA alone has.

use std::collections::BTreeMap;

use super::{
    layout::Look,
    outcomes::missing,
    overview::grid,
    text::escape,
    units::{bytes, percent, percent_digits},
};
use crate::{
    results::{Group, ModelReport, RunReport, VqaFigures, summary::OutcomeCounts},
    scoring::Interval,
};

/// One line per model.
pub(super) fn overview(report: &RunReport, look: Look) -> Vec<String> {
    let columns =
        [("answered", 3), ("vqa-official", 0), ("95 % interval", 4), ("tokens/s", 1), ("peak", 2)];
    grid(report, columns, overview_row, look)
}

fn overview_row(model: &ModelReport) -> [String; 6] {
    let (summary, none) = (&model.summary, || "–".to_owned());
    let figures = summary.figures.vqa();
    [
        escape(&model.name),
        format!("{}/{}", summary.outcomes.answered, summary.questions),
        figures.and_then(|it| it.accuracy).map_or_else(none, |accuracy| percent(accuracy.official)),
        figures.and_then(|it| it.interval).map_or_else(none, interval),
        summary.decode_tokens_per_second.map_or_else(none, |speed| format!("{speed:.1}")),
        summary.memory.map_or_else(none, |memory| bytes(memory.peak_bytes)),
    ]
}

fn interval(interval: Interval) -> String {
    format!("{}–{} %", percent_digits(interval.low), percent_digits(interval.high))
}

/// What stands behind a model's line, by label.
pub(super) fn details(
    figures: &VqaFigures,
    outcomes: OutcomeCounts,
) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("accuracy", accuracy(figures)),
        ("answers", groups(&figures.by_answer_type)),
        ("questions", groups(&figures.by_question_type)),
        ("coverage", coverage(figures, outcomes)),
    ]
}

fn accuracy(figures: &VqaFigures) -> Vec<String> {
    let Some(scores) = figures.accuracy else { return Vec::new() };
    let mut parts = vec![format!("official {}", percent(scores.official))];
    parts.extend(figures.interval.map(|range| format!("95 % interval {}", interval(range))));
    parts.push(format!("normalised {}", percent(scores.normalised)));
    parts.push(format!("soft3 {}", percent(scores.soft3)));
    parts.push(format!("exact {}", percent(scores.exact_match)));
    parts.push(format!("unextracted {}", percent(scores.official_unextracted)));
    if figures.scorers_differ {
        parts.push("the scorers differ by more than one question".to_owned());
    }
    parts
}

fn groups(groups: &BTreeMap<String, Group>) -> Vec<String> {
    let figure = |group: &Group| group.official.map_or_else(|| "–".to_owned(), percent);
    let part = |(name, group): (&String, &Group)| {
        format!("{} {} ({}/{})", escape(name), figure(group), group.answered, group.questions)
    };
    groups.iter().map(part).collect()
}

fn coverage(figures: &VqaFigures, outcomes: OutcomeCounts) -> Vec<String> {
    let Some(coverage) = figures.coverage else { return Vec::new() };
    let mut parts = vec![format!("{} of {} answered", coverage.answered, coverage.total)];
    if coverage.answered < coverage.total {
        parts.extend(missing(outcomes));
        let (worst, best) = (percent_digits(coverage.worst), percent_digits(coverage.best));
        parts.push(format!("bounds {worst}–{best} %"));
    }
    parts
}
