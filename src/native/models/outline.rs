//! What the settings of a checkpoint say of its network before any weight is read.

use super::{text_config::TextConfig, vision_config::VisionConfig};
use crate::native::image_processor::{ImageError, ImageLayout};

/// What becomes of an image, as far as its size decides it.
pub trait ImageSizes {
    /// The frames that an image of `width` × `height` pixels is cut into.
    ///
    /// # Errors
    /// When it cannot be brought to the sizes the model needs.
    fn layout(&self, width: usize, height: usize) -> Result<ImageLayout, ImageError>;

    /// How many positions of the decoder an image fills.
    fn positions(&self, image: &ImageLayout) -> usize;
}

/// Sizes of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkShape {
    /// The vision tower; `num_hidden_layers` are those that are run.
    pub vision: VisionConfig,
    /// Whether a class token goes through the tower.
    pub class_token: bool,
    /// What brings its output into the decoder's width.
    pub connector: ConnectorShape,
    /// The decoder.
    pub text: TextConfig,
}

impl NetworkShape {
    /// Rows of one frame in the tower.
    pub fn rows_per_frame(&self) -> usize {
        self.vision.grid().pow(2) + usize::from(self.class_token)
    }
}

/// Sizes of a connector: one or two linear layers whose outputs are as wide as the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectorShape {
    /// Width of what goes in.
    pub inputs: usize,
    /// Patches that become one row.
    pub patches_per_row: usize,
    /// Linear layers.
    pub layers: usize,
    /// Whether it takes all frames of an image at once.
    pub whole_image: bool,
}

/// Gives a tensor of the files its name in the network, `None` where nothing keeps it.
pub type KeptName = Box<dyn Fn(&str) -> Option<String>>;

/// The settings of a checkpoint.
pub struct Outline {
    /// Sizes of its network.
    pub shape: NetworkShape,
    /// What becomes of images.
    pub images: Box<dyn ImageSizes>,
    /// Which tensors are kept, and under which names.
    pub kept: KeptName,
}
