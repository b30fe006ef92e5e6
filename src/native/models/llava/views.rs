//! What the tower sees of an image, and where its features stand in the prompt: one square
//! crop (LLaVA 1.5), or the whole image and its tiles (LLaVA-NeXT).

use super::{config::LlavaConfig, unpad::TiledFeatures};
use crate::native::{
    LoadError,
    checkpoint::Checkpoint,
    image_processor::{
        ClipImageConfig, ImageError, ImageLayout, LlavaNextImageConfig, ProcessedImage, RgbView,
    },
    models::outline::ImageSizes,
};

/// How an image becomes frames, and their features positions.
#[derive(Debug)]
pub enum Views {
    /// One square crop.
    Single {
        /// Makes the crop.
        image_config: ClipImageConfig,
        /// Positions of an image.
        positions: usize,
    },
    /// The whole image and its tiles.
    Tiled {
        /// Cuts the tiles.
        image_config: LlavaNextImageConfig,
        /// Patches along the side of a frame.
        side: usize,
    },
}

impl Views {
    /// What a checkpoint of either asks for.
    ///
    /// # Errors
    /// [`LoadError`] when the settings do not fit the tower or config.json.
    pub fn of(checkpoint: &Checkpoint, config: &LlavaConfig) -> Result<Self, LoadError> {
        let tiled = checkpoint.model_type == "llava_next";
        if tiled { Self::tiled(checkpoint, config) } else { Self::single(checkpoint, config) }
    }

    /// The crop that a checkpoint of LLaVA 1.5 asks for.
    ///
    /// # Errors
    /// [`LoadError`] when the settings do not fit the tower.
    fn single(checkpoint: &Checkpoint, config: &LlavaConfig) -> Result<Self, LoadError> {
        let side = config.vision.image_size;
        let image_config = match checkpoint.image_settings() {
            Some(settings) => ClipImageConfig::from_json(settings)?,
            None => ClipImageConfig::for_side(side),
        };
        check_frame(image_config.frame(), side)?;
        Ok(Self::Single { image_config, positions: config.features_per_frame() })
    }

    /// The tiles that a checkpoint of LLaVA-NeXT asks for.
    ///
    /// # Errors
    /// [`LoadError`] when the settings do not fit the tower or config.json.
    fn tiled(checkpoint: &Checkpoint, config: &LlavaConfig) -> Result<Self, LoadError> {
        if config.features.class_token {
            return Err(LoadError::ClassToken);
        }
        let (side, pinpoints) = (config.vision.image_size, &config.image_grid_pinpoints);
        let image_config = match checkpoint.image_settings() {
            Some(settings) => LlavaNextImageConfig::from_json(settings)?,
            None => LlavaNextImageConfig::for_side(side, pinpoints.clone()),
        };
        check_frame(image_config.frame(), side)?;
        // The processor cuts by its own list, the model puts together by config.json's.
        if image_config.pinpoints() != pinpoints.as_slice() {
            return Err(LoadError::Pinpoints);
        }
        Ok(Self::Tiled { image_config, side: config.vision.grid() })
    }

    /// The frames of an image.
    ///
    /// # Errors
    /// When it cannot be brought to the sizes the model needs.
    pub fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        match self {
            Self::Single { image_config, .. } => image_config.process(image),
            Self::Tiled { image_config, .. } => image_config.process(image),
        }
    }

    /// The order of the positions as rows of a table of all features and, behind them, the
    /// newline; `None` where the features stand as they are.
    pub fn rows(&self, image: &ImageLayout) -> Option<Vec<i32>> {
        match self {
            Self::Single { .. } => None,
            Self::Tiled { side, .. } => Some(tiled(image, *side).rows()),
        }
    }
}

impl ImageSizes for Views {
    fn layout(&self, width: usize, height: usize) -> Result<ImageLayout, ImageError> {
        match self {
            Self::Single { image_config, .. } => Ok(image_config.layout(width, height)),
            Self::Tiled { image_config, .. } => image_config.layout(width, height),
        }
    }

    fn positions(&self, image: &ImageLayout) -> usize {
        match self {
            Self::Single { positions, .. } => *positions,
            Self::Tiled { side, .. } => tiled(image, *side).positions(),
        }
    }
}

fn check_frame(frame: (usize, usize), image_size: usize) -> Result<(), LoadError> {
    if frame == (image_size, image_size) {
        return Ok(());
    }
    Err(LoadError::FrameSize { frame, image_size })
}

fn tiled(image: &ImageLayout, side: usize) -> TiledFeatures {
    let ImageLayout { rows, cols, source, .. } = *image;
    TiledFeatures { rows, cols, side, source }
}
