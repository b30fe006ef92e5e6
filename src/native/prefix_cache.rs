//! Keys and values of the last prompt, for one that begins alike. Why reusing them changes
//! no bit of an answer is said in [`segments`].

use super::{
    models::decoder::DecoderCache,
    nn::rope::Regime,
    segments::{self, Segment},
};

/// One sequence: the segments of a prompt and their keys and values.
#[derive(Debug, Default)]
pub struct PrefixCache {
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    segments: Vec<Segment>,
    keys_values: DecoderCache,
}

impl PrefixCache {
    /// How many leading segments of a prompt in `regime` are held: never all of them, since
    /// the last one has to be run for its logits.
    pub fn shared(&self, prompt: &[Segment], regime: Regime) -> usize {
        let Some(held) = self.held.as_ref().filter(|held| held.keys_values.regime() == regime)
        else {
            return 0;
        };
        let equal = held.segments.iter().zip(prompt).take_while(|(held, new)| held == new).count();
        equal.min(prompt.len().saturating_sub(1))
    }

    /// Whether the keys and values that are held stand in buffers of just this many positions.
    pub fn fits(&self, capacity: usize) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|held| held.keys_values.capacity() == Some(capacity))
    }

    /// Hands over the keys and values of the first `count` segments that are held, `None` for
    /// 0. Nothing is held afterwards, whatever becomes of the question.
    pub fn take(&mut self, count: usize) -> Option<DecoderCache> {
        let Held { segments, mut keys_values } = self.held.take()?;
        let kept = segments.get(..count).filter(|kept| !kept.is_empty())?;
        keys_values.truncate(segments::positions(kept));
        Some(keys_values)
    }

    /// Holds the keys and values of a prompt, evaluated, in place of those before.
    pub fn keep(&mut self, segments: Vec<Segment>, keys_values: DecoderCache) {
        self.held = Some(Held { segments, keys_values });
    }

    /// Bytes of the buffers.
    pub fn bytes(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.keys_values.bytes())
    }

    /// Gives up what is held.
    pub fn clear(&mut self) {
        self.held = None;
    }
}
