//! From an image file to RGB bytes, as Pillow's `open`, `ImageOps.exif_transpose` and `convert("RGB")` give them.
//!
//! The content decides the format, not the name. Alpha is dropped, not blended; a palette's transparency likewise;
//! of an animation the first frame counts. Deliberate limits: an orientation that stands only in XMP metadata is
//! not applied; TIFF with a palette, with grey and alpha, or with samples of more than 16 bits is not decoded.

use std::{fs, io, path::Path};

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits,
    error::{ImageError as Error, LimitErrorKind},
};

use super::{error::ImageError, jpeg, pixel_limit::check_size, rgb::Rgb8Image};

/// Scratch memory a decoder may take beside the image itself, in bytes.
const SCRATCH: u64 = 64 << 20;

/// Loads an image file (PNG, JPEG, WebP, GIF, BMP, TIFF) as upright 8-bit RGB.
///
/// # Errors
/// [`ImageError`] names the file and says whether it is missing, empty, no image, damaged, of an unsupported
/// variant or larger than [`PIXEL_LIMIT`](super::PIXEL_LIMIT); the size is checked before memory for the pixels is taken.
pub fn load_rgb(path: &Path) -> Result<Rgb8Image, ImageError> {
    decode_rgb(&read_image(path)?, path)
}

/// The bytes of an image file.
///
/// # Errors
/// [`ImageError::Read`] naming the file; a folder or a device is no image file either.
pub fn read_image(path: &Path) -> Result<Vec<u8>, ImageError> {
    let read_error = |source| ImageError::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(read_error)?.is_file() {
        return Err(read_error(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    fs::read(path).map_err(read_error)
}

/// [`load_rgb`] for `bytes` that were read from `path`.
///
/// # Errors
/// As [`load_rgb`], except that the file cannot be read.
pub fn decode_rgb(bytes: &[u8], path: &Path) -> Result<Rgb8Image, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty { path: path.to_owned() });
    }
    let image = match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg::decode(bytes, path)?,
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::WebP
            | ImageFormat::Gif
            | ImageFormat::Bmp
            | ImageFormat::Tiff),
        ) => decode(bytes, format, path)?,
        _ => return Err(ImageError::NotAnImage { path: path.to_owned() }),
    };
    finish(image, path)
}

fn decode(bytes: &[u8], format: ImageFormat, path: &Path) -> Result<DynamicImage, ImageError> {
    let explain = |error| explain(error, path);
    let mut decoder =
        ImageReader::with_format(io::Cursor::new(bytes), format).into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height), path)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(u64::from(width) * u64::from(height) * 16 + SCRATCH);
    decoder.set_limits(limits).map_err(explain)?;
    let orientation = decoder.orientation().map_err(explain)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(explain)?;
    image = DynamicImage::ImageRgb8(to_rgb(image).ok_or_else(|| ImageError::Unsupported {
        path: path.to_owned(),
        detail: "a floating-point image".to_owned(),
    })?);
    image.apply_orientation(orientation);
    Ok(image)
}

/// Converts as Pillow does: 16-bit colour keeps its high byte, 16-bit grey without alpha is clipped at 255.
fn to_rgb(image: DynamicImage) -> Option<image::RgbImage> {
    let high = |sample: u16| (sample >> 8) as u8;
    let (width, height) = (image.width(), image.height());
    let pixels: Vec<u8> = match image {
        DynamicImage::ImageRgb8(image) => return Some(image),
        DynamicImage::ImageLuma8(image) => {
            image.as_raw().iter().flat_map(|grey| [*grey; 3]).collect()
        }
        DynamicImage::ImageLumaA8(image) => {
            image.pixels().flat_map(|pixel| [pixel.0[0]; 3]).collect()
        }
        DynamicImage::ImageRgba8(image) => {
            image.pixels().flat_map(|pixel| without_alpha(pixel.0)).collect()
        }
        DynamicImage::ImageLuma16(image) => {
            image.as_raw().iter().flat_map(|grey| [(*grey).min(255) as u8; 3]).collect()
        }
        DynamicImage::ImageLumaA16(image) => {
            image.pixels().flat_map(|pixel| [high(pixel.0[0]); 3]).collect()
        }
        DynamicImage::ImageRgb16(image) => {
            image.as_raw().iter().map(|sample| high(*sample)).collect()
        }
        DynamicImage::ImageRgba16(image) => {
            image.pixels().flat_map(|pixel| without_alpha(pixel.0).map(high)).collect()
        }
        _ => return None,
    };
    image::RgbImage::from_raw(width, height, pixels)
}

fn without_alpha<T>([red, green, blue, _]: [T; 4]) -> [T; 3] {
    [red, green, blue]
}

/// Turns the pixels upright and hands them over.
fn finish(image: DynamicImage, path: &Path) -> Result<Rgb8Image, ImageError> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let pixels = image.into_rgb8().into_raw();
    Rgb8Image::new(width, height, pixels).ok_or_else(|| ImageError::Damaged {
        path: path.to_owned(),
        detail: format!("{width}×{height} pixels"),
    })
}

fn explain(error: Error, path: &Path) -> ImageError {
    let path = path.to_owned();
    match error {
        Error::Unsupported(error) => ImageError::Unsupported { path, detail: error.to_string() },
        Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::Damaged { path, detail: "the file ends too early".to_owned() }
        }
        Error::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => {
            ImageError::Damaged {
                path,
                detail: "decoding it would take far more memory than its size allows".to_owned(),
            }
        }
        error => ImageError::Damaged { path, detail: error.to_string() },
    }
}
