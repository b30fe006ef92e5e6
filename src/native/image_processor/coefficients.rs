//! Fixed-point resampling weights for one axis, rounded exactly as Pillow rounds them (`precompute_coeffs` and
//! `normalize_coeffs_8bpc` in `src/libImaging/Resample.c`).

use std::ops::Range;

use super::filter::Filter;

/// Fraction bits of a weight: 32 minus 8 for the sample and 2 for overshoot.
pub(super) const PRECISION_BITS: u32 = 32 - 8 - 2;

/// The weights of a run of output positions of one axis.
#[derive(Debug)]
pub(super) struct Coefficients {
    windows: Vec<Window>,
    weights: Vec<i32>,
}

/// Which source positions one output position reads, and where its weights start.
#[derive(Clone, Copy, Debug)]
struct Window {
    first: usize,
    taps: usize,
    offset: usize,
}

impl Coefficients {
    /// Computes the weights that map `input` source positions to those of `output` positions that are in `part`.
    pub(super) fn new(input: usize, output: usize, part: Range<usize>, filter: Filter) -> Self {
        // Pillow hands the source box over in single precision.
        let scale = f64::from(input as f32) / output as f64;
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let inverse = 1.0 / filter_scale;
        let mut windows = Vec::with_capacity(part.len());
        let mut weights = Vec::new();
        let mut exact = Vec::new();
        for position in part {
            let center = (position as f64 + 0.5) * scale;
            // A float to integer cast saturates, so a negative start becomes 0 here.
            let first = (center - support + 0.5) as usize;
            let end = ((center + support + 0.5) as usize).min(input);
            exact.clear();
            exact.extend((first..end).map(|source| {
                let ahead = source - first;
                filter.weight((ahead as f64 + first as f64 - center + 0.5) * inverse)
            }));
            // An explicit loop from 0.0: the order of additions is part of the result.
            let sum = exact.iter().fold(0.0, |sum, weight| sum + weight);
            windows.push(Window { first, taps: exact.len(), offset: weights.len() });
            weights.extend(
                exact.iter().map(|weight| fixed(if sum == 0.0 { *weight } else { weight / sum })),
            );
        }
        Self { windows, weights }
    }

    /// Output positions.
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    /// The source positions that are read.
    pub(super) fn span(&self) -> Range<usize> {
        // Both ends of the windows grow with the output position.
        let start = self.windows.first().map_or(0, |window| window.first);
        start..self.windows.last().map_or(start, |window| window.first + window.taps)
    }

    /// The same weights for a source that begins at position `start`, which lies before all that is read.
    pub(super) fn counted_from(mut self, start: usize) -> Self {
        for window in &mut self.windows {
            window.first -= start;
        }
        self
    }

    /// For every output position in order: the first source position and the weights of it and its successors.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.windows.iter().map(|window| {
            let weights = self.weights.get(window.offset..window.offset + window.taps);
            (window.first, weights.unwrap_or_default())
        })
    }
}

/// Rounds half away from zero to [`PRECISION_BITS`] fraction bits.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    if weight < 0.0 { (scaled - 0.5) as i32 } else { (scaled + 0.5) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(input: usize, output: usize, filter: Filter) -> Vec<(usize, Vec<i32>)> {
        let coefficients = Coefficients::new(input, output, 0..output, filter);
        coefficients.iter().map(|(first, weights)| (first, weights.to_vec())).collect()
    }

    #[test]
    fn halving_with_a_triangle_reads_four_pixels_with_weights_1_3_3_1() {
        let (first, weights) = windows(8, 4, Filter::Bilinear)[1].clone();
        assert_eq!(first, 1);
        let eighth = 1 << (PRECISION_BITS - 3);
        assert_eq!(weights, [eighth, 3 * eighth, 3 * eighth, eighth]);
    }

    #[test]
    fn doubling_with_a_triangle_blends_three_to_one() {
        let quarter = 1 << (PRECISION_BITS - 2);
        assert_eq!(windows(4, 8, Filter::Bilinear)[3], (1, vec![3 * quarter, quarter]));
    }

    #[test]
    fn windows_are_cut_at_the_borders() {
        let all = windows(5, 11, Filter::Lanczos);
        assert_eq!(all[0].0, 0);
        let (first, weights) = all.last().unwrap();
        assert_eq!(first + weights.len(), 5);
    }

    #[test]
    fn a_part_reads_only_what_it_needs() {
        let part = Coefficients::new(100, 50, 20..23, Filter::Bilinear);
        assert_eq!((part.len(), part.span()), (3, 39..47));
        let firsts: Vec<usize> = part.counted_from(39).iter().map(|(first, _)| first).collect();
        assert_eq!(firsts, [0, 2, 4]);
    }

    #[test]
    fn weights_add_up_to_one_within_the_rounding_of_each() {
        for filter in
            [Filter::Lanczos, Filter::Bilinear, Filter::Bicubic, Filter::Box, Filter::Hamming]
        {
            for (input, output) in
                [(1, 7), (7, 1), (640, 2048), (2048, 512), (333, 256), (20000, 2048)]
            {
                for (_, weights) in windows(input, output, filter) {
                    let sum: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
                    let error = (sum - (1 << PRECISION_BITS)).unsigned_abs() as usize;
                    assert!(error <= weights.len(), "{filter:?} {input}->{output}: {error}");
                }
            }
        }
    }

    #[test]
    fn negative_weights_round_away_from_zero_at_the_half() {
        let half_step = 0.5 / f64::from(1 << PRECISION_BITS);
        assert_eq!(fixed(half_step), 1);
        assert_eq!(fixed(-half_step), -1);
        assert_eq!(fixed(half_step * 0.9), 0);
    }
}
