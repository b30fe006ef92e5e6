//! The frames of an image through a vision tower, a few at a time.

use mlx_rs::{Array, Dtype, error::Exception, ops};

use crate::native::image_processor::{ImageLayout, ProcessedImage};

/// Frames encoded at once: bounds the tower's activations on images of many tiles.
pub const FRAMES_PER_BATCH: usize = 4;

/// Applies `forward` to batches `[frames, height, width, 3]` of `dtype` and joins what it
/// gives along the first axis. Each batch is evaluated before the next one starts.
///
/// # Errors
/// When MLX refuses or fails the computation.
pub fn encode_frames(
    image: &ProcessedImage,
    dtype: Dtype,
    forward: impl Fn(&Array) -> Result<Array, Exception>,
) -> Result<Array, Exception> {
    let ImageLayout { frames, height, width, .. } = image.layout;
    let frame = height * width * 3;
    let mut encoded = Vec::with_capacity(frames.div_ceil(FRAMES_PER_BATCH));
    for pixels in image.pixels.chunks(frame * FRAMES_PER_BATCH) {
        let shape = [pixels.len() / frame, height, width, 3].map(|size| size as i32);
        let batch = forward(&Array::from_slice(pixels, &shape).as_dtype(dtype)?)?;
        batch.eval()?;
        encoded.push(batch);
    }
    match encoded.pop() {
        Some(only) if encoded.is_empty() => Ok(only),
        last => {
            encoded.extend(last);
            ops::concatenate(&encoded, 0)
        }
    }
}
