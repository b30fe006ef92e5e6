//! What `vlm-test models` shows.

use serde::Serialize;

use super::{
    layout::{Align, Column, Grid},
    text::{escape, truncate, width},
    units::bytes,
};

const PLACE: &str = "weights";
/// Narrower than this, where the weights are says nothing.
const LEAST_PLACE: usize = 12;

/// One known model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelRow {
    /// Its name on the command line.
    pub name: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Its family, e.g. `smolvlm`.
    pub family: String,
    /// Size of the weights in bytes, where known.
    pub weight_bytes: Option<u64>,
    /// Whether it can run here.
    pub runnable: bool,
    /// Why not, in a word or two, or `ready`.
    pub status: String,
    /// What is wrong with what lies here, where a word does not do.
    pub problem: Option<String>,
    /// Where the weights are, or come from.
    pub place: String,
}

/// The models as a table in at most `columns` columns and, below it, a line for each that
/// has a problem; with a final newline.
pub fn render(rows: &[ModelRow], columns: usize) -> String {
    let column = |heading, align, rank| Column { heading, align, rank };
    let mut grid = Grid::new(&[
        column("model", Align::Left, 0),
        column("family", Align::Left, 1),
        column("size", Align::Right, 2),
        column("status", Align::Left, 3),
    ]);
    for row in rows {
        let size = row.weight_bytes.map_or_else(|| "?".to_owned(), bytes);
        let [name, family, status] = [&row.name, &row.family, &row.status].map(|text| escape(text));
        grid.row([name, family, size, status]);
    }
    let places: Vec<String> = rows.iter().map(|row| escape(&row.place)).collect();
    let mut lines = with_places(grid.lines(columns), &places, columns);
    let problems: Vec<String> = rows.iter().filter_map(problem).collect();
    if !problems.is_empty() {
        lines.push(String::new());
        lines.extend(problems);
    }
    lines.join("\n") + "\n"
}

/// Paths may be longer than any terminal is wide, so theirs is the column that is cut.
fn with_places(lines: Vec<String>, places: &[String], columns: usize) -> Vec<String> {
    let start = lines.iter().map(|line| width(line)).max().unwrap_or(0) + 2;
    let Some(room) = columns.checked_sub(start).filter(|room| *room >= LEAST_PLACE) else {
        return lines;
    };
    let places = std::iter::once(PLACE).chain(places.iter().map(String::as_str));
    let placed = lines.iter().zip(places).map(|(line, place)| {
        let blanks = " ".repeat(start.saturating_sub(width(line)));
        format!("{line}{blanks}{}", truncate(place, room)).trim_end().to_owned()
    });
    placed.collect()
}

/// An error is for reading and copying: it is never cut.
fn problem(row: &ModelRow) -> Option<String> {
    row.problem.as_ref().map(|problem| escape(&format!("{}: {problem}", row.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> ModelRow {
        ModelRow {
            name: "smolvlm_tiny".to_owned(),
            aliases: Vec::new(),
            family: "smolvlm".to_owned(),
            weight_bytes: Some(4_200_000),
            runnable: true,
            status: "ready".to_owned(),
            problem: None,
            place: "models/smolvlm_tiny".to_owned(),
        }
    }

    #[test]
    fn a_narrow_terminal_keeps_name_and_status() {
        let wide = "model         family     size  status  weights\n\
                    smolvlm_tiny  smolvlm  4.2 MB  ready   models/smolvlm_tiny\n";
        assert_eq!(render(&[tiny()], 80), wide);
        let narrow = "model           size  status\nsmolvlm_tiny  4.2 MB  ready\n";
        assert_eq!(render(&[tiny()], 30), narrow);
    }

    #[test]
    fn a_long_path_is_cut_and_a_long_error_stands_below_the_table() {
        let broken = ModelRow {
            name: "broken".to_owned(),
            status: "unusable".to_owned(),
            problem: Some("its folder ".to_owned() + &"is not a checkpoint ".repeat(9)),
            place: "/somewhere".repeat(20),
            ..tiny()
        };
        let text = render(&[tiny(), broken], 60);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "model         family     size  status    weights");
        assert_eq!(lines[2], "broken        smolvlm  4.2 MB  unusable  /somewhere/somewhe…");
        assert_eq!(lines[3], "");
        assert!(lines[4].starts_with("broken: its folder is not") && lines.len() == 5, "{text}");
    }
}
