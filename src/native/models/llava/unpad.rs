//! Which of the features of a tiled image LLaVA-NeXT shows to the decoder: the image is
//! padded to a canvas of whole tiles, and the features of the padding are cut off again.
//! Reference: `unpad_image` and `pack_image_features` in `modeling_llava_next.py`.

use std::ops::Range;

/// Tiles and patches of an image, and the size it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TiledFeatures {
    /// Rows of tiles.
    pub rows: usize,
    /// Columns of tiles.
    pub cols: usize,
    /// Patches along the side of a tile.
    pub side: usize,
    /// Width and height of the image in pixels, before any resizing.
    pub source: (usize, usize),
}

impl TiledFeatures {
    /// Rows and columns of patches, counted over all tiles, that show the image itself.
    pub fn visible(&self) -> (Range<usize>, Range<usize>) {
        let (width, height) = self.source;
        let (across, down) = (self.cols * self.side, self.rows * self.side);
        // The reference rounds the product to seven digits before it truncates it.
        let scaled = |length: usize, from: usize, to: usize| {
            let exact = length as f64 * (to as f64 / from as f64);
            ((exact * 1e7).round_ties_even() / 1e7) as usize
        };
        let middle = |all: usize, kept: usize| {
            let padding = all.saturating_sub(kept) / 2;
            padding..all - padding
        };
        if width as f64 / height as f64 > across as f64 / down as f64 {
            (middle(down, scaled(height, width, across)), 0..across)
        } else {
            (0..down, middle(across, scaled(width, height, down)))
        }
    }

    /// The order of the decoder's positions as rows of a table that holds the whole view's
    /// patches, then those of each tile, then the newline: the whole view, then every
    /// visible row of patches with a newline behind it.
    pub fn rows(&self) -> Vec<i32> {
        let (down, across) = self.visible();
        let patches = self.side * self.side;
        let newline = (1 + self.rows * self.cols) * patches;
        let mut rows = Vec::with_capacity(self.positions());
        rows.extend(0..patches as i32);
        for y in down {
            let (tile_row, inner_row) = (y / self.side, y % self.side);
            rows.extend(across.clone().map(|x| {
                let tile = tile_row * self.cols + x / self.side;
                ((1 + tile) * patches + inner_row * self.side + x % self.side) as i32
            }));
            rows.push(newline as i32);
        }
        rows
    }

    /// How many positions [`TiledFeatures::rows`] lists.
    pub fn positions(&self) -> usize {
        let (down, across) = self.visible();
        self.side * self.side + down.len() * (across.len() + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_model_has_these_positions() {
        // Canvas in tiles, from the selection of resolutions; positions as the reference counts them.
        let cases = [
            ((640, 480), (2, 2), 2340),
            ((1024, 1024), (2, 2), 2928),
            ((300, 900), (3, 1), 2376),
            ((96, 96), (1, 2), 1176),
            ((1920, 1080), (2, 2), 1948),
            ((2000, 500), (1, 3), 1890),
        ];
        for (source, (rows, cols), positions) in cases {
            let tiled = TiledFeatures { rows, cols, side: 24, source };
            assert_eq!(tiled.positions(), positions, "{source:?}");
        }
    }

    #[test]
    fn rows_of_patches_run_across_tiles_and_end_with_a_newline() {
        let tiled = TiledFeatures { rows: 1, cols: 2, side: 2, source: (200, 100) };
        let whole = [0, 1, 2, 3];
        let (first, second, newline) = ([4, 5, 6, 7], [8, 9, 10, 11], 12);
        let expected = [
            &whole[..],
            &[first[0], first[1], second[0], second[1], newline],
            &[first[2], first[3], second[2], second[3], newline],
        ];
        assert_eq!(tiled.rows(), expected.concat());
    }

    proptest! {
        #[test]
        fn every_position_names_a_row_of_the_table(
            rows in 1usize..4, cols in 1usize..4, side in 1usize..9,
            width in 1usize..5000, height in 1usize..5000,
        ) {
            let tiled = TiledFeatures { rows, cols, side, source: (width, height) };
            let listed = tiled.rows();
            prop_assert_eq!(listed.len(), tiled.positions());
            let table = (1 + rows * cols) * side * side + 1;
            prop_assert!(listed.iter().all(|&row| (row as usize) < table));
        }
    }
}
