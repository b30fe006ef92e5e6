//! A small view of a whole canvas: `torch.nn.functional.interpolate(mode="bicubic", align_corners=False)` without
//! antialiasing, on floats, where both sides shrink by whole factors.
//!
//! Output position `i` then looks at `(i + ½) · factor − ½`: at a position of the source if `factor` is odd, half-way
//! between two if it is even. Only two sets of weights occur (cubic convolution with a = −0.75).

use super::{canvas::Canvas, normalize::ByteTable};

const AT_A_POSITION: [f32; 1] = [1.0];
const HALF_WAY: [f32; 4] = [-0.09375, 0.59375, 0.59375, -0.09375];

/// One axis of the shrinking.
struct Axis {
    factor: usize,
    /// Source positions.
    length: usize,
    weights: &'static [f32],
}

impl Axis {
    fn new(factor: usize, output: usize) -> Self {
        let weights: &[f32] = if factor.is_multiple_of(2) { &HALF_WAY } else { &AT_A_POSITION };
        Self { factor, length: factor * output, weights }
    }

    /// The source positions that output position `index` reads, with their weights; those beyond the border are moved
    /// onto it.
    fn taps(&self, index: usize) -> impl Iterator<Item = (usize, f32)> {
        let middle = index * self.factor + self.factor / 2;
        let before = self.weights.len() / 2;
        self.weights.iter().enumerate().map(move |(tap, weight)| {
            ((middle + tap).saturating_sub(before).min(self.length - 1), *weight)
        })
    }
}

/// Shrinks `canvas`, `factors` (across, down) × `side` pixels, to `side` × `side` × 3 floats in `view`.
pub(super) fn shrink(
    canvas: &Canvas<'_>,
    factors: (usize, usize),
    side: usize,
    table: &ByteTable,
    view: &mut [f32],
) {
    let (across, down) = (Axis::new(factors.0, side), Axis::new(factors.1, side));
    let mut wide = vec![0.0; 3 * across.length];
    // The rows that one output row reads follow each other, so that four places hold them and the next keeps some.
    let mut lines: [(Option<usize>, Vec<f32>); 4] =
        std::array::from_fn(|_| (None, vec![0.0; 3 * side]));
    for (index, out) in view.chunks_exact_mut(3 * side).enumerate() {
        out.fill(0.0);
        for (y, weight) in down.taps(index) {
            let (held, line) = &mut lines[y % 4];
            if *held != Some(y) {
                canvas.row(0, y, table, &mut wide);
                shrink_row(&across, &wide, line);
                *held = Some(y);
            }
            for (sum, value) in out.iter_mut().zip(line.iter()) {
                *sum += weight * *value;
            }
        }
    }
}

/// Shrinks one row of interleaved RGB.
fn shrink_row(across: &Axis, wide: &[f32], line: &mut [f32]) {
    let wide = wide.as_chunks::<3>().0;
    for (index, out) in line.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        *out = [0.0; 3];
        for (x, weight) in across.taps(index) {
            for (sum, value) in out.iter_mut().zip(wide.get(x).unwrap_or(&[0.0; 3])) {
                *sum += weight * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::image_processor::rgb::Rgb8Image;

    fn taps(factor: usize, output: usize, index: usize) -> Vec<usize> {
        Axis::new(factor, output).taps(index).map(|(position, _)| position).collect()
    }

    #[test]
    fn an_even_factor_reads_the_four_neighbours_and_stops_at_the_border() {
        assert_eq!(taps(2, 3, 0), [0, 0, 1, 2]);
        assert_eq!(taps(2, 3, 1), [1, 2, 3, 4]);
        assert_eq!(taps(2, 3, 2), [3, 4, 5, 5]);
        assert_eq!(taps(4, 2, 1), [4, 5, 6, 7]);
        assert_eq!(taps(6, 2, 0), [1, 2, 3, 4]);
    }

    #[test]
    fn an_odd_factor_picks_the_middle() {
        assert_eq!((taps(1, 3, 2), taps(3, 3, 0), taps(5, 3, 1)), (vec![2], vec![1], vec![7]));
    }

    #[test]
    fn the_weights_are_those_of_cubic_convolution_half_way() {
        let a = -0.75_f32;
        let near = ((a + 2.0) * 0.5 - (a + 3.0)) * 0.25 + 1.0;
        let far = ((a * 1.5 - 5.0 * a) * 1.5 + 8.0 * a) * 1.5 - 4.0 * a;
        assert_eq!(HALF_WAY, [far, near, near, far]);
    }

    #[test]
    fn rows_and_columns_shrink_by_their_own_factors() {
        // 2×3 pixels to 1×1: half-way between the columns of the middle row.
        let reds = [0, 0, 10, 30, 0, 0].into_iter().flat_map(|red| [red, 0, 0]).collect();
        let image = Rgb8Image::new(2, 3, reds).unwrap();
        let table = ByteTable::new(None, None);
        let mut view = [0.0; 3];
        shrink(&Canvas::filled_by(image.view()), (2, 3), 1, &table, &mut view);
        assert_eq!(view, [20.0, 0.0, 0.0]);
    }
}
