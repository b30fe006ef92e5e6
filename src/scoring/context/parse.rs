//! From a reply to the one option it names, or to the reason why there is none.

use serde::{Deserialize, Serialize};

/// What a reply says, read strictly. Whatever is not `Chosen` is not right, and never wrong
/// by guessing what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Parse {
    /// It names exactly one option.
    Chosen {
        /// Which one, from 0.
        option: usize,
    },
    /// It has no words.
    Empty,
    /// It repeats the question, or a piece of it, and says no more.
    Echo,
    /// It declines to answer, or says that there is no image.
    Refused,
    /// It was cut off before a sentence or line that names an option was complete.
    Truncated,
    /// It names several options.
    Ambiguous,
    /// It names no option.
    Unparsed,
}
