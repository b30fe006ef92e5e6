//! The same questions under several ways to keep memory: a grid a model, then what it shows.

use super::{
    layout::{Align, Column, Grid, Look},
    text::escape,
    units::{bytes, signed_bytes},
};
use crate::{
    memory::CleanupSchedule,
    results::{ModelPolicies, PolicyFigures, PolicyReport},
};

/// The whole comparison with a final newline. `place` is the folder of its runs.
pub fn render(report: &PolicyReport, place: &str, look: Look) -> String {
    let mut lines = Vec::new();
    for model in &report.models {
        let name = look.style().bold().apply_to(escape(&model.model));
        lines.push(name.to_string());
        lines.extend(grid(model).headed_lines(look));
        lines.push(verdict(model));
        lines.push(String::new());
    }
    lines.push(format!("results      {}", escape(place)));
    lines.join("\n") + "\n"
}

/// What a policy is called.
pub fn policy_name(policy: CleanupSchedule) -> String {
    match policy {
        CleanupSchedule::Off => "off".to_owned(),
        CleanupSchedule::Never => "at the end".to_owned(),
        CleanupSchedule::Adaptive => "adaptive".to_owned(),
        CleanupSchedule::EveryQuestions(1) => "each question".to_owned(),
        CleanupSchedule::EveryQuestions(n) => format!("every {n} questions"),
        CleanupSchedule::EveryImages(n) => format!("every {n} images"),
    }
}

fn grid(model: &ModelPolicies) -> Grid {
    let figure = |heading, rank| Column { heading, align: Align::Right, rank };
    let policy = Column { heading: "clean-up", align: Align::Left, rank: 0 };
    let mut grid = Grid::new(&[
        policy,
        figure("answered", 2),
        figure("peak", 0),
        figure("a question", 3),
        figure("growth/question", 4),
        figure("clean-ups", 1),
        figure("of the time", 5),
        figure("questions/min", 6),
    ]);
    for figures in &model.policies {
        grid.row(row(figures));
    }
    grid
}

fn row(figures: &PolicyFigures) -> [String; 8] {
    let none = || "–".to_owned();
    let size = |count: Option<u64>| count.map_or_else(none, bytes);
    [
        policy_name(figures.policy),
        format!("{}/{}", figures.answered, figures.questions),
        size(figures.peak_used_bytes),
        size(figures.peak_delta_bytes),
        figures.growth_per_question_bytes.map_or_else(none, |it| signed_bytes(it as i64)),
        figures.cleanups.to_string(),
        figures.cleanup_share.map_or_else(none, |share| format!("{:.2} %", share * 100.0)),
        figures.questions_per_minute.map_or_else(none, |speed| format!("{speed:.0}")),
    ]
}

fn verdict(model: &ModelPolicies) -> String {
    match model.differing.as_slice() {
        [] => "answers      the same under every policy".to_owned(),
        ids => format!(
            "answers      {} question(s) were not answered alike, the first: {}",
            ids.len(),
            ids.iter().take(5).map(u64::to_string).collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests;
