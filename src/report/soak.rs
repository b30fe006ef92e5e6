//! The part of the table that a soak test alone has.

use super::{layout::Look, overview::grid, text::escape, units::bytes};
use crate::results::{Figures, ModelReport, RunReport, SoakFigures};

/// Ids of questions with changed answers that are told; `results.json` has them all.
const IDS_SHOWN: usize = 8;

/// One line per model.
pub(super) fn overview(report: &RunReport, look: Look) -> Vec<String> {
    let columns = [("answered", 0), ("rounds", 3), ("changed", 0), ("tokens/s", 1), ("peak", 2)];
    grid(report, columns, overview_row, look)
}

fn overview_row(model: &ModelReport) -> [String; 6] {
    let (summary, none) = (&model.summary, || "–".to_owned());
    let soak = match &summary.figures {
        Figures::Soak { soak } => Some(soak),
        _ => None,
    };
    [
        escape(&model.name),
        format!("{}/{}", summary.outcomes.answered, summary.questions),
        soak.map_or_else(none, |soak| soak.rounds.to_string()),
        soak.filter(|soak| soak.compared > 0)
            .map_or_else(none, |soak| format!("{}/{}", soak.changed, soak.compared)),
        summary.decode_tokens_per_second.map_or_else(none, |speed| format!("{speed:.1}")),
        summary.memory.map_or_else(none, |memory| bytes(memory.peak_bytes)),
    ]
}

/// What stands behind a model's line, by label.
pub(super) fn details(figures: &SoakFigures) -> Vec<(&'static str, Vec<String>)> {
    let asked =
        format!("{} different questions in {} rounds", figures.different_questions, figures.rounds);
    let mut parts = vec![match (figures.compared, figures.changed) {
        (0, _) => "no question was answered twice".to_owned(),
        (compared, 0) => format!("none of {compared} later ones differs from the first one"),
        (compared, changed) => {
            format!("{changed} of {compared} later ones differ from the first one")
        }
    }];
    let ids: Vec<_> =
        figures.changed_questions.iter().take(IDS_SHOWN).map(u64::to_string).collect();
    if !ids.is_empty() {
        let more = if figures.changed_questions.len() > IDS_SHOWN { ", …" } else { "" };
        parts.push(format!("questions {}{more}", ids.join(", ")));
    }
    vec![("asked", vec![asked]), ("answers", parts)]
}
