//! Columns and wrapped lines for a terminal of a given width, wide characters
//! counted as what they are.

use console::Style;

use super::text::{truncate, width};

/// Blank columns between two columns of a grid.
const GAP: usize = 2;

/// How a table is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns there are.
    pub width: usize,
    /// Whether colour codes are understood.
    pub colour: bool,
}

impl Look {
    /// Styled only where colour codes are understood.
    pub(super) fn style(self) -> Style {
        Style::new().force_styling(self.colour)
    }
}

/// On which side a column keeps its blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text: blanks follow.
    Left,
    /// Figures: blanks precede.
    Right,
}

/// One column of a [`Grid`].
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub heading: &'static str,
    /// Its side.
    pub align: Align,
    /// The first columns to go where the width does not suffice have the lowest
    /// rank; rank 0 never goes.
    pub rank: u8,
}

/// A table whose columns are as wide as their content.
#[derive(Debug, Clone)]
pub struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table without rows.
    pub fn new(columns: &[Column]) -> Self {
        let headings = columns.iter().map(|column| column.heading.to_owned()).collect();
        Self { columns: columns.to_vec(), rows: vec![headings] }
    }

    /// Adds a row; cells beyond the columns are dropped, missing ones are blank.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let blanks = std::iter::repeat_n(String::new(), self.columns.len());
        self.rows.push(cells.into_iter().chain(blanks).take(self.columns.len()).collect());
    }

    /// Its lines in at most `columns` columns, the heading first. Columns go by
    /// rank until the rest fits; then the first column is cut.
    pub fn lines(mut self, columns: usize) -> Vec<String> {
        while self.total_width() > columns {
            let Some(least) = self.least_wanted() else { break };
            self.columns.remove(least);
            self.rows.iter_mut().for_each(|row| drop(row.remove(least)));
        }
        let excess = self.total_width().saturating_sub(columns);
        let mut widths = self.widths();
        if let Some(first) = widths.first_mut() {
            *first = first.saturating_sub(excess).max(1);
        }
        self.rows.iter().map(|row| self.line(row, &widths)).collect()
    }

    /// [`lines`](Self::lines) as wide as `look` allows, the heading bold.
    pub fn headed_lines(self, look: Look) -> Vec<String> {
        let mut lines = self.lines(look.width);
        if let Some(heading) = lines.first_mut() {
            *heading = look.style().bold().apply_to(&*heading).to_string();
        }
        lines
    }

    fn least_wanted(&self) -> Option<usize> {
        let ranked = self.columns.iter().enumerate().filter(|(_, column)| column.rank > 0);
        ranked.min_by_key(|(_, column)| column.rank).map(|(index, _)| index)
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |index: usize| {
            self.rows.iter().filter_map(|row| row.get(index)).map(|c| width(c)).max()
        };
        (0..self.columns.len()).map(|index| widest(index).unwrap_or(0)).collect()
    }

    fn total_width(&self) -> usize {
        self.widths().iter().sum::<usize>() + GAP * self.columns.len().saturating_sub(1)
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(&self.columns).zip(widths).map(|((cell, column), &columns)| {
            let cell = truncate(cell, columns);
            let blanks = " ".repeat(columns.saturating_sub(width(&cell)));
            match column.align {
                Align::Left => cell + &blanks,
                Align::Right => blanks + &cell,
            }
        });
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    }
}

/// `parts` behind `label`, joined with `·` and wrapped, rather between parts than
/// within one; further lines begin under the first part.
pub fn labelled(label: &str, label_width: usize, parts: &[String], columns: usize) -> Vec<String> {
    let room = columns.saturating_sub(label_width).max(1);
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + 3 + width(part) <= room => {
                line.push_str(" · ");
                line.push_str(part);
            }
            _ => lines.extend(wrapped(part, room)),
        }
    }
    let mut label = label;
    let labelled = lines.into_iter().map(|line| {
        let blanks = " ".repeat(label_width.saturating_sub(width(label)));
        format!("{}{blanks}{line}", std::mem::take(&mut label))
    });
    labelled.collect()
}

/// `text` broken at blanks into lines of at most `room` columns; a word that is
/// too long for a line is cut.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(truncate(word, room)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new(&[
            Column { heading: "model", align: Align::Left, rank: 0 },
            Column { heading: "peak", align: Align::Right, rank: 1 },
            Column { heading: "score", align: Align::Right, rank: 0 },
        ]);
        grid.row(["smolvlm".to_owned(), "1.5 GB".to_owned(), "95.0 %".to_owned()]);
        grid.row(["二二".to_owned()]);
        grid
    }

    #[test]
    fn columns_are_as_wide_as_their_content() {
        let lines = grid().lines(80);
        assert_eq!(lines, ["model      peak   score", "smolvlm  1.5 GB  95.0 %", "二二"]);
    }

    #[test]
    fn the_least_wanted_column_goes_first_and_then_the_first_is_cut() {
        assert_eq!(grid().lines(15), ["model     score", "smolvlm  95.0 %", "二二"]);
        assert_eq!(grid().lines(12), ["mod…   score", "smo…  95.0 %", "二二"]);
    }

    #[test]
    fn parts_wrap_under_the_first_one() {
        let parts = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
        assert_eq!(labelled("n", 4, &parts, 15), ["n   one · two", "    three"]);
    }

    #[test]
    fn a_long_part_wraps_at_blanks_and_a_long_word_is_cut() {
        let parts = ["a message of words".to_owned(), "incomprehensible".to_owned()];
        assert_eq!(labelled("n", 2, &parts, 12), ["n a message", "  of words", "  incompreh…"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            parts in prop::collection::vec("[a-z二 ]{0,30}", 0..6), columns in 20_usize..60
        ) {
            for line in labelled("label", 10, &parts, columns) {
                prop_assert!(width(&line) <= columns);
            }
            for line in grid().lines(columns) {
                prop_assert!(width(&line) <= columns);
            }
        }
    }
}
