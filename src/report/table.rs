//! The table that ends a run: one line per model, then what stands behind it.

use std::collections::HashMap;

use super::{
    context, describe,
    layout::{Look, labelled},
    leak,
    outcomes::failure,
    recall, soak,
    text::escape,
    units::{bytes, milliseconds, signed_bytes, tokens_per_second},
    vqa,
};
use crate::{
    memory::Level,
    results::{
        Figures, ModelReport, ModelStatus, RunReport, RunStatus, Summary, summary::CleanupTotals,
    },
};

/// Columns before the parts of a detail line.
const LABEL: usize = 13;
/// Different failures told per model; `results.json` has them all.
const FAILURES_SHOWN: usize = 3;

/// The whole table with a final newline. `place` is the run's folder.
pub fn render(report: &RunReport, place: Option<&str>, look: Look) -> String {
    let mut lines = overview(report, look);
    for model in &report.models {
        lines.push(String::new());
        lines.extend(details(model, look));
    }
    lines.push(String::new());
    lines.extend(context::comparisons(&report.comparisons, LABEL, look));
    lines.extend(ending(report, place, look));
    lines.join("\n") + "\n"
}

/// One line per model, in the columns of the suite.
fn overview(report: &RunReport, look: Look) -> Vec<String> {
    match report.models.first().map(|model| &model.summary.figures) {
        Some(Figures::Describe(_)) => describe::overview(report, look),
        Some(Figures::Context { .. }) => context::overview(report, look),
        Some(Figures::Recall { .. }) => recall::overview(report, look),
        Some(Figures::Soak { .. }) => soak::overview(report, look),
        Some(Figures::Vqa(_)) | None => vqa::overview(report, look),
    }
}

fn details(model: &ModelReport, look: Look) -> Vec<String> {
    let summary = &model.summary;
    let mut lines = vec![headline(model, look)];
    let mut add = |label: &str, parts: Vec<String>| {
        lines.extend(labelled(&format!("  {label}"), LABEL, &parts, look.width));
    };
    add("because", model.reason.iter().map(|reason| escape(reason)).collect());
    for (label, parts) in figures(summary) {
        add(label, parts);
    }
    add("failures", failures(model));
    add("speed", speed(summary));
    add("time", time(model));
    add("memory", memory(model));
    add("growth", summary.leak.as_ref().map(leak::details).unwrap_or_default());
    add("clean-ups", cleanups(&summary.cleanups));
    lines.extend(describe::image_lines(model, look));
    lines.extend(recall::photo_lines(model, look));
    lines
}

fn headline(model: &ModelReport, look: Look) -> String {
    let name = look.style().bold().apply_to(escape(&model.name));
    let style = look.style();
    match model.status {
        ModelStatus::Completed => format!("{name} {}", style.green().apply_to("completed")),
        ModelStatus::Interrupted => format!("{name} {}", style.yellow().apply_to("interrupted")),
        ModelStatus::Failed => format!("{name} {}", style.red().apply_to("failed")),
        ModelStatus::Quarantined => format!("{name} {}", style.red().apply_to("quarantined")),
        ModelStatus::Skipped => format!("{name} {}", style.yellow().apply_to("skipped")),
    }
}

/// What the suite measured, by label.
fn figures(summary: &Summary) -> Vec<(&'static str, Vec<String>)> {
    match &summary.figures {
        Figures::Vqa(figures) => vqa::details(figures, summary.outcomes),
        Figures::Context { context } => context::details(context),
        Figures::Recall { recalled } => recall::details(recalled),
        Figures::Soak { soak } => soak::details(soak),
        Figures::Describe(figures) => describe::details(figures, summary.outcomes),
    }
}

/// One line per different failure, how often it came first.
fn failures(model: &ModelReport) -> Vec<String> {
    let mut counted: Vec<(String, usize)> = Vec::new();
    let mut places = HashMap::new();
    for reason in model.questions.iter().filter_map(|question| failure(&question.outcome)) {
        let place = *places.entry(reason).or_insert_with_key(|reason| {
            counted.push((reason.clone(), 0));
            counted.len() - 1
        });
        counted[place].1 += 1;
    }
    let more = counted.iter().skip(FAILURES_SHOWN).map(|(_, count)| count).sum::<usize>();
    let mut parts: Vec<_> = counted
        .into_iter()
        .take(FAILURES_SHOWN)
        .map(|(reason, count)| format!("{count} × {}", escape(&reason)))
        .collect();
    parts.extend(model.unfinished_question.map(|id| format!("question {id} has no end")));
    if more > 0 {
        parts.push(format!("{more} × others, see results.json"));
    }
    parts
}

fn speed(summary: &Summary) -> Vec<String> {
    let mut parts = Vec::new();
    let decode = summary.decode_tokens_per_second;
    parts.extend(decode.map(|speed| format!("decode {}", tokens_per_second(speed))));
    let prefill = summary.prefill_tokens_per_second;
    parts.extend(prefill.map(|speed| format!("prefill {}", tokens_per_second(speed))));
    if let Some(first) = summary.timings_ms.map(|timings| timings.time_to_first_token) {
        parts.push(format!("first token {}", milliseconds(first.median)));
        parts.push(format!("p95 {}", milliseconds(first.p95)));
    }
    parts
}

fn time(model: &ModelReport) -> Vec<String> {
    let summary = &model.summary;
    if summary.wall_ms <= 0.0 {
        return Vec::new();
    }
    let mut parts = vec![
        format!("{} in all", milliseconds(summary.wall_ms)),
        format!("load {}", milliseconds(summary.load_ms)),
        format!("questions {}", milliseconds(summary.questions_ms)),
    ];
    if summary.restarts > 0 {
        parts.push(format!("worker restarted {} ×", summary.restarts));
    }
    let again = model.questions.iter().filter(|question| !question.earlier.is_empty()).count();
    if again > 0 {
        parts.push(format!("{again} asked once more"));
    }
    parts
}

fn memory(model: &ModelReport) -> Vec<String> {
    let Some(memory) = model.summary.memory else { return Vec::new() };
    let mut parts = vec![
        format!("peak {}", bytes(memory.peak_bytes)),
        format!("weights {}", bytes(memory.baseline_bytes)),
        format!("a question up to {}", bytes(memory.peak_delta_bytes)),
    ];
    if memory.held_bytes > 0 {
        parts.push(format!("of it kept for later ones {}", bytes(memory.held_bytes)));
    }
    parts.push(format!("growth {}", signed_bytes(memory.active_growth_bytes)));
    let level = model.samples.iter().map(|sample| sample.level).max().unwrap_or_default();
    if level > Level::Normal {
        parts.push(format!("pressure up to {level}"));
    }
    parts
}

fn cleanups(totals: &CleanupTotals) -> Vec<String> {
    // A model that never ran has no time either.
    let Some(share) = totals.share_of_run else { return Vec::new() };
    let mut parts = match totals.count {
        0 => vec!["none made".to_owned()],
        count => vec![
            format!("{count} made"),
            format!("{} freed", bytes(totals.freed_bytes)),
            format!("{} in all", milliseconds(totals.total_ms)),
        ],
    };
    parts.push(format!("{:.2} % of the time", share * 100.0));
    if totals.most_questions > 0 {
        let (questions, images) = (totals.most_questions, totals.most_images);
        parts.push(format!("at most {questions} questions, {images} new images without one"));
    }
    if totals.failures > 0 {
        parts.push(format!("{} failed", totals.failures));
    }
    parts
}

fn ending(report: &RunReport, place: Option<&str>, look: Look) -> Vec<String> {
    let style = look.style();
    let mut parts = vec![match report.status {
        RunStatus::Completed => style.green().apply_to("completed").to_string(),
        RunStatus::Interrupted => style.yellow().apply_to("interrupted").to_string(),
        RunStatus::Failed => style.red().apply_to("failed").to_string(),
    }];
    if let Some(run) = &report.run {
        parts.push(format!("{} questions a model", run.settings.questions));
        parts.push(milliseconds(run.wall_ms));
    }
    let mut lines = labelled("run", LABEL, &parts, look.width);
    // A path is for copying: it is never cut.
    lines.extend(place.map(|place| format!("{:LABEL$}{}", "results", escape(place))));
    lines
}

#[cfg(test)]
mod tests;
