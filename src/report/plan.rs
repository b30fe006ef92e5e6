//! What `vlm-test plan` shows.

use serde::Serialize;

use super::{
    layout::{Align, Column, Grid, labelled},
    text::escape,
    units::bytes,
};

/// What was planned for which machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanReport {
    /// What there is.
    pub machine: PlannedMachine,
    /// What is asked.
    pub question: QuestionRow,
    /// Models that could be planned.
    pub models: Vec<ModelPlan>,
    /// Models that could not, and why.
    pub problems: Vec<String>,
}

/// A machine as far as memory goes, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedMachine {
    /// The device that computes: `gpu` or `cpu`.
    pub device: String,
    /// Its memory, where the system says it.
    pub total_bytes: Option<u64>,
    /// What this program may use of it.
    pub budget_bytes: u64,
    /// The largest array that the device takes, where it has a limit.
    pub largest_array_bytes: Option<u64>,
}

/// The question that is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QuestionRow {
    /// Width of its image in pixels.
    pub image_width: usize,
    /// Height of its image in pixels.
    pub image_height: usize,
    /// Tokens of everything else in the prompt.
    pub text_tokens: usize,
    /// Most tokens of the answer.
    pub max_tokens: usize,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelPlan {
    /// Its name.
    pub model: String,
    /// Frames that the image is cut into.
    pub frames: usize,
    /// Positions of the image.
    pub vision_tokens: usize,
    /// All positions of the prompt.
    pub prompt_tokens: usize,
    /// What it needs in each form of the weights.
    pub forms: Vec<FormRow>,
    /// What to change when it does not fit, in this order; each change keeps those before it.
    pub changes: Vec<ChangeRow>,
}

/// A model in one form of its weights, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormRow {
    /// The form, e.g. `float16` or `4-bit`.
    pub form: String,
    /// Whether it would be run in this form.
    pub chosen: bool,
    /// The weights.
    pub weight_bytes: u64,
    /// Keys and values.
    pub kv_bytes: u64,
    /// Intermediate results at their largest: an estimate.
    pub activation_bytes: u64,
    /// All of it.
    pub peak_bytes: u64,
    /// The largest single array.
    pub largest_array_bytes: u64,
    /// Whether this machine has as much.
    pub fits: bool,
}

/// A change and what is needed then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeRow {
    /// What to do.
    pub change: String,
    /// What is needed then, in bytes.
    pub peak_bytes: u64,
    /// Whether this machine has as much.
    pub fits: bool,
}

/// The plan in at most `columns` columns, with a final newline.
pub fn render(report: &PlanReport, columns: usize) -> String {
    let mut lines = introduction(report, columns);
    for model in &report.models {
        lines.push(String::new());
        lines.extend(model_lines(model, columns));
    }
    if !report.models.is_empty() {
        lines.push(String::new());
        lines.extend(paragraph(NOTE, columns));
    }
    lines.join("\n") + "\n"
}

const NOTE: &str = "* as it would be run. Weights as loaded here and keys and values are exact; activations, \
                    and all of the 8-bit and 4-bit rows, are estimates: a conversion usually packs \
                    every matrix whose rows divide into groups of 64 and keeps the rest in 16 bits.";

fn introduction(report: &PlanReport, columns: usize) -> Vec<String> {
    let PlanReport { machine, question, .. } = report;
    let total = machine.total_bytes.map_or_else(String::new, |total| format!("{}, ", bytes(total)));
    let limit = machine.largest_array_bytes;
    let limit = limit.map_or_else(String::new, |limit| format!(", {} in one array", bytes(limit)));
    let QuestionRow { image_width, image_height, text_tokens, max_tokens } = question;
    let asked = format!(
        "one image of {image_width} × {image_height} pixels, {text_tokens} tokens of text, an answer of at most {max_tokens}"
    );
    let budget = bytes(machine.budget_bytes);
    let here = format!("{total}MLX on the {}, budget {budget}{limit}", escape(&machine.device));
    let mut lines = labelled("question", 9, &[asked], columns);
    lines.extend(labelled("machine", 9, &[here], columns));
    lines
}

fn model_lines(model: &ModelPlan, columns: usize) -> Vec<String> {
    let ModelPlan { frames, vision_tokens, prompt_tokens, .. } = model;
    let plural = if *frames == 1 { "" } else { "s" };
    let title = format!(
        "{}: {frames} frame{plural}, {vision_tokens} image tokens, {prompt_tokens} in the prompt",
        escape(&model.model)
    );
    let mut lines = paragraph(&title, columns);
    let column = |heading, align, rank| Column { heading, align, rank };
    let mut grid = Grid::new(&[
        column("  form", Align::Left, 0),
        column("weights", Align::Right, 5),
        column("keys+values", Align::Right, 3),
        column("activations", Align::Right, 2),
        column("peak", Align::Right, 6),
        column("largest", Align::Right, 1),
        column("fits", Align::Left, 7),
    ]);
    for form in &model.forms {
        let amounts = [form.weight_bytes, form.kv_bytes, form.activation_bytes, form.peak_bytes];
        let name = format!("{} {}", if form.chosen { "*" } else { " " }, escape(&form.form));
        let fits = if form.fits { "yes" } else { "no" }.to_owned();
        let amounts = amounts.into_iter().chain([form.largest_array_bytes]).map(bytes);
        grid.row(std::iter::once(name).chain(amounts).chain([fits]));
    }
    lines.extend(grid.lines(columns));
    lines.extend(change_lines(model, columns));
    lines
}

fn change_lines(model: &ModelPlan, columns: usize) -> Vec<String> {
    if model.changes.is_empty() {
        return Vec::new();
    }
    let mut lines = paragraph("It does not fit. In this order, each on top of the last:", columns);
    for (number, change) in model.changes.iter().enumerate() {
        let then = if change.fits { "fits" } else { "does not fit yet" };
        let text = format!("{}: {}, {then}", change.change, bytes(change.peak_bytes));
        lines.extend(labelled(&format!("{}.", number + 1), 4, &[text], columns));
    }
    if !model.changes.iter().any(|change| change.fits) {
        let last = "Nothing of this is enough: close other programs, raise --memory-budget, or choose a smaller model.";
        lines.extend(paragraph(last, columns));
    }
    lines
}

/// `text` without a label.
fn paragraph(text: &str, columns: usize) -> Vec<String> {
    labelled("", 0, &[text.to_owned()], columns)
}

#[cfg(test)]
mod tests;
