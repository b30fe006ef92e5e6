//! Descriptions that different images share.

use std::{collections::HashMap, hash::Hash};

use super::words;

/// Groups of places in `replies` (what tells the images apart, and what was said) with the same
/// words for at least two different images, each in order; the groups by their first place.
/// Replies without a word are left out: they are empty, which is a finding of its own.
///
/// ```
/// use vlm_test::scoring::description::identical;
/// let replies = [(1, "A cat."), (2, "A dog."), (3, "a cat"), (2, "A dog."), (4, "")];
/// assert_eq!(identical(replies), [[0, 2]]);
/// ```
pub fn identical<I: Eq + Hash>(
    replies: impl IntoIterator<Item = (I, impl AsRef<str>)>,
) -> Vec<Vec<usize>> {
    let mut alike: HashMap<Vec<String>, (Vec<usize>, Vec<I>)> = HashMap::new();
    for (place, (image, reply)) in replies.into_iter().enumerate() {
        let words = words(reply.as_ref());
        if words.is_empty() {
            continue;
        }
        let (places, images) = alike.entry(words).or_default();
        places.push(place);
        // Two images are enough to know.
        if images.len() < 2 && !images.contains(&image) {
            images.push(image);
        }
    }
    let shared = alike.into_values().filter(|(_, images)| images.len() > 1);
    let mut groups: Vec<_> = shared.map(|(places, _)| places).collect();
    groups.sort_unstable();
    groups
}
