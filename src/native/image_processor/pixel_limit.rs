//! How large an image may be to be decoded.

use std::path::Path;

use super::error::ImageError;

/// Most pixels that are decoded: the number at which Pillow refuses (`2 · MAX_IMAGE_PIXELS`).
pub const PIXEL_LIMIT: u64 = 178_956_970;

/// Refuses sizes beyond [`PIXEL_LIMIT`].
pub(super) fn check_size(width: u64, height: u64, path: &Path) -> Result<(), ImageError> {
    if width.saturating_mul(height) > PIXEL_LIMIT {
        return Err(ImageError::TooLarge {
            path: path.to_owned(),
            width,
            height,
            limit: PIXEL_LIMIT,
        });
    }
    Ok(())
}
