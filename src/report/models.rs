//! What `vlm-test models` shows.

use serde::Serialize;

use super::{
    layout::{Align, Column, Grid},
    text::escape,
    units::bytes,
};

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
    /// Why not, or `ready`.
    pub status: String,
    /// Where the weights are, or come from.
    pub place: String,
}

/// The models as a table in at most `columns` columns, with a final newline.
pub fn render(rows: &[ModelRow], columns: usize) -> String {
    let column = |heading, align, rank| Column { heading, align, rank };
    let mut grid = Grid::new(&[
        column("model", Align::Left, 0),
        column("family", Align::Left, 2),
        column("size", Align::Right, 3),
        column("status", Align::Left, 4),
        column("weights", Align::Left, 1),
    ]);
    for row in rows {
        let size = row.weight_bytes.map_or_else(|| "?".to_owned(), bytes);
        let [name, family, status, place] =
            [&row.name, &row.family, &row.status, &row.place].map(|text| escape(text));
        grid.row([name, family, size, status, place]);
    }
    grid.lines(columns).join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_keeps_name_and_status() {
        let row = ModelRow {
            name: "smolvlm_tiny".to_owned(),
            aliases: Vec::new(),
            family: "smolvlm".to_owned(),
            weight_bytes: Some(4_200_000),
            runnable: true,
            status: "ready".to_owned(),
            place: "models/smolvlm_tiny".to_owned(),
        };
        let wide = "model         family     size  status  weights\n\
                    smolvlm_tiny  smolvlm  4.2 MB  ready   models/smolvlm_tiny\n";
        assert_eq!(render(std::slice::from_ref(&row), 80), wide);
        let narrow = "model           size  status\nsmolvlm_tiny  4.2 MB  ready\n";
        assert_eq!(render(&[row], 30), narrow);
    }
}
