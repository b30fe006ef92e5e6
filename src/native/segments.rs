//! The pieces in which a prompt is run, so that a cached one gives the same bits.
//!
//! Kernels round differently for different shapes, so keys and values made by one pass over
//! a prompt are not bit for bit those of two passes. That is why a prompt is *always* run
//! segment by segment, whether or not anything is kept. Where a segment ends depends on the
//! tokens up to there and on the next one alone: before the first and after the last position
//! of each image, after a token that ends a turn (or after those that open an answer, where a
//! template ends turns with no token), and after a number of tokens, [`PREFILL_CHUNK`] unless
//! memory is short.
//!
//! What a pass over a segment computes is then a function of
//! 1. its token ids, the content of its image and which rows of the image's features it
//!    shows: the fields of [`Segment`], compared before anything is reused. Features are a
//!    function of the file's content, since an image is always encoded alone and in the same
//!    batches, and rows are copied from them, never computed;
//! 2. the keys and values before it, the segments before it being equal by the same argument,
//!    and how they lie in memory: one contiguous buffer a layer, whose capacity is that of an
//!    uncached run (a cache of another capacity is copied first, which changes no value);
//! 3. the rotary regime, which has to be that of the new prompt.
//!
//! So a reused segment holds what running it again would give, and the segments after it are
//! run by the same operations on the same shapes and strides. Positions behind those in use
//! may hold other values than in an uncached run, but no operation is handed them.
//! The last segment is always run, for its logits are needed. Answers are not reused: their
//! tokens were computed one by one, a later prompt runs them as part of its segments.

use super::content_hash::ContentHash;

/// Positions run through the decoder at once: bounds the attention scores to
/// heads × chunk × prompt, and the work of one GPU submission.
pub const PREFILL_CHUNK: usize = 512;

/// A piece of a prompt, with everything but its past that its keys and values depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its tokens; image positions carry the id that the family gives them.
    pub ids: Vec<i32>,
    /// The features that stand in its image positions.
    pub image: Option<ImageRows>,
}

impl Segment {
    /// How many of its tokens are image positions.
    pub fn image_positions(&self) -> usize {
        self.image.map_or(0, |rows| rows.end - rows.start)
    }
}

/// Rows `start..end` of an image's features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageRows {
    /// The image.
    pub content: ContentHash,
    /// The first row.
    pub start: usize,
    /// Behind the last row.
    pub end: usize,
}

/// An image as it stands in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownImage {
    /// Its content.
    pub content: ContentHash,
    /// How many positions it fills.
    pub positions: usize,
}

/// Cuts a prompt's `ids` into segments. Its image positions are those of `images`, in order;
/// `ends_turn` gets all ids up to the one that may end a turn.
pub fn cut(
    ids: &[i32],
    chunk: usize,
    images: &[ShownImage],
    is_image_position: impl Fn(i32) -> bool,
    ends_turn: impl Fn(&[i32]) -> bool,
) -> Vec<Segment> {
    let mut images = images.iter().filter(|image| image.positions > 0);
    let mut cutter = Cutter { chunk: chunk.max(1), ..Cutter::default() };
    // The image being shown and how many of its rows have been.
    let mut shown: Option<(ShownImage, usize)> = None;
    for (place, &id) in ids.iter().enumerate() {
        let mut ends = ends_turn(&ids[..=place]);
        if is_image_position(id) {
            if shown.is_none() {
                cutter.cut();
                shown = images.next().map(|image| (*image, 0));
            }
            if let Some((image, row)) = &mut shown {
                cutter.show(image.content, *row);
                *row += 1;
                if *row == image.positions {
                    ends = true;
                    shown = None;
                }
            }
        }
        cutter.push(id);
        if ends {
            cutter.cut();
        }
    }
    cutter.cut();
    cutter.done
}

/// The segments cut so far and the one that grows.
#[derive(Default)]
struct Cutter {
    chunk: usize,
    done: Vec<Segment>,
    ids: Vec<i32>,
    image: Option<ImageRows>,
}

impl Cutter {
    fn show(&mut self, content: ContentHash, row: usize) {
        self.image.get_or_insert(ImageRows { content, start: row, end: row }).end = row + 1;
    }

    fn push(&mut self, id: i32) {
        self.ids.push(id);
        if self.ids.len() == self.chunk {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if !self.ids.is_empty() {
            let (ids, image) = (std::mem::take(&mut self.ids), self.image.take());
            self.done.push(Segment { ids, image });
        }
    }
}

/// How many positions each of `segments` has, and how many it attends to.
pub fn pieces(segments: &[Segment]) -> impl Iterator<Item = (usize, usize)> {
    segments.iter().scan(0, |end, segment| {
        *end += segment.ids.len();
        Some((segment.ids.len(), *end))
    })
}

/// How many positions `segments` fill.
pub fn positions(segments: &[Segment]) -> usize {
    segments.iter().map(|segment| segment.ids.len()).sum()
}

#[cfg(test)]
mod tests;
