//! The image processor of Phi-3-vision (`hd_transform`): enlarge to a grid of tiles, pad with white, add a global view.
//!
//! Pinned reference: `image_processing_phi3_v.py` of microsoft/Phi-3.5-vision-instruct with torchvision on Pillow images.

use serde_json::Value;

use super::{
    canvas::{Canvas, blank_frames, resized, usable_pixels},
    error::ImageError,
    fields::Fields,
    filter::Filter,
    global_view::shrink,
    normalize::Normalization,
    processed::{ImageLayout, ProcessedImage},
    rgb::RgbView,
};

/// Tiles an image becomes at most where the file does not say.
const NUM_CROPS: usize = 4;
/// Highest `num_crops`; the published models are used with 4 and 16.
const MAX_CROPS: usize = 1024;

/// The fields of `preprocessor_config.json` that decide what an image becomes, and the side of the tower's input.
#[derive(Clone, Debug, PartialEq)]
pub struct Phi3vImageConfig {
    /// Most tiles an image is cut into, from 1 to 1024.
    pub num_crops: usize,
    /// Side of a tile in pixels; 336 in the published models.
    pub side: usize,
    /// Mean per channel, in units of 1.
    pub image_mean: [f64; 3],
    /// Standard deviation per channel, in units of 1.
    pub image_std: [f64; 3],
}

impl Phi3vImageConfig {
    /// The published settings for a tower that reads `side` × `side` pixels.
    pub fn for_side(side: usize) -> Self {
        let Normalization { image_mean, image_std, .. } = Normalization::clip();
        Self { num_crops: NUM_CROPS, side, image_mean, image_std }
    }

    /// Reads the object of `preprocessor_config.json` for a tower that reads `side` × `side` pixels.
    ///
    /// Absent and null fields take the published value; unknown fields are ignored.
    ///
    /// # Errors
    /// [`ImageError::Config`] if a field has the wrong type or a value that cannot work.
    pub fn from_json(json: &Value, side: usize) -> Result<Self, ImageError> {
        let fields = Fields::new(json)?;
        let class = Self::for_side(side);
        let config = Self {
            num_crops: fields.count("num_crops", class.num_crops)?,
            side,
            image_mean: fields.channels("image_mean", class.image_mean)?,
            image_std: fields.deviations("image_std", class.image_std)?,
        };
        config.check()?;
        Ok(config)
    }

    /// The same with at most `num_crops` tiles.
    #[must_use]
    pub fn with_num_crops(self, num_crops: usize) -> Self {
        Self { num_crops, ..self }
    }

    /// The sizes an image of `width` × `height` pixels goes through and the tiles it is cut into.
    ///
    /// # Errors
    /// [`ImageError::TooNarrow`] if the shorter side would vanish, [`ImageError::Config`] and [`ImageError::FrameSize`]
    /// if `num_crops` or `side` cannot be used.
    pub fn plan(&self, width: usize, height: usize) -> Result<HdPlan, ImageError> {
        self.check()?;
        let side = self.side;
        let transposed = width < height;
        let (long, short) = if transposed { (height, width) } else { (width, height) };
        let aspect = long as f64 / short as f64;
        let tiles = |across: usize| across * (across as f64 / aspect).ceil() as usize;
        let across = (1..=self.num_crops)
            .take_while(|across| tiles(*across) <= self.num_crops)
            .last()
            .unwrap_or(1);
        let new_long = across * side;
        let new_short = (new_long as f64 / aspect) as usize;
        if new_short == 0 {
            return Err(ImageError::TooNarrow { width, height });
        }
        let down = new_short.div_ceil(side);
        let before = (down * side - new_short) / 2;
        let plan = HdPlan {
            resized: (new_long, new_short),
            left: 0,
            top: before,
            rows: down,
            cols: across,
        };
        Ok(if transposed { plan.transposed() } else { plan })
    }

    /// Makes the frames of one image: the global view and the tiles.
    ///
    /// The tiles are bit-equal to those of the reference; the global view is within 1e-6 of it, for the rounding of
    /// torch's sums depends on the machine.
    ///
    /// # Errors
    /// As [`Self::plan`]; [`ImageError::FrameSize`] also if there are too many pixels in all.
    pub fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        let (side, source) = (self.side, (image.width(), image.height()));
        let plan = self.plan(source.0, source.1)?;
        let layout = self.laid_out(&plan, source);
        let mut pixels = blank_frames(layout.frames, (side, side))?;
        // A tall image is resized lying down: the pass along its columns comes first and is rounded first.
        let image = if source.0 < source.1 {
            let lying = (plan.resized.1, plan.resized.0);
            resized(image.transposed().view(), lying, Filter::Bilinear)?.view().transposed()
        } else {
            resized(image, plan.resized, Filter::Bilinear)?
        };
        let canvas = Canvas {
            image: image.view(),
            left: plan.left,
            top: plan.top,
            width: plan.cols * side,
            background: 255,
        };
        let table = Normalization::new(self.image_mean, self.image_std).table();
        let (global, tiles) = pixels.split_at_mut(3 * side * side);
        shrink(&canvas, (plan.cols, plan.rows), side, &table, global);
        canvas.cut((side, side), &table, tiles);
        Ok(ProcessedImage { layout, pixels })
    }

    /// The frames of an image of `width` × `height` pixels.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn layout(&self, width: usize, height: usize) -> Result<ImageLayout, ImageError> {
        Ok(self.laid_out(&self.plan(width, height)?, (width, height)))
    }

    fn laid_out(&self, plan: &HdPlan, source: (usize, usize)) -> ImageLayout {
        let (HdPlan { rows, cols, .. }, side) = (*plan, self.side);
        ImageLayout { rows, cols, frames: 1 + rows * cols, height: side, width: side, source }
    }

    fn check(&self) -> Result<(), ImageError> {
        if !(1..=MAX_CROPS).contains(&self.num_crops) {
            return Err(ImageError::Config {
                field: "num_crops".to_owned(),
                problem: format!("expected 1 to {MAX_CROPS}, found {}", self.num_crops),
            });
        }
        usable_pixels(1, (self.side, self.side)).map(|_| ())
    }
}

/// What [`Phi3vImageConfig::plan`] finds out; sizes are (width, height) in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HdPlan {
    /// Size after the resize.
    pub resized: (usize, usize),
    /// Columns of white before the image.
    pub left: usize,
    /// Rows of white above the image.
    pub top: usize,
    /// Rows of tiles.
    pub rows: usize,
    /// Columns of tiles.
    pub cols: usize,
}

impl HdPlan {
    fn transposed(self) -> Self {
        let (width, height) = self.resized;
        Self {
            resized: (height, width),
            left: self.top,
            top: self.left,
            rows: self.cols,
            cols: self.rows,
        }
    }
}

#[cfg(test)]
mod tests;
