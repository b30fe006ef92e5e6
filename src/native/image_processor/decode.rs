//! stub
use std::path::Path;

use super::{error::ImageError, rgb::Rgb8Image};

/// stub
pub fn load_rgb(path: &Path) -> Result<Rgb8Image, ImageError> {
    Err(ImageError::NotAnImage { path: path.to_owned() })
}
