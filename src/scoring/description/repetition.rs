//! Whether a text goes round in circles.

use std::collections::HashSet;

/// Words of the runs that are compared: the usual order of seq-rep-n.
const N: usize = 4;
/// Times in a row that a phrase at the end makes a loop.
const ROUNDS: usize = 3;
/// Fewest words of such a loop, so that "very, very, very" alone is none.
const SHORTEST_LOOP: usize = 6;

/// The share of the 4-grams of `words` that occurred before in them, `1 − unique / all`: seq-rep-4
/// of Welleck et al., "Neural Text Generation with Unlikelihood Training" (2020), over words
/// instead of tokens. 0 below five words.
///
/// ```
/// use vlm_test::scoring::description::{repeated_4grams, words};
/// assert_eq!(repeated_4grams(&words("a cat on a mat")), 0.0);
/// assert!(repeated_4grams(&words("a cat on a mat a cat on a mat")) > 0.1);
/// ```
pub fn repeated_4grams(words: &[String]) -> f64 {
    let all = words.windows(N).count();
    let unique: HashSet<_> = words.windows(N).collect();
    if all == 0 { 0.0 } else { (all - unique.len()) as f64 / all as f64 }
}

/// Whether `words` repeat themselves: they end with a phrase said at least three times in a row
/// (the last time perhaps in part, six words or more in all), or at least half of their 4-grams
/// occurred before. Text that people write has a few per cent of these at most.
///
/// ```
/// use vlm_test::scoring::description::{is_repetitive, words};
/// assert!(is_repetitive(&words("A red dog and a cat and a cat and a cat and a")));
/// assert!(!is_repetitive(&words("A very, very, very red dog.")));
/// ```
pub fn is_repetitive(words: &[String]) -> bool {
    repeated_4grams(words) >= 0.5 || ends_in_a_loop(words)
}

fn ends_in_a_loop(words: &[String]) -> bool {
    let ends = longest_common_ends(words);
    // The last k words are periodic in p if the text without its last p words ends as it does.
    let looping = |period: usize| {
        let again = ends.get(period).copied().unwrap_or(0);
        again + period >= (ROUNDS * period).max(SHORTEST_LOOP)
    };
    (1..=words.len() / ROUNDS).any(looping)
}

/// For each number of words left away at the end: how many words the rest and the whole have in
/// common at their ends. The Z algorithm, backwards: linear in the words.
fn longest_common_ends(words: &[String]) -> Vec<usize> {
    let count = words.len();
    let from_end = |at: usize| &words[count - 1 - at];
    let mut common = vec![0; count];
    let (mut left, mut right) = (0, 0);
    for at in 1..count {
        let mut known = if at < right { common[at - left].min(right - at) } else { 0 };
        while at + known < count && from_end(known) == from_end(at + known) {
            known += 1;
        }
        if at + known > right {
            (left, right) = (at, at + known);
        }
        common[at] = known;
    }
    common
}
