//! The points of a series and their ranks, equal values sharing theirs.

/// A question's number and what was seen before it. Numbers ascend strictly in a series.
pub type Point = (f64, f64);

/// The rank of each value from 1; equal values share the middle one of theirs.
pub fn ranks(points: &[Point]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = points.iter().map(|(_, y)| *y).enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranks = vec![0.0; points.len()];
    let mut below = 0;
    for equal in order.chunk_by(|a, b| a.1 == b.1) {
        let shared = below as f64 + f64::midpoint(1.0, equal.len() as f64);
        for (index, _) in equal {
            if let Some(rank) = ranks.get_mut(*index) {
                *rank = shared;
            }
        }
        below += equal.len();
    }
    ranks
}
