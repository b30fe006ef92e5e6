//! The parts of the table and of the live lines that descriptions alone have.

use super::{
    layout::{Align, Column, Grid, Look},
    outcomes::missing,
    overview::grid,
    text::escape,
    units::{bytes, milliseconds, percent},
};
use crate::{
    results::{
        AboutDescription, DescribeFigures, Described, ModelReport, Outcome, QuestionResult,
        RunReport, Subject, describe_figures::ImageCost, summary::OutcomeCounts,
    },
    scoring::description::{Checks, Ending},
};

/// Images with a line of their own; `results.json` has them all.
const IMAGES_SHOWN: usize = 12;
/// Columns of an image's name; of a longer one the end is shown, which tells it from the others.
const NAME_COLUMNS: usize = 20;
/// Groups of images described alike that are told.
const GROUPS_SHOWN: usize = 5;

/// One line per model.
pub(super) fn overview(report: &RunReport, look: Look) -> Vec<String> {
    let columns = [("described", 0), ("sound", 4), ("recall", 3), ("tokens/s", 1), ("peak", 2)];
    grid(report, columns, overview_row, look)
}

fn overview_row(model: &ModelReport) -> [String; 6] {
    let (summary, none) = (&model.summary, || "–".to_owned());
    let figures = summary.figures.describe();
    let of_images = |count: fn(&DescribeFigures) -> usize| {
        let figures = figures.filter(|it| it.images > 0);
        figures.map_or_else(none, |it| format!("{}/{}", count(it), it.images))
    };
    [
        escape(&model.name),
        of_images(|it| it.described),
        of_images(|it| it.sound),
        figures.and_then(|it| it.recall).map_or_else(none, |recall| percent(recall.share)),
        summary.decode_tokens_per_second.map_or_else(none, |speed| format!("{speed:.1}")),
        summary.memory.map_or_else(none, |memory| bytes(memory.peak_bytes)),
    ]
}

/// What stands behind a model's line, by label.
pub(super) fn details(
    figures: &DescribeFigures,
    outcomes: OutcomeCounts,
) -> Vec<(&'static str, Vec<String>)> {
    // What is empty stands among the checks.
    let missing = missing(OutcomeCounts { empty: 0, ..outcomes });
    vec![
        ("checks", checks(figures)),
        ("missing", missing.collect()),
        ("identical", identical(figures)),
        ("recall", recall(figures)),
        ("text only", text_only(figures)),
    ]
}

fn checks(figures: &DescribeFigures) -> Vec<String> {
    if figures.images == 0 {
        return Vec::new();
    }
    let counts = figures.checks;
    let found = [
        (counts.empty, "empty"),
        (counts.echo, "echo the prompt"),
        (counts.cut_off_in_word, "cut off, perhaps in a word"),
        (counts.repetitive, "repetitive"),
        (counts.identical, "identical to a different image's"),
    ];
    let mut parts = vec![format!("{} of {} images described", figures.described, figures.images)];
    let found = found.into_iter().filter(|(count, _)| *count > 0);
    parts.extend(found.map(|(count, what)| format!("{count} {what}")));
    if figures.described > 0 {
        parts.push(format!("{} sound", figures.sound));
    }
    parts
}

fn identical(figures: &DescribeFigures) -> Vec<String> {
    let list = |group: &Vec<usize>| {
        let shown = group.iter().take(IMAGES_SHOWN).map(usize::to_string).collect::<Vec<_>>();
        let more = if group.len() > shown.len() { ", …" } else { "" };
        format!("images {}{more}", shown.join(", "))
    };
    let mut parts: Vec<_> = figures.identical.iter().take(GROUPS_SHOWN).map(list).collect();
    if figures.identical.len() > GROUPS_SHOWN {
        parts.push(format!("{} more groups", figures.identical.len() - GROUPS_SHOWN));
    }
    parts
}

fn recall(figures: &DescribeFigures) -> Vec<String> {
    let Some(recall) = figures.recall else { return Vec::new() };
    let mut parts = vec![format!(
        "{} of what is known is mentioned ({} of {})",
        percent(recall.share),
        recall.mentioned,
        recall.facts
    )];
    let chance = |share| format!("{} of what is known of the next image: chance", percent(share));
    parts.extend(recall.of_next_image.map(chance));
    parts
}

fn text_only(figures: &DescribeFigures) -> Vec<String> {
    let counts = figures.text_only;
    if counts.prompts == 0 {
        return Vec::new();
    }
    vec![
        format!("{} of {} prompts answered", counts.answered, counts.prompts),
        format!("{} right", counts.right),
    ]
}

/// One line per image: what it cost, and what speaks against its description.
pub(super) fn image_lines(model: &ModelReport, look: Look) -> Vec<String> {
    let Some(figures) = model.summary.figures.describe() else { return Vec::new() };
    let column = |heading, rank| Column { heading, align: Align::Right, rank };
    let mut grid = Grid::new(&[
        Column { heading: "  image", align: Align::Left, rank: 0 },
        column("load", 4),
        column("tokens/s", 3),
        column("before", 5),
        column("after", 6),
        column("cleaned up", 7),
        column("words", 1),
        column("facts", 2),
        Column { heading: "remarks", align: Align::Left, rank: 8 },
    ]);
    let questions = model.questions.iter().filter(|it| is_image(it));
    for (question, cost) in questions.zip(&figures.by_image).take(IMAGES_SHOWN) {
        grid.row(image_row(question, *cost, figures));
    }
    let mut lines = if figures.by_image.is_empty() { Vec::new() } else { grid.lines(look.width) };
    if let Some(more) = figures.by_image.len().checked_sub(IMAGES_SHOWN).filter(|it| *it > 0) {
        lines.push(format!("  … {more} more: see results.json"));
    }
    lines
}

fn is_image(question: &QuestionResult) -> bool {
    question.description().is_some_and(|about| about.subject == Subject::Image)
}

fn image_row(question: &QuestionResult, cost: ImageCost, figures: &DescribeFigures) -> [String; 9] {
    let none = || "–".to_owned();
    let held = |count: Option<u64>| count.map_or_else(none, bytes);
    let described = question.outcome.judgement().and_then(|judgement| judgement.described());
    let facts = described.map(Described::recall).filter(|recall| recall.facts > 0);
    let mut remarks = match (&question.outcome, described) {
        (_, Some(described)) => remarks(&described.checks),
        (Outcome::Empty { .. }, _) => vec!["empty"],
        _ => vec!["no answer"],
    };
    if figures.identical.iter().flatten().any(|position| *position == cost.position) {
        remarks.push("identical");
    }
    [
        format!("  {} {}", cost.position, escape(&file_name(question))),
        cost.load_ms.map_or_else(none, milliseconds),
        cost.tokens_per_second.map_or_else(none, |speed| format!("{speed:.1}")),
        held(cost.before_bytes),
        held(cost.after_bytes),
        held(cost.after_cleanup_bytes),
        described.map_or_else(none, |described| described.checks.words.to_string()),
        facts.map_or_else(none, |recall| format!("{}/{}", recall.mentioned, recall.facts)),
        remarks.join(", "),
    ]
}

fn file_name(question: &QuestionResult) -> String {
    let path = question.image.as_deref().map(std::path::Path::new);
    let name = path.and_then(std::path::Path::file_name).unwrap_or_default().to_string_lossy();
    let longer = name.chars().count().saturating_sub(NAME_COLUMNS);
    if longer == 0 {
        return name.into_owned();
    }
    format!("…{}", name.chars().skip(longer + 1).collect::<String>())
}

/// What speaks against a description by itself.
fn remarks(checks: &Checks) -> Vec<&'static str> {
    let found = [
        (checks.echo, "echo"),
        (checks.ending == Ending::InWord, "cut off"),
        (checks.repetitive, "repetitive"),
    ];
    found.into_iter().filter(|(found, _)| *found).map(|(_, name)| name).collect()
}

/// A reply and what it shows, for the live lines.
pub(super) fn judged(raw: &str, described: &Described, about: &AboutDescription) -> String {
    let words = described.checks.words;
    let mut parts = vec![format!("{words} word{}", if words == 1 { "" } else { "s" })];
    let recall = described.recall();
    if recall.facts > 0 {
        parts.push(format!("{} of {} facts", recall.mentioned, recall.facts));
        let missed = about.facts.iter().zip(&described.mentioned).filter(|(_, said)| !**said);
        let missed: Vec<_> =
            missed.filter_map(|(fact, _)| fact.stated_by.first().map(String::as_str)).collect();
        if !missed.is_empty() {
            parts.push(format!("misses {}", missed.join(", ")));
        }
    }
    parts.extend(remarks(&described.checks).into_iter().map(str::to_owned));
    format!("{}  “{raw}”", parts.join(" · "))
}
