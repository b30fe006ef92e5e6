//! In which order Phi-3-vision shows the features of an image to the decoder.
//! Reference: `hd_feature_transform` in Microsoft's `modeling_phi3_v.py`.

use super::config::ViewOrder;

/// Tiles of an image and decoder positions along the side of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewLayout {
    /// Rows of tiles.
    pub rows: usize,
    /// Columns of tiles.
    pub cols: usize,
    /// Positions along the side of a frame.
    pub side: usize,
    /// Which view comes first.
    pub order: ViewOrder,
}

impl ViewLayout {
    /// The order of the positions as rows of a table that holds the positions of the whole
    /// view, those of each tile, the separator that ends a row (`sub_GN`) and the one
    /// between the views (`glb_GN`). Rows of positions run across all tiles of a row.
    pub fn table_rows(&self) -> Vec<i32> {
        let end_of_row = (1 + self.rows * self.cols) * self.side * self.side;
        let between_views = end_of_row as i32 + 1;
        let mut rows = Vec::with_capacity(self.positions());
        match self.order {
            ViewOrder::TilesFirst => {
                self.push_tiles(&mut rows, end_of_row as i32);
                rows.push(between_views);
                self.push_view(&mut rows, end_of_row as i32);
            }
            ViewOrder::WholeFirst => {
                self.push_view(&mut rows, end_of_row as i32);
                rows.push(between_views);
                self.push_tiles(&mut rows, end_of_row as i32);
            }
        }
        rows
    }

    /// How many positions [`ViewLayout::table_rows`] lists:
    /// `(tiles + 1) · side² + (tile rows + 1) · side + 1`.
    pub fn positions(&self) -> usize {
        (self.rows * self.cols + 1) * self.side.pow(2) + (self.rows + 1) * self.side + 1
    }

    fn push_view(&self, rows: &mut Vec<i32>, end_of_row: i32) {
        for y in 0..self.side {
            rows.extend((0..self.side).map(|x| (y * self.side + x) as i32));
            rows.push(end_of_row);
        }
    }

    fn push_tiles(&self, rows: &mut Vec<i32>, end_of_row: i32) {
        let side = self.side;
        for y in 0..self.rows * side {
            rows.extend((0..self.cols * side).map(|x| {
                let tile = 1 + (y / side) * self.cols + x / side;
                (tile * side * side + (y % side) * side + x % side) as i32
            }));
            rows.push(end_of_row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(rows: usize, cols: usize, side: usize) -> ViewLayout {
        ViewLayout { rows, cols, side, order: ViewOrder::TilesFirst }
    }

    #[test]
    fn the_published_model_has_these_positions() {
        let cases = [
            ((2, 2), 757),
            ((3, 1), 625),
            ((1, 2), 457),
            ((3, 4), 1921),
            ((4, 4), 2509),
            ((6, 2), 1957),
            ((3, 5), 2353),
        ];
        for ((rows, cols), positions) in cases {
            let layout = layout(rows, cols, 12);
            assert_eq!(layout.positions(), positions, "{rows} × {cols}");
            assert_eq!(layout.table_rows().len(), positions);
        }
    }

    #[test]
    fn rows_run_across_tiles_and_the_views_are_kept_apart() {
        let expected =
            [[4, 5, 8, 9, 12].as_slice(), &[6, 7, 10, 11, 12], &[13], &[0, 1, 12], &[2, 3, 12]];
        assert_eq!(layout(1, 2, 2).table_rows(), expected.concat());
        let whole_first = ViewLayout { order: ViewOrder::WholeFirst, ..layout(1, 2, 2) };
        let expected =
            [&[0, 1, 12, 2, 3, 12, 13][..], &[4, 5, 8, 9, 12], &[6, 7, 10, 11, 12]].concat();
        assert_eq!(whole_first.table_rows(), expected);
    }
}
