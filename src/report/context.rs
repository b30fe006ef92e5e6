//! The part of the table that the context test alone has.

use super::{
    layout::{Look, labelled},
    overview::grid,
    text::escape,
    units::{bytes, percent, percent_digits},
};
use crate::{
    results::{
        AboutContext, ContextJudgement, Figures, ModelComparison, ModelReport, Part, RunReport,
    },
    scoring::{
        Interval,
        context::{
            Comparison, Condition, ContextFigures, Corrected, ParseCounts, Proportion, Retention,
        },
    },
};

const NONE: &str = "–";

/// One line per model.
pub(super) fn overview(report: &RunReport, look: Look) -> Vec<String> {
    let columns = [
        ("retention", 0),
        ("95 % interval", 8),
        ("of", 7),
        ("S", 6),
        ("A", 5),
        ("N", 4),
        ("false memory", 3),
        ("peak", 2),
    ];
    grid(report, columns, overview_row, look)
}

fn overview_row(model: &ModelReport) -> [String; 9] {
    let none = || NONE.to_owned();
    let peak = model.summary.memory.map_or_else(none, |memory| bytes(memory.peak_bytes));
    let Figures::Context { context } = &model.summary.figures else {
        return [escape(&model.name), none(), none(), none(), none(), none(), none(), none(), peak];
    };
    let strict = &context.strict;
    let accuracy = |condition| {
        let figures = strict.by_condition.get(&condition);
        figures.and_then(|it| it.accuracy.value).map_or_else(none, percent)
    };
    let retention = strict.retention;
    [
        escape(&model.name),
        match (context.validity.is_empty(), retention.value) {
            (false, _) => "INVALID".to_owned(),
            (true, value) => value.map_or_else(none, percent),
        },
        retention.interval.map_or_else(none, interval),
        if context.validity.is_empty() { retention.correct_in_s.to_string() } else { none() },
        accuracy(Condition::S),
        accuracy(Condition::A),
        accuracy(Condition::N),
        strict.false_memory.value.map_or_else(none, percent),
        peak,
    ]
}

/// What stands behind a model's line, by label.
pub(super) fn details(figures: &ContextFigures) -> Vec<(&'static str, Vec<String>)> {
    let strict = &figures.strict;
    // Of an invalid result there is only what may tell why it is.
    let is_valid = figures.validity.is_empty();
    let valid_only = |parts: Vec<String>| if is_valid { parts } else { Vec::new() };
    let decay = strict
        .decay
        .iter()
        .map(|point| format!("{} {}", turns(point.distractors), share(point.retention.into())));
    let accuracy = strict.by_condition.iter();
    let accuracy = accuracy.map(|(condition, it)| format!("{condition} {}", share(it.accuracy)));
    vec![
        ("INVALID", figures.validity.iter().map(|reason| escape(&reason.to_string())).collect()),
        ("retention", valid_only(retention(strict.retention))),
        ("decay", valid_only(decay.collect())),
        ("accuracy", accuracy.collect()),
        ("corrected", corrected(figures)),
        ("coherence", coherence(figures)),
        ("weighed", weighed(figures)),
        ("replies", replies(figures)),
    ]
}

/// Which of two models is better, a line for each pair.
pub(super) fn comparisons(pairs: &[ModelComparison], label: usize, look: Look) -> Vec<String> {
    let line = |pair: &ModelComparison| {
        let Comparison { condition, scenarios, difference, p } = pair.comparison;
        let than = if difference < 0.0 { "worse" } else { "better" };
        let points = percent_digits(difference.abs());
        let parts = [
            format!("{} {points} points {than} than {}", escape(&pair.first), escape(&pair.second)),
            format!("under {condition} over {scenarios} scenarios"),
            format!("p = {p:.3}"),
        ];
        labelled("compared", label, &parts, look.width)
    };
    pairs.iter().flat_map(line).collect()
}

/// A reply and what was made of it, in a line.
pub(super) fn judged(raw: &str, judgement: &ContextJudgement, about: &AboutContext) -> String {
    let (Some(fact), Some(correct)) = (&about.fact, judgement.correct) else {
        return format!("“{raw}”");
    };
    let mark = if correct { "right" } else { "wrong" };
    let expected = fact.options.get(fact.expected).map_or("", String::as_str);
    let mut history = about.condition.map_or("", Condition::letter).to_owned();
    if about.condition.is_some_and(Condition::is_conversation) {
        history = format!("{history} after {}", turns(about.distractors));
    }
    if about.part == Part::Repeat {
        history.push_str(" once more");
    }
    format!("{history}: {mark}  “{raw}”, expected {expected}")
}

fn interval(interval: Interval) -> String {
    format!("{}–{} %", percent_digits(interval.low), percent_digits(interval.high))
}

pub(super) fn turns(count: usize) -> String {
    if count == 1 { "1 turn".to_owned() } else { format!("{count} turns") }
}

/// A share with its counts: `90.0 % (36/40)`.
pub(super) fn share(it: Proportion) -> String {
    let value = it.value.map_or_else(|| NONE.to_owned(), percent);
    format!("{value} ({}/{})", it.numerator, it.denominator)
}

impl From<Retention> for Proportion {
    fn from(it: Retention) -> Self {
        Self {
            value: it.value,
            numerator: it.correct_in_both,
            denominator: it.correct_in_s,
            interval: it.interval,
        }
    }
}

fn retention(it: Retention) -> Vec<String> {
    let known = format!("{} of {} facts seen are still known", it.correct_in_both, it.correct_in_s);
    let undefined = || "undefined below 10 facts".to_owned();
    let mut parts = vec![it.value.map_or_else(undefined, percent)];
    parts.extend(it.interval.map(|range| format!("95 % interval {}", interval(range))));
    parts.push(known);
    parts
}

fn corrected(figures: &ContextFigures) -> Vec<String> {
    let part = |name: &str, it: Corrected| {
        let value = it.value?;
        let range = it.interval.map(|range| format!(" ({})", interval(range))).unwrap_or_default();
        Some(format!("{name} {}{range}", percent(value)))
    };
    let conditions = figures.strict.by_condition.iter();
    let seen = conditions
        .filter(|(condition, _)| matches!(condition, Condition::S | Condition::A | Condition::B));
    let parts = seen.filter_map(|(condition, it)| part(condition.letter(), it.chance_corrected));
    parts.chain(part("context use (E)", figures.strict.context_use)).collect()
}

fn coherence(figures: &ContextFigures) -> Vec<String> {
    let strict = &figures.strict;
    let mut parts = vec![format!("false memory {}", share(strict.false_memory))];
    if figures.validity.is_empty() {
        parts.extend([
            format!("agrees with its description {}", share(strict.self_consistency)),
            format!("contradicts itself {}", share(strict.contradiction)),
        ]);
    }
    parts
}

/// The same by log-probabilities, where there are any.
fn weighed(figures: &ContextFigures) -> Vec<String> {
    let weighed = &figures.weighed;
    if weighed.by_condition.values().all(|it| it.accuracy.denominator == 0) {
        return Vec::new();
    }
    let accuracy = weighed.by_condition.iter();
    let accuracy = accuracy.map(|(condition, it)| format!("{condition} {}", share(it.accuracy)));
    let is_valid = figures.validity.is_empty();
    let retention = is_valid.then(|| format!("retention {}", share(weighed.retention.into())));
    retention.into_iter().chain(accuracy).collect()
}

/// What became of all replies to probes.
fn replies(figures: &ContextFigures) -> Vec<String> {
    let sum = |pick: fn(&ParseCounts) -> usize| {
        figures.outcomes_by_condition.values().map(pick).sum::<usize>()
    };
    let named = [
        (sum(|it| it.chosen), "one option"),
        (sum(|it| it.refused), "refused"),
        (sum(|it| it.ambiguous), "several options"),
        (sum(|it| it.unparsed), "no option"),
        (sum(|it| it.echo), "echo"),
        (sum(|it| it.empty), "empty"),
        (sum(|it| it.truncated), "cut off"),
        (sum(|it| it.no_reply), "missing"),
    ];
    let there = named.into_iter().filter(|(count, _)| *count > 0);
    there.map(|(count, name)| format!("{count} {name}")).collect()
}
