//! JPEG, decoded to the same bytes as libjpeg-turbo gives Pillow.
//!
//! The decoder behind the `image` crate differs from libjpeg-turbo by up to 9 levels (27 % of the samples with 4:2:0
//! chroma), through another inverse DCT and other chroma upsampling; `libjpeg-turbo-rs` differs nowhere. It is used
//! without its hand-written SIMD, CMYK included (Adobe's inverted convention, as Pillow assumes it).

use std::path::Path;

use image::{DynamicImage, RgbImage, metadata::Orientation};
use libjpeg_turbo_rs::{Decoder, JpegError, PixelFormat};

use super::{
    error::ImageError,
    pixel_limit::{PIXEL_LIMIT, check_size},
};

/// Decodes a whole JPEG file to upright RGB.
pub(super) fn decode(bytes: &[u8], path: &Path) -> Result<DynamicImage, ImageError> {
    let explain = |error| explain(&error, path);
    let mut decoder = Decoder::new(bytes).map_err(explain)?;
    let (width, height) = (decoder.header().width(), decoder.header().height());
    check_size(width as u64, height as u64, path)?;
    decoder.set_max_pixels(PIXEL_LIMIT as usize);
    decoder.set_output_format(PixelFormat::Rgb);
    let upright = orientation(decoder.exif_data());
    let pixels = decoder.decode_image().map_err(explain)?;
    let image = RgbImage::from_raw(pixels.width as u32, pixels.height as u32, pixels.data);
    let mut image = image.map(DynamicImage::ImageRgb8).ok_or_else(|| ImageError::Damaged {
        path: path.to_owned(),
        detail: format!("the pixels do not fill {width}×{height}"),
    })?;
    image.apply_orientation(upright);
    Ok(image)
}

fn explain(error: &JpegError, path: &Path) -> ImageError {
    let (path, detail) = (path.to_owned(), error.to_string());
    match error {
        JpegError::Unsupported(_) => ImageError::Unsupported { path, detail },
        _ => ImageError::Damaged { path, detail },
    }
}

/// The orientation in an EXIF block (TIFF header first); upright if there is none.
fn orientation(exif: Option<&[u8]>) -> Orientation {
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}
