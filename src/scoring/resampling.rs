//! What chance could have done: the bootstrap over clusters and the paired permutation test.
//! Seeded, so that a figure is the same whenever it is computed.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::Interval;

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2_000;

/// Up to this many differing pairs every assignment of signs is tried.
const EXACT_PAIRS: usize = 16;

/// Random assignments of signs beyond that.
const PERMUTATIONS: usize = 20_000;

/// The 95 % percentile bootstrap interval (Efron & Tibshirani 1993, §13.3) of `statistic`,
/// with whole clusters drawn with replacement (Field & Welsh 2007), 2 000 times.
///
/// `statistic` gets the sums of the clusters drawn; draws where it is `None` are left out.
/// `None` below two clusters, or where over half of the draws are undefined. Where the
/// statistic of all clusters lies outside, the interval is widened to hold it. Clusters that
/// all agree give an interval without width, however few they are.
///
/// ```
/// use vlm_test::scoring::bootstrap;
/// let share = |sums: &[f64; 2]| (sums[1] > 0.0).then(|| sums[0] / sums[1]);
/// let interval = bootstrap(&[[1.0, 2.0], [2.0, 2.0], [0.0, 2.0]], 7, share).unwrap();
/// assert!(interval.low < 0.5 && interval.high > 0.5);
/// assert_eq!(bootstrap(&[[1.0, 2.0]], 7, share), None);
/// ```
pub fn bootstrap<const N: usize>(
    clusters: &[[f64; N]],
    seed: u64,
    statistic: impl Fn(&[f64; N]) -> Option<f64>,
) -> Option<Interval> {
    if clusters.len() < 2 {
        return None;
    }
    let point = statistic(&sum(clusters.iter()))?;
    let mut rng = generator(seed);
    let mut draw = || clusters.get((rng.next_u64() % clusters.len() as u64) as usize);
    let mut values = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let drawn = std::iter::repeat_with(&mut draw).take(clusters.len());
        values.extend(statistic(&sum(drawn.flatten())));
    }
    if values.len() * 2 < RESAMPLES {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let tail = values.len() / 40;
    let (low, high) = (*values.get(tail)?, *values.get(values.len() - 1 - tail)?);
    Some(Interval { low: low.min(point), high: high.max(point) })
}

/// The two-sided p-value of the paired permutation test (Fisher 1935; Good 2005, ch. 3): how
/// often the mean difference of `a` and `b` would be at least as far from 0 if the two of each
/// pair were exchanged by chance.
///
/// Exact up to 16 pairs that differ; beyond that from 20 000 random exchanges, the one observed
/// counted among them (Phipson & Smyth 2010). `None` of no pairs or of lists that do not pair.
///
/// ```
/// use vlm_test::scoring::paired_permutation;
/// assert_eq!(paired_permutation(&[1.0, 1.0, 1.0], &[0.0, 0.0, 0.0], 7), Some(0.25));
/// assert_eq!(paired_permutation(&[0.5], &[0.5], 7), Some(1.0));
/// ```
pub fn paired_permutation(a: &[f64], b: &[f64], seed: u64) -> Option<f64> {
    if a.is_empty() || a.len() != b.len() {
        return None;
    }
    let differences: Vec<f64> =
        a.iter().zip(b).map(|(a, b)| a - b).filter(|difference| *difference != 0.0).collect();
    // Sums of the same numbers in another order may differ in their last bits.
    let scale: f64 = differences.iter().map(|difference| difference.abs()).sum();
    let observed = differences.iter().sum::<f64>().abs() - scale * 1e-12;
    let is_as_far = |signs: &mut dyn FnMut() -> bool| {
        let sum: f64 = differences.iter().map(|d| if signs() { -d } else { *d }).sum();
        sum.abs() >= observed
    };
    if differences.len() <= EXACT_PAIRS {
        let all = 1_u32 << differences.len();
        let as_far = (0..all).filter(|pattern| {
            let mut bits = *pattern;
            is_as_far(&mut || {
                let negate = bits & 1 == 1;
                bits >>= 1;
                negate
            })
        });
        return Some(as_far.count() as f64 / f64::from(all));
    }
    let mut rng = generator(seed);
    let as_far = (0..PERMUTATIONS).filter(|_| is_as_far(&mut || rng.next_u32() & 1 == 1)).count();
    Some((as_far + 1) as f64 / (PERMUTATIONS + 1) as f64)
}

fn sum<'a, const N: usize>(clusters: impl Iterator<Item = &'a [f64; N]>) -> [f64; N] {
    clusters.fold([0.0; N], |mut sums, cluster| {
        for (sum, value) in sums.iter_mut().zip(cluster) {
            *sum += value;
        }
        sums
    })
}

fn generator(seed: u64) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn share(sums: &[f64; 2]) -> Option<f64> {
        (sums[1] > 0.0).then(|| sums[0] / sums[1])
    }

    /// 0 or 1, as many of each as asked for.
    fn trials(right: usize, wrong: usize) -> Vec<[f64; 2]> {
        let of = |value, count| std::iter::repeat_n([value, 1.0], count);
        of(1.0, right).chain(of(0.0, wrong)).collect()
    }

    #[test]
    fn the_interval_of_a_mean_is_the_one_known_from_the_normal_distribution() {
        let interval = bootstrap(&trials(200, 200), 1, share).unwrap();
        let half_width = 1.96 * (0.25_f64 / 400.0).sqrt();
        assert!((interval.low - (0.5 - half_width)).abs() < 0.006, "{interval:?}");
        assert!((interval.high - (0.5 + half_width)).abs() < 0.006, "{interval:?}");
    }

    #[test]
    fn clusters_and_not_their_members_are_drawn() {
        let alone = bootstrap(&trials(60, 60), 1, share).unwrap();
        let together: Vec<_> = trials(6, 6).iter().map(|[n, d]| [n * 10.0, d * 10.0]).collect();
        let together = bootstrap(&together, 1, share).unwrap();
        assert!(together.high - together.low > 2.5 * (alone.high - alone.low));
    }

    #[test]
    fn a_seed_gives_the_same_interval_again_and_another_seed_another() {
        let clusters: Vec<_> = (1..40).map(|at| [f64::from(at).sqrt(), 7.0]).collect();
        let of = |seed| bootstrap(&clusters, seed, share).unwrap();
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn what_is_undefined_in_most_draws_has_no_interval() {
        let mut clusters = vec![[0.0, 0.0]; 30];
        clusters[0] = [1.0, 1.0];
        clusters.push([0.0, 0.0]);
        let both = |sums: &[f64; 2]| (sums[1] == 1.0).then_some(sums[0]);
        assert_eq!(bootstrap(&clusters, 1, both), None);
    }

    #[test]
    fn small_tests_are_exact() {
        let p = paired_permutation(&[3.0, 1.0, 2.0, 0.0], &[0.0, 0.0, 0.0, 1.0], 1).unwrap();
        // Signs of 3, 1, 2, 1 that give at least 5: all alike, and either 1 alone against the rest.
        assert_eq!(p, 6.0 / 16.0);
        assert_eq!(paired_permutation(&[1.0; 10], &[0.0; 10], 1), Some(2.0 / 1024.0));
    }

    #[test]
    fn large_tests_find_what_is_there_and_not_what_is_not() {
        let zeros = vec![0.0; 60];
        let shifted: Vec<_> = (0..60).map(|at| 0.5 + f64::from(at % 7) / 10.0).collect();
        assert!(paired_permutation(&shifted, &zeros, 1).unwrap() < 1e-3);
        let alternating: Vec<_> = (0..60).map(|at| if at % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert_eq!(paired_permutation(&alternating, &zeros, 1), Some(1.0));
    }

    #[test]
    fn random_exchanges_agree_with_the_exact_test() {
        // 17 pairs, one by 10⁻⁹: sampled, but decided by the other 16.
        let mut a: Vec<_> = (1..=16).map(|at| f64::from(at % 5) - 1.3).collect();
        let zeros = vec![0.0; 17];
        let exact = paired_permutation(&a, &zeros[..16], 1).unwrap();
        a.push(1e-9);
        let sampled = paired_permutation(&a, &zeros, 1).unwrap();
        assert!((exact - sampled).abs() < 0.02, "{exact} {sampled}");
    }

    #[test]
    fn lists_that_do_not_pair_are_not_compared() {
        assert_eq!(paired_permutation(&[], &[], 1), None);
        assert_eq!(paired_permutation(&[1.0], &[1.0, 2.0], 1), None);
    }

    proptest! {
        #[test]
        fn the_bootstrap_holds_the_point_and_stays_among_the_clusters(
            clusters in prop::collection::vec((0_u8..5, 0_u8..4), 2..12), seed: u64
        ) {
            let clusters: Vec<_> =
                clusters.into_iter().map(|(n, more)| [f64::from(n), f64::from(n + more)]).collect();
            let point = share(&sum(clusters.iter()));
            if let Some(interval) = bootstrap(&clusters, seed, share) {
                let point = point.unwrap();
                prop_assert!(0.0 <= interval.low && interval.low <= point);
                prop_assert!(point <= interval.high && interval.high <= 1.0);
            }
        }

        #[test]
        fn the_permutation_test_is_symmetric_and_in_range(
            pairs in prop::collection::vec((0_u8..5, 0_u8..5), 1..24), seed: u64
        ) {
            let (a, b): (Vec<_>, Vec<_>) =
                pairs.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).unzip();
            let p = paired_permutation(&a, &b, seed).unwrap();
            prop_assert!(p > 0.0 && p <= 1.0);
            prop_assert_eq!(Some(p), paired_permutation(&b, &a, seed));
        }
    }
}
