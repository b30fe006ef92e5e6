//! What every image processor makes of an image.

/// How an image was cut into frames: all that a prompt needs to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLayout {
    /// Rows of tiles; 0 if the image was not split.
    pub rows: usize,
    /// Columns of tiles; 0 if the image was not split.
    pub cols: usize,
    /// The tiles, row by row, and the view of the whole image: last for Idefics3, first
    /// for LLaVA-NeXT and Phi-3-vision. One if the image was not split.
    pub frames: usize,
    /// Height of a frame in pixels.
    pub height: usize,
    /// Width of a frame in pixels.
    pub width: usize,
    /// Width and height of the image as it came, in pixels.
    pub source: (usize, usize),
}

/// The frames of one image, ready for the vision tower.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessedImage {
    /// How many frames there are and what they show.
    pub layout: ImageLayout,
    /// Shape `[frames, height, width, 3]`.
    pub pixels: Vec<f32>,
}
