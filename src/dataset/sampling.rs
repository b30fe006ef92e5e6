//! A reproducible sample in one pass: the `k` items whose hashed ids are
//! smallest. It depends on seed and ids alone, not on the order of the file.

use std::{cmp::Ordering, collections::BinaryHeap};

/// A well-mixed 64-bit hash of `id` under `seed`.
///
/// Two rounds of `SplitMix64` (Steele, Lea and Flood 2014), the seed mixed before
/// the id joins it, so that neighbouring seeds draw unrelated samples. For one
/// seed it is a bijection: different ids never collide.
pub(super) fn hash(seed: u64, id: u64) -> u64 {
    split_mix(split_mix(seed) ^ id)
}

fn split_mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Collects the sample; holds at most `size + 1` items.
pub(super) struct Sample<T> {
    size: usize,
    seed: u64,
    kept: BinaryHeap<Keyed<T>>,
}

impl<T> Sample<T> {
    /// An empty sample that will hold `size` items.
    pub(super) fn new(size: usize, seed: u64) -> Self {
        Self { size, seed, kept: BinaryHeap::new() }
    }

    /// Considers the item with `id`, which is built only if it is kept for now.
    pub(super) fn offer(&mut self, id: u64, item: impl FnOnce() -> T) {
        let key = hash(self.seed, id);
        let full = self.kept.len() >= self.size;
        if full && self.kept.peek().is_none_or(|largest| largest.key <= key) {
            return;
        }
        self.kept.push(Keyed { key, item: item() });
        if full {
            self.kept.pop();
        }
    }

    /// The sampled items, in no particular order.
    pub(super) fn into_items(self) -> impl Iterator<Item = T> {
        self.kept.into_iter().map(|keyed| keyed.item)
    }
}

/// An item ordered by its key alone.
struct Keyed<T> {
    key: u64,
    item: T,
}

impl<T> PartialEq for Keyed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Keyed<T> {}

impl<T> PartialOrd for Keyed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Keyed<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn drawn(ids: impl IntoIterator<Item = u64>, size: usize, seed: u64) -> BTreeSet<u64> {
        let mut sample = Sample::new(size, seed);
        ids.into_iter().for_each(|id| sample.offer(id, || id));
        sample.into_items().collect()
    }

    #[test]
    fn the_sample_of_a_seed_never_changes() {
        // Recorded once: a change would make old runs incomparable.
        assert_eq!(hash(0, 0), split_mix(0xe220_a839_7b1d_cdaf));
        assert_eq!(drawn(0..1000, 5, 42), BTreeSet::from([53, 652, 742, 821, 843]));
    }

    #[test]
    fn neighbouring_seeds_draw_different_questions() {
        let first = drawn(0..10_000, 100, 1);
        let second = drawn(0..10_000, 100, 2);
        assert!(first.intersection(&second).count() < 10);
    }

    #[test]
    fn every_part_of_a_file_is_drawn_from_about_equally() {
        let ids = (0..10_000).map(|n| n * 1000 + n % 7);
        let sample = drawn(ids, 1000, 7);
        for tenth in 0..10_u64 {
            let part = tenth * 1_000_000..(tenth + 1) * 1_000_000;
            let count = sample.range(part).count();
            assert!((60..=140).contains(&count), "tenth {tenth}: {count}");
        }
    }

    proptest! {
        #[test]
        fn the_sample_is_a_subset_of_the_right_size_and_grows_with_it(
            ids in prop::collection::btree_set(any::<u64>(), 0..60), size in 1_usize..40, seed: u64
        ) {
            let sample = drawn(ids.iter().copied(), size, seed);
            prop_assert_eq!(sample.len(), size.min(ids.len()));
            prop_assert!(sample.is_subset(&ids));
            prop_assert!(sample.is_subset(&drawn(ids.iter().copied(), size + 1, seed)));
            prop_assert_eq!(sample, drawn(ids.iter().rev().copied(), size, seed));
        }
    }
}
