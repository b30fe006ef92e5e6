//! The lines that open a table: one a model.

use super::layout::{Align, Column, Grid, Look};
use crate::results::{ModelReport, RunReport};

/// A line a model: its name, then `columns`, each a heading and its rank, as `row` fills them.
pub(super) fn grid<const CELLS: usize>(
    report: &RunReport,
    columns: impl IntoIterator<Item = (&'static str, u8)>,
    row: impl Fn(&ModelReport) -> [String; CELLS],
    look: Look,
) -> Vec<String> {
    let model = Column { heading: "model", align: Align::Left, rank: 0 };
    let figure = |(heading, rank)| Column { heading, align: Align::Right, rank };
    let columns: Vec<_> = [model].into_iter().chain(columns.into_iter().map(figure)).collect();
    let mut grid = Grid::new(&columns);
    for model in &report.models {
        grid.row(row(model));
    }
    grid.headed_lines(look)
}
