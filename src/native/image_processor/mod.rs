//! Images as the reference processors make them: decoding, Pillow-exact resampling, tiling and normalising.
//!
//! Everything here is plain Rust on bytes and floats and knows nothing of MLX. Pinned reference: Pillow 13 and the
//! `*ImageProcessorPil` classes of transformers 5.23.

mod canvas;
mod center_crop;
pub mod clip;
mod coefficients;
pub mod decode;
mod error;
mod fields;
mod filter;
mod global_view;
pub mod idefics3;
mod jpeg;
pub mod llava_next;
mod normalize;
pub mod phi3v;
mod pixel_limit;
mod processed;
pub mod resample;
mod rgb;
mod size;

pub use clip::ClipImageConfig;
pub use decode::{decode_rgb, load_rgb, read_image};
pub use error::ImageError;
pub use filter::Filter;
pub use idefics3::Idefics3ImageConfig;
pub use llava_next::LlavaNextImageConfig;
pub use normalize::Normalization;
pub use phi3v::Phi3vImageConfig;
pub use pixel_limit::PIXEL_LIMIT;
pub use processed::{ImageLayout, ProcessedImage};
pub use resample::resize;
pub use rgb::{Rgb8Image, RgbView};
pub use size::ResizeTarget;
