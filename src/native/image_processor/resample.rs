//! Resampling of 8-bit RGB images, equal to Pillow's `Image.resize` in every sample.
//!
//! Pillow's 8-bit path (`src/libImaging/Resample.c`): weights with 22 fraction bits, one pass per axis, the value between
//! rounded to a byte; an axis that keeps its length is skipped. Since Pillow 13 the columns come first where the height
//! shrinks much more than the width (pull request 9549); before, the rows always did.

use std::ops::Range;

use super::{
    coefficients::{Coefficients, PRECISION_BITS},
    filter::Filter,
    rgb::{Rgb8Image, RgbView},
};

/// Rows that the horizontal pass handles together. They are interleaved first, so that one weight meets
/// `3 × BAND` neighbouring bytes and the loop needs no shuffles.
const BAND: usize = 16;
const LANES: usize = 3 * BAND;
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Resizes `image` to `width` × `height` pixels with `filter`.
///
/// `None` if a side is zero or the result would not fit the address space.
pub fn resize(
    image: RgbView<'_>,
    width: usize,
    height: usize,
    filter: Filter,
) -> Option<Rgb8Image> {
    resize_part(image, (width, height), 0..width, 0..height, filter)
}

/// The pixels in `columns` and `rows` of `image` resized to `size` (width, height), without making the others.
///
/// `None` if the part is empty, lies outside `size` or would not fit the address space. What is made on the way is,
/// but for a few rows, no larger than the image or the part.
pub(super) fn resize_part(
    image: RgbView<'_>,
    size: (usize, usize),
    columns: Range<usize>,
    rows: Range<usize>,
    filter: Filter,
) -> Option<Rgb8Image> {
    columns.len().checked_mul(rows.len())?.checked_mul(3).filter(|bytes| *bytes > 0)?;
    let (width, height) = size;
    if columns.end > width || rows.end > height {
        return None;
    }
    let old = (image.width(), image.height());
    if size == old {
        return crop(image, &columns, rows);
    }
    if filter == Filter::Nearest {
        return nearest(image, size, columns, rows);
    }
    let across = |columns| Coefficients::new(old.0, width, columns, filter);
    let down = |rows| Coefficients::new(old.1, height, rows, filter);
    if width == old.0 {
        return vertical(image, &columns, &down(rows));
    }
    if height == old.1 {
        return horizontal(image, &rows, &across(columns));
    }
    let (across, down) = (across(columns), down(rows));
    let (read_columns, read_rows) = (across.span(), down.span());
    if columns_first(old, size) {
        let flat = vertical(image, &read_columns, &down)?;
        let across = across.counted_from(read_columns.start);
        return horizontal(flat.view(), &(0..flat.height()), &across);
    }
    let narrow = horizontal(image, &read_rows, &across)?;
    let down = down.counted_from(read_rows.start);
    vertical(narrow.view(), &(0..narrow.width()), &down)
}

fn crop(image: RgbView<'_>, columns: &Range<usize>, rows: Range<usize>) -> Option<Rgb8Image> {
    let mut pixels = Vec::with_capacity(3 * columns.len() * rows.len());
    for row in image.rows().skip(rows.start).take(rows.len()) {
        pixels.extend_from_slice(row.get(3 * columns.start..3 * columns.end)?);
    }
    Rgb8Image::new(columns.len(), rows.len(), pixels)
}

/// Whether the pass along the columns comes first: the height loses more than twice as many pixels as the width.
fn columns_first((width, height): (usize, usize), (new_width, new_height): (usize, usize)) -> bool {
    let lost = |old: usize, new: usize| old as i128 - new as i128;
    new_height < height && lost(height, new_height) > 2 * lost(width, new_width)
}

/// Picks pixels; the position is accumulated in double precision as the reference does.
fn nearest(
    image: RgbView<'_>,
    (width, height): (usize, usize),
    columns: Range<usize>,
    rows: Range<usize>,
) -> Option<Rgb8Image> {
    let mut pixels = Vec::with_capacity(columns.len() * rows.len() * 3);
    let size = (columns.len(), rows.len());
    let columns = nearest_positions(image.width(), width, columns);
    for source in nearest_positions(image.height(), height, rows) {
        let row = image.pixels().get(source * image.width() * 3..)?;
        for column in &columns {
            pixels.extend_from_slice(row.get(column * 3..column * 3 + 3)?);
        }
    }
    Rgb8Image::new(size.0, size.1, pixels)
}

fn nearest_positions(input: usize, output: usize, part: Range<usize>) -> Vec<usize> {
    let step = f64::from(input as f32) / output as f64;
    let positions = std::iter::successors(Some(step * 0.5), |position| Some(position + step));
    let part = positions.skip(part.start).take(part.len());
    part.map(|position| (position as usize).min(input - 1)).collect()
}

/// The pass along the rows: `[height, in, 3]` to `[rows, out, 3]`.
fn horizontal(
    image: RgbView<'_>,
    rows: &Range<usize>,
    coefficients: &Coefficients,
) -> Option<Rgb8Image> {
    let width = coefficients.len();
    let mut pixels = vec![0; width * rows.len() * 3];
    let (from_row, to_row) = (3 * image.width(), 3 * width);
    let source = image.pixels().get(rows.start * from_row..rows.end * from_row)?;
    let mut source = source.chunks_exact(BAND * from_row);
    let mut target = pixels.chunks_exact_mut(BAND * to_row);
    let mut band = vec![[0; LANES]; if rows.len() < BAND { 0 } else { image.width() }];
    for (source, target) in source.by_ref().zip(target.by_ref()) {
        interleave(source, from_row, &mut band);
        for (x, (first, weights)) in coefficients.iter().enumerate() {
            let sums = weigh(band.get(first..)?.iter(), weights);
            for (row, pixel) in target.chunks_exact_mut(to_row).zip(sums.as_chunks::<3>().0) {
                row.get_mut(3 * x..3 * x + 3)?.copy_from_slice(pixel);
            }
        }
    }
    let rest = source.remainder().chunks_exact(from_row);
    for (source, target) in rest.zip(target.into_remainder().chunks_exact_mut(to_row)) {
        let source = source.as_chunks::<3>().0;
        for ((first, weights), pixel) in coefficients.iter().zip(target.as_chunks_mut::<3>().0) {
            *pixel = weigh(source.get(first..)?.iter(), weights);
        }
    }
    Rgb8Image::new(width, rows.len(), pixels)
}

/// Puts the pixels of one column of all rows of a band side by side.
fn interleave(rows: &[u8], row_bytes: usize, band: &mut [[u8; LANES]]) {
    for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
        for (pixel, column) in row.as_chunks::<3>().0.iter().zip(band.iter_mut()) {
            if let Some(place) = column.as_chunks_mut::<3>().0.get_mut(lane) {
                *place = *pixel;
            }
        }
    }
}

/// The pass along the columns: `[in, width, 3]` to `[out, columns, 3]`.
fn vertical(
    image: RgbView<'_>,
    columns: &Range<usize>,
    coefficients: &Coefficients,
) -> Option<Rgb8Image> {
    let (from_row, to_row) = (3 * image.width(), 3 * columns.len());
    let mut pixels = vec![0; to_row * coefficients.len()];
    for ((first, weights), target) in coefficients.iter().zip(pixels.chunks_exact_mut(to_row)) {
        let source = image.pixels().get(first * from_row + 3 * columns.start..)?;
        blend_rows(source, from_row, weights, target)?;
    }
    Rgb8Image::new(columns.len(), coefficients.len(), pixels)
}

/// One output row: the weighted sum of the rows at the start of `source`, which are `row_bytes` apart.
fn blend_rows(source: &[u8], row_bytes: usize, weights: &[i32], target: &mut [u8]) -> Option<()> {
    let (blocks, rest) = target.as_chunks_mut::<LANES>();
    let done = LANES * blocks.len();
    for (index, block) in blocks.iter_mut().enumerate() {
        let start = source.get(index * LANES..)?;
        *block = weigh(start.chunks(row_bytes).filter_map(<[u8]>::first_chunk), weights);
    }
    for (index, pixel) in rest.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let start = source.get(done + 3 * index..)?;
        *pixel = weigh(start.chunks(row_bytes).filter_map(<[u8]>::first_chunk), weights);
    }
    Some(())
}

/// `clamp((2^21 + Σ weight · sample) >> 22)` for `N` samples at a time.
#[expect(
    clippy::inline_always,
    reason = "each caller needs its own loop with its own number of lanes"
)]
#[inline(always)]
fn weigh<'a, const N: usize>(
    samples: impl Iterator<Item = &'a [u8; N]>,
    weights: &[i32],
) -> [u8; N] {
    let mut sums = [HALF; N];
    for (samples, weight) in samples.zip(weights) {
        for (sum, sample) in sums.iter_mut().zip(samples) {
            *sum = sum.wrapping_add(i32::from(*sample).wrapping_mul(*weight));
        }
    }
    sums.map(|sum| (sum >> PRECISION_BITS).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILTERS: [Filter; 6] = [
        Filter::Nearest,
        Filter::Lanczos,
        Filter::Bilinear,
        Filter::Bicubic,
        Filter::Box,
        Filter::Hamming,
    ];

    #[test]
    fn columns_come_first_only_where_the_height_loses_more_than_twice_the_width() {
        assert!(!columns_first((60, 90), (30, 30)));
        assert!(columns_first((60, 91), (30, 30)));
        assert!(columns_first((10, 50), (11, 49)));
        assert!(!columns_first((50, 40), (200, 41)));
    }

    #[test]
    fn an_empty_or_endless_result_is_refused() {
        let image = Rgb8Image::new(1, 1, vec![1, 2, 3]).unwrap();
        assert!(resize(image.view(), 0, 5, Filter::Bicubic).is_none());
        assert!(resize(image.view(), usize::MAX, 5, Filter::Bicubic).is_none());
        assert!(resize_part(image.view(), (4, 4), 2..5, 0..1, Filter::Bicubic).is_none());
    }

    proptest! {
        #[test]
        fn a_part_has_the_bytes_of_the_whole(
            (width, height, to_width, to_height) in (1_usize..60, 1_usize..60, 1_usize..60, 1_usize..60),
            (left, right, top, bottom) in (0.0..1.0, 0.0..1.0, 0.0..1.0, 0.0..1.0),
            filter in prop::sample::select(&FILTERS),
        ) {
            let pixels = (0..3 * width * height).map(|index| (index * index % 251) as u8).collect();
            let image = Rgb8Image::new(width, height, pixels).unwrap();
            let range = |from: f64, to: f64, length: usize| {
                let start = (from * length as f64) as usize;
                start..start + 1 + (to * (length - start) as f64) as usize
            };
            let (columns, rows) = (range(left, right, to_width), range(top, bottom, to_height));
            let whole = resize(image.view(), to_width, to_height, filter).unwrap();
            let part =
                resize_part(image.view(), (to_width, to_height), columns.clone(), rows.clone(), filter);
            prop_assert_eq!(part, crop(whole.view(), &columns, rows));
        }

        #[test]
        fn a_plain_colour_stays_plain(
            (width, height, to_width, to_height) in (1_usize..60, 1_usize..60, 1_usize..60, 1_usize..60),
            colour: [u8; 3],
            filter in prop::sample::select(&FILTERS),
        ) {
            let image = Rgb8Image::new(width, height, colour.repeat(width * height)).unwrap();
            let resized = resize(image.view(), to_width, to_height, filter).unwrap();
            prop_assert_eq!(resized.pixels(), colour.repeat(to_width * to_height));
        }

        #[test]
        fn the_same_size_returns_the_same_bytes(
            (width, height) in (1_usize..20, 1_usize..20),
            seed: u8,
            filter in prop::sample::select(&FILTERS),
        ) {
            let pixels = (0..3 * width * height).map(|index| (index * 37) as u8 ^ seed).collect();
            let image = Rgb8Image::new(width, height, pixels).unwrap();
            prop_assert_eq!(resize(image.view(), width, height, filter), Some(image));
        }
    }
}
