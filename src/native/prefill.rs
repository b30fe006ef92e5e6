//! A prompt through the decoder, segment by segment; see [`segments`].

use mlx_rs::{Array, error::Exception, ops::indexing::TryIndexOp, transforms};

use super::{
    chat_images::Features,
    generate_error::GenerateError,
    models::{Architecture, decoder::DecoderCache},
    segments::{self, PREFILL_CHUNK, Segment},
};
use crate::vlm::{Observer, Phase};

/// What goes into the decoder before anything comes out.
#[derive(Debug)]
pub struct Prompt<'a> {
    /// All of the prompt, at least one segment.
    pub segments: &'a [Segment],
    /// Features of the images in the segments that are run; of all images where the sequence
    /// may outgrow the rotary regime of the prompt.
    pub features: Features,
    /// Keys and values of leading segments, if they are held.
    pub held: Option<DecoderCache>,
}

impl<'a> Prompt<'a> {
    /// A prompt of which nothing has been run yet.
    pub fn new(segments: &'a [Segment], features: Features) -> Self {
        Self { segments, features, held: None }
    }

    /// How many positions it fills.
    pub fn positions(&self) -> usize {
        segments::positions(self.segments)
    }
}

/// A prompt that has been run.
pub struct Prefilled<'a> {
    model: &'a Architecture,
    segments: &'a [Segment],
    features: Features,
    /// Keys and values of the prompt and of what was run after it.
    pub cache: DecoderCache,
    /// Of the prompt's last position, float32 `[vocab]`.
    pub logits: Array,
    /// Positions of the prompt.
    pub length: usize,
}

impl<'a> Prefilled<'a> {
    /// Runs what is not held of `prompt`, in buffers with room for `reserve` more positions.
    ///
    /// # Errors
    /// When MLX refuses or fails the computation, or `observer` stops it.
    pub fn of(
        model: &'a Architecture,
        prompt: Prompt<'a>,
        reserve: usize,
        observer: &mut dyn Observer,
    ) -> Result<Self, GenerateError> {
        let length = prompt.positions();
        let Prompt { segments, features, held } = prompt;
        let mut cache = match held {
            // The buffers that a new cache would come to have.
            Some(held) => held.with_room_for(length + reserve)?,
            None => model.new_cache(length + reserve, length),
        };
        let logits = run(model, segments, &features, &mut cache, observer)?;
        Ok(Self { model, segments, features, cache, logits, length })
    }

    /// Runs all of the prompt again as the beginning of a sequence of `length` positions, in
    /// the rotary regime of that; `reserve` as before.
    ///
    /// # Errors
    /// When MLX refuses or fails the computation, or `observer` stops it.
    pub fn again(
        &self,
        length: usize,
        reserve: usize,
        observer: &mut dyn Observer,
    ) -> Result<(DecoderCache, Array), GenerateError> {
        let mut cache = self.model.new_cache(length + reserve, length);
        let logits = run(self.model, self.segments, &self.features, &mut cache, observer)?;
        Ok((cache, logits))
    }
}

/// Runs the segments that `cache` does not hold yet and returns the logits of the last
/// position. The cache is evaluated after each but the last; the logits of those before it
/// are never computed, since nothing asks for them.
fn run(
    model: &Architecture,
    segments: &[Segment],
    features: &Features,
    cache: &mut DecoderCache,
    observer: &mut dyn Observer,
) -> Result<Array, GenerateError> {
    let (held, mut end) = (cache.positions(), 0);
    let mut logits = None;
    for segment in segments {
        end += segment.ids.len();
        if end <= held {
            continue;
        }
        if logits.take().is_some() {
            transforms::eval(cache.arrays())?;
        }
        observer.reached(Phase::Prefill)?;
        logits = Some(model.logits(embed(model, segment, features)?, cache)?);
    }
    Ok(logits.ok_or_else(|| Exception::custom("a prompt needs a segment that is run"))?)
}

/// `[1, n, hidden]`.
fn embed(model: &Architecture, segment: &Segment, features: &Features) -> Result<Array, Exception> {
    let Some(rows) = &segment.image else { return model.embed_prompt(&segment.ids, None) };
    let Some(features) = features.get(&rows.content) else {
        return Err(Exception::custom("an image that had to be run was not encoded"));
    };
    let shown = features.try_index((rows.start as i32..rows.end as i32, ..))?;
    model.embed_prompt(&segment.ids, Some(&shown))
}

/// Runs `x` `[1, n, hidden]`, tokens that follow the prompt, in chunks and returns the logits
/// of the last one.
///
/// # Errors
/// When MLX refuses or fails the computation.
pub fn run_on(
    model: &Architecture,
    x: Array,
    cache: &mut DecoderCache,
) -> Result<Array, Exception> {
    let (length, chunk) = (x.dim(1), PREFILL_CHUNK as i32);
    let mut start = 0;
    while length - start > chunk {
        drop(model.logits(x.try_index((.., start..start + chunk, ..))?, cache)?);
        transforms::eval(cache.arrays())?;
        start += chunk;
    }
    let last = if start == 0 { x } else { x.try_index((.., start.., ..))? };
    model.logits(last, cache)
}
