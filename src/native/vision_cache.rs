//! Vision features of the images seen last, limited in bytes.

use std::collections::{BTreeMap, HashMap};

use mlx_rs::Array;

use super::{content_hash::ContentHash, image_processor::ImageLayout};

/// What is kept of an image.
#[derive(Debug, Clone)]
pub struct SeenImage {
    /// How it was cut into frames.
    pub layout: ImageLayout,
    /// Its features, evaluated, `[positions, hidden]`.
    pub features: Array,
}

#[derive(Debug)]
struct Entry {
    image: SeenImage,
    /// When it was last used.
    used: u64,
}

/// Images by the content of their files; the one not used for the longest time goes first.
#[derive(Debug)]
pub struct VisionCache {
    limit: u64,
    bytes: u64,
    entries: HashMap<ContentHash, Entry>,
    by_use: BTreeMap<u64, ContentHash>,
    clock: u64,
}

impl VisionCache {
    /// A cache whose features take at most `limit` bytes; 0 keeps nothing.
    pub fn new(limit: u64) -> Self {
        let (entries, by_use) = (HashMap::new(), BTreeMap::new());
        Self { limit, bytes: 0, entries, by_use, clock: 0 }
    }

    /// Bytes of all features. MLX's allocator may have put each of them into a buffer that
    /// is up to two pages larger.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The image of this content, which counts as used now.
    pub fn get(&mut self, content: ContentHash) -> Option<SeenImage> {
        let Self { entries, by_use, clock, .. } = self;
        let entry = entries.get_mut(&content)?;
        by_use.remove(&entry.used);
        *clock += 1;
        entry.used = *clock;
        by_use.insert(entry.used, content);
        Some(entry.image.clone())
    }

    /// Keeps an image, unless it alone exceeds the limit, and gives up others for it.
    pub fn insert(&mut self, content: ContentHash, image: SeenImage) {
        let bytes = image.features.nbytes() as u64;
        if bytes > self.limit {
            return;
        }
        self.remove(content);
        self.shrink_to(self.limit - bytes);
        self.clock += 1;
        self.bytes += bytes;
        self.by_use.insert(self.clock, content);
        self.entries.insert(content, Entry { image, used: self.clock });
    }

    /// Gives up images until their features take at most `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        while self.bytes > bytes {
            let Some(oldest) = self.by_use.first_key_value().map(|(_, content)| *content) else {
                return;
            };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, content: ContentHash) {
        if let Some(entry) = self.entries.remove(&content) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.image.features.nbytes() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYOUT: ImageLayout =
        ImageLayout { rows: 0, cols: 0, frames: 1, height: 2, width: 2, source: (2, 2) };

    fn content(name: usize) -> ContentHash {
        ContentHash::of(&name.to_le_bytes())
    }

    /// An image whose features are `size` bytes and say its name.
    fn image(name: usize, size: usize) -> SeenImage {
        let features = Array::from_slice(&vec![name as u8; size], &[size as i32]);
        SeenImage { layout: LAYOUT, features }
    }

    #[test]
    fn the_image_not_used_for_longest_goes_first() {
        let mut cache = VisionCache::new(30);
        (0..3).for_each(|name| cache.insert(content(name), image(name, 10)));
        assert!(cache.get(content(0)).is_some());
        cache.insert(content(3), image(3, 10));
        let held = |cache: &mut VisionCache| -> Vec<usize> {
            (0..4).filter(|&name| cache.entries.contains_key(&content(name))).collect()
        };
        assert_eq!((held(&mut cache), cache.bytes()), (vec![0, 2, 3], 30));
        // One that never fits drives nothing out.
        cache.insert(content(1), image(1, 31));
        assert_eq!(held(&mut cache), [0, 2, 3]);
        cache.shrink_to(19);
        assert_eq!((held(&mut cache), cache.bytes()), (vec![3], 10));
        cache.shrink_to(0);
        assert_eq!((held(&mut cache), cache.bytes()), (vec![], 0));
    }

    proptest! {
        #[test]
        fn it_is_a_list_in_order_of_use(
            steps in prop::collection::vec((0..8usize, 0..60usize, any::<bool>()), 0..60),
            limit in 0..120u64,
        ) {
            let mut cache = VisionCache::new(limit);
            let mut list: Vec<(usize, usize)> = Vec::new(); // the last used stands last
            for (name, size, insert) in steps {
                let at = list.iter().position(|entry| entry.0 == name);
                if insert {
                    if size as u64 <= limit {
                        at.map(|at| list.remove(at));
                        list.push((name, size));
                        let sum = |list: &[(usize, usize)]| -> usize {
                            list.iter().map(|entry| entry.1).sum()
                        };
                        while sum(&list) as u64 > limit {
                            list.remove(0);
                        }
                    }
                    cache.insert(content(name), image(name, size));
                } else {
                    let found = cache.get(content(name)).map(|image| image.features.nbytes());
                    prop_assert_eq!(found, at.map(|at| list[at].1));
                    if let Some(at) = at {
                        let entry = list.remove(at);
                        list.push(entry);
                    }
                }
                prop_assert_eq!(cache.bytes(), list.iter().map(|entry| entry.1 as u64).sum::<u64>());
                prop_assert_eq!(cache.entries.len(), list.len());
                prop_assert_eq!(cache.by_use.len(), list.len());
                prop_assert!(list.iter().all(|entry| cache.entries.contains_key(&content(entry.0))));
            }
        }
    }
}
