//! How much intermediate results take at their largest: an estimate, counted operation by
//! operation from the sizes of the network.

use super::numerics::{Ledger, Numerics};
use crate::native::models::{NetworkShape, frames::FRAMES_PER_BATCH, text_config::TextConfig};

/// What has to be computed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work {
    /// Most frames of one image that the tower encodes.
    pub frames: usize,
    /// Positions of images whose features have to be there.
    pub image_tokens: usize,
    /// The pieces of the prompt that are run, one after the other: how many positions each has,
    /// and how many it attends to.
    pub pieces: Vec<(usize, usize)>,
}

/// Bytes of intermediate results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activations {
    /// While images are encoded.
    pub vision_bytes: u64,
    /// While the prompt is run, features included.
    pub prefill_bytes: u64,
    /// The largest single array of both.
    pub largest_buffer_bytes: u64,
}

impl Activations {
    /// What the intermediate results of this `work` take.
    pub fn of(shape: &NetworkShape, numerics: Numerics, work: &Work) -> Self {
        let features = work.image_tokens.saturating_mul(shape.text.hidden_size) as u64;
        let features = features.saturating_mul(numerics.number_bytes);
        let vision =
            if work.frames == 0 { Ledger::new(numerics) } else { tower(shape, numerics, work) };
        let mut prefill = Ledger::new(numerics);
        let last = work.pieces.len().saturating_sub(1);
        for (number, &(rows, end)) in work.pieces.iter().enumerate() {
            prefill = prefill.or(decoder(&shape.text, numerics, (rows, end), number == last));
        }
        Self {
            vision_bytes: vision.bytes.saturating_add(features),
            prefill_bytes: prefill.bytes.saturating_add(features),
            largest_buffer_bytes: vision.largest.max(prefill.largest).max(features),
        }
    }

    /// The larger of both.
    pub fn bytes(&self) -> u64 {
        self.vision_bytes.max(self.prefill_bytes)
    }
}

/// One batch of frames through tower and connector.
fn tower(shape: &NetworkShape, numerics: Numerics, work: &Work) -> Ledger {
    let (vision, connector) = (&shape.vision, &shape.connector);
    let frames = work.frames.min(FRAMES_PER_BATCH);
    let rows = frames.saturating_mul(shape.rows_per_frame());
    let width = vision.hidden_size;
    let mut ledger = Ledger::new(numerics);
    ledger.pixels(frames.saturating_mul(3 * vision.image_size.saturating_pow(2)));
    ledger.arrays(3, rows.saturating_mul(width));
    let [mut attention, mut mlp] = [Ledger::new(numerics); 2];
    attention.arrays(2, rows.saturating_mul(width));
    (0..4).for_each(|_| attention.linear(rows, width, width));
    let heads = (vision.num_attention_heads, vision.head_dim());
    attention.attention(frames, heads, shape.rows_per_frame(), shape.rows_per_frame());
    mlp.arrays(2, rows.saturating_mul(width));
    mlp.gated(rows, width, vision.intermediate_size, 1);
    ledger.blocks(attention, mlp, vision.num_hidden_layers);
    let joined = if connector.whole_image {
        work.image_tokens
    } else {
        rows.div_ceil(connector.patches_per_row)
    };
    let mut projection = Ledger::new(numerics);
    projection.arrays(1, joined.saturating_mul(connector.inputs));
    projection.linear(joined, connector.inputs, shape.text.hidden_size);
    for _ in 1..connector.layers {
        projection.arrays(2, joined.saturating_mul(shape.text.hidden_size));
        projection.linear(joined, shape.text.hidden_size, shape.text.hidden_size);
    }
    if connector.whole_image { ledger.or(projection) } else { ledger.and(projection) }
}

/// One piece of a prompt through the decoder, with the logits of its last position if it `ends`
/// the prompt.
fn decoder(
    text: &TextConfig,
    numerics: Numerics,
    (rows, end): (usize, usize),
    ends: bool,
) -> Ledger {
    let (width, inner) = (text.hidden_size, text.intermediate_size);
    let [queries, keys] = [text.num_attention_heads, text.num_key_value_heads]
        .map(|heads| heads.saturating_mul(text.head_dim));
    let mut ledger = Ledger::new(numerics);
    ledger.arrays(2, rows.saturating_mul(width));
    let [mut attention, mut mlp] = [Ledger::new(numerics); 2];
    attention.arrays(2, rows.saturating_mul(width));
    attention.linear(rows, width, queries);
    attention.linear(rows, width, keys.saturating_mul(2));
    attention.arrays(1, rows.saturating_mul(queries.saturating_add(keys)));
    attention.attention(1, (text.num_attention_heads, text.head_dim), rows, end);
    attention.linear(rows, queries, width);
    mlp.arrays(2, rows.saturating_mul(width));
    mlp.gated(rows, width, inner, 2);
    // Of a piece that does not end the prompt the last block makes keys and values only.
    ledger.blocks(attention, mlp, text.num_hidden_layers.saturating_sub(usize::from(!ends)));
    if ends {
        ledger.linear(1, width, text.vocab_size);
        ledger.array(text.vocab_size, 4);
    } else {
        ledger.linear(rows, width, keys.saturating_mul(2));
    }
    ledger
}
