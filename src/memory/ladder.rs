//! What each level asks for. Pure: who climbs is [`MemoryManager`](super::MemoryManager).

use super::Level;

/// Never let the allocator keep less than this for reuse.
const LEAST_CACHE_LIMIT: u64 = 128 << 20;

/// What a level asks for. Nothing here changes what a model is asked or how exactly it computes;
/// smaller pieces of a prompt may decide a tie between two tokens, and are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measures {
    /// Clear the cache before every question, whatever the schedule says, and let the allocator keep
    /// half as much for reuse.
    pub tight: bool,
    /// What the model may keep for later questions.
    pub keep: Keep,
    /// Most positions of a prompt that are run at once; `None` leaves it to the model.
    pub prefill_chunk: Option<usize>,
    /// Clear the cache between the pieces of a prompt and every so many tokens too, forget
    /// compiled graphs and give back what the C library kept.
    pub lean: bool,
    /// Only a new process helps.
    pub restart: bool,
}

/// What a model may keep for later questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All it likes.
    All,
    /// Half of it, when the level is entered: keys and values go first.
    Half,
    /// Nothing.
    Nothing,
}

impl Measures {
    /// What `level` asks for.
    pub fn at(level: Level) -> Self {
        let normal = Self {
            tight: false,
            keep: Keep::All,
            prefill_chunk: None,
            lean: false,
            restart: false,
        };
        let elevated = Self { tight: true, keep: Keep::Half, ..normal };
        let high = Self { keep: Keep::Nothing, prefill_chunk: Some(256), lean: true, ..elevated };
        match level {
            Level::Normal => normal,
            Level::Elevated => elevated,
            Level::High => high,
            Level::Critical => Self { prefill_chunk: Some(128), restart: true, ..high },
        }
    }

    /// The cache limit in bytes, where `normal` is the usual one.
    pub fn cache_limit(&self, normal: u64) -> u64 {
        if self.tight { (normal / 2).max(LEAST_CACHE_LIMIT.min(normal)) } else { normal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rung_keeps_what_the_one_below_asks_for() {
        for (below, above) in Level::ALL.iter().zip(&Level::ALL[1..]) {
            let (below, above) = (Measures::at(*below), Measures::at(*above));
            assert!(above.tight >= below.tight && above.lean >= below.lean);
            assert!(above.restart >= below.restart);
            let chunk = |it: Measures| it.prefill_chunk.unwrap_or(usize::MAX);
            assert!(chunk(above) <= chunk(below));
        }
    }

    #[test]
    fn the_cache_limit_is_halved_but_not_below_its_floor() {
        let elevated = Measures::at(Level::Elevated);
        assert_eq!(elevated.cache_limit(1 << 30), 1 << 29);
        assert_eq!(elevated.cache_limit(200 << 20), LEAST_CACHE_LIMIT);
        assert_eq!(elevated.cache_limit(64 << 20), 64 << 20);
        assert_eq!(Measures::at(Level::Normal).cache_limit(1 << 30), 1 << 30);
    }
}
