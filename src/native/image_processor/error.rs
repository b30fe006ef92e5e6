//! What can go wrong with an image file or with an image processor's configuration.

use std::{io, path::PathBuf};

/// Why an image could not be loaded or processed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file cannot be read.
    #[error("cannot read image {path}: {source}; check the path and the permissions", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file has no bytes.
    #[error("image {path} is empty (0 bytes); copy or download it again", path = .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The content is no image of a known format.
    #[error("{path} is not an image: its content is none of PNG, JPEG, WebP, GIF, BMP or TIFF (the name does not matter); \
             convert it to one of them", path = .path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// The format is known, this variant of it is not decoded.
    #[error("image {path} is of a kind that is not decoded: {detail}; save it again as PNG or JPEG", path = .path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The variant.
        detail: String,
    },
    /// The file breaks off or contradicts itself.
    #[error("image {path} is damaged or truncated: {detail}; copy or download it again", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        detail: String,
    },
    /// The header announces more pixels than are decoded.
    #[error("image {path} is too large: {width}×{height} pixels, at most {limit} in total are decoded; scale it down first",
            path = .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Width in pixels.
        width: u64,
        /// Height in pixels.
        height: u64,
        /// Highest number of pixels.
        limit: u64,
    },
    /// A field of the image processor's configuration cannot be used.
    #[error("image processor configuration: field `{field}`: {problem}")]
    Config {
        /// The field, with a dot between levels.
        field: String,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// Enlarged to the model's tiles, the shorter side of the image would have no pixel.
    #[error(
        "an image of {width}×{height} pixels is too narrow for this model: scaled to its tiles, the shorter side \
             vanishes; crop or pad the image first"
    )]
    TooNarrow {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// The sizes in the configuration lead to frames of no pixels, or of more than are made of one image.
    #[error(
        "{frames} frame(s) of {width}×{height} pixels cannot be made of one image, only 1 to {limit} pixels in all; \
             check the sizes in the image processor configuration"
    )]
    FrameSize {
        /// Number of frames.
        frames: usize,
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Highest number of pixels.
        limit: usize,
    },
}
