//! The image processor of LLaVA-NeXT ("anyres"): fit into the best of several sizes, pad with black, cut into tiles.
//!
//! Pinned reference: `LlavaNextImageProcessorPil` of transformers 5.23.

use serde_json::Value;

use super::{
    canvas::{Canvas, blank_frames, resized},
    error::ImageError,
    fields::Fields,
    filter::Filter,
    normalize::Normalization,
    processed::{ImageLayout, ProcessedImage},
    rgb::RgbView,
    size::{ResizeTarget, crop_size},
};

/// The class attribute of the reference, as (height, width).
const PINPOINTS: [(usize, usize); 5] =
    [(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)];

/// The fields of `preprocessor_config.json` that decide what an image becomes.
///
/// `do_resize` and `do_center_crop` have no field: tiles have the size that they would be brought to. `do_pad` neither:
/// it adds empty frames to a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct LlavaNextImageConfig {
    side: usize,
    pinpoints: Vec<(usize, usize)>,
    resample: Filter,
    normalization: Normalization,
}

impl LlavaNextImageConfig {
    /// The published settings for a tower that reads `side` × `side` pixels and for `pinpoints` (height, width), each
    /// of whole tiles.
    pub fn for_side(side: usize, pinpoints: Vec<(usize, usize)>) -> Self {
        Self { side, pinpoints, resample: Filter::Bicubic, normalization: Normalization::clip() }
    }

    /// Reads the object of `preprocessor_config.json`, or of `processor_config.json` under `image_processor`.
    ///
    /// Absent and null fields take the class default; unknown fields are ignored.
    ///
    /// # Errors
    /// [`ImageError::Config`] if a field has the wrong type or a value that cannot work, if `size` and `crop_size` are
    /// not the same square, or if a pinpoint is not of whole tiles: with such files the reference makes frames that
    /// no model of this family can put together again.
    pub fn from_json(json: &Value) -> Result<Self, ImageError> {
        let fields = Fields::new(json)?;
        let (height, width) = crop_size(&fields, (224, 224))?;
        let size = ResizeTarget::from_fields(&fields, ResizeTarget::ShortestEdge(224))?;
        if height != width || size.apply((1, 1)) != (width, height) {
            let problem = format!(
                "expected the same square as `size`, found {height}×{width} (height×width); tiles of other sizes are \
                 not supported"
            );
            return Err(fields.problem("crop_size", problem));
        }
        let config = Self {
            side: height,
            pinpoints: fields.pairs("image_grid_pinpoints", &PINPOINTS)?,
            resample: fields.filter("resample", Filter::Bicubic)?,
            normalization: Normalization::from_fields(&fields, &Normalization::clip())?,
        };
        config.check()?;
        Ok(config)
    }

    /// The sizes that images are fitted into, as (height, width) in pixels.
    pub fn pinpoints(&self) -> &[(usize, usize)] {
        &self.pinpoints
    }

    /// Width and height of a frame in pixels.
    pub fn frame(&self) -> (usize, usize) {
        (self.side, self.side)
    }

    /// The pinpoint (height, width) for an image of `width` × `height` pixels: the one in which most of its pixels
    /// survive, of several the one with the least empty area, of several the first; one tile if there are none.
    pub fn best_resolution(&self, width: usize, height: usize) -> (usize, usize) {
        let (mut best, mut most, mut least) = ((self.side, self.side), 0, usize::MAX);
        for &(target_height, target_width) in &self.pinpoints {
            let across = target_width as f64 / width as f64;
            let down = target_height as f64 / height as f64;
            let scale = across.min(down);
            let fitted = |side: usize| (side as f64 * scale) as usize;
            let survive = fitted(width).saturating_mul(fitted(height)).min(width * height);
            let empty = target_width.saturating_mul(target_height).saturating_sub(survive);
            if survive > most || (survive == most && empty < least) {
                (best, most, least) = ((target_height, target_width), survive, empty);
            }
        }
        best
    }

    /// The sizes an image of `width` × `height` pixels goes through and the tiles it is cut into.
    ///
    /// # Errors
    /// [`ImageError::Config`] if a pinpoint is not of whole tiles.
    pub fn plan(&self, width: usize, height: usize) -> Result<AnyresPlan, ImageError> {
        self.check()?;
        let best = self.best_resolution(width, height);
        let across = best.1 as f64 / width as f64;
        let down = best.0 as f64 / height as f64;
        let fitted = |side: usize, scale: f64, limit: usize| {
            ((side as f64 * scale).ceil() as usize).min(limit)
        };
        let resized = if across < down {
            (best.1, fitted(height, across, best.0))
        } else {
            (fitted(width, down, best.1), best.0)
        };
        Ok(AnyresPlan {
            resized,
            left: (best.1 - resized.0) / 2,
            top: (best.0 - resized.1) / 2,
            rows: best.0 / self.side,
            cols: best.1 / self.side,
        })
    }

    /// Makes the frames of one image: the whole, squashed into one frame, and the tiles.
    ///
    /// The floats are bit-equal to those of the reference.
    ///
    /// # Errors
    /// [`ImageError::Config`] if a pinpoint is not of whole tiles, [`ImageError::FrameSize`] if one is too large.
    pub fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        let plan = self.plan(image.width(), image.height())?;
        let layout = self.laid_out(&plan, (image.width(), image.height()));
        let ImageLayout { cols, height: side, .. } = layout;
        let mut pixels = blank_frames(layout.frames, (side, side))?;
        let table = self.normalization.table();
        let (base, tiles) = pixels.split_at_mut(3 * side * side);
        table.map(resized(image, (side, side), self.resample)?.pixels(), base);
        let image = resized(image, plan.resized, self.resample)?;
        let canvas = Canvas {
            image: image.view(),
            left: plan.left,
            top: plan.top,
            width: cols * side,
            background: 0,
        };
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

    fn laid_out(&self, plan: &AnyresPlan, source: (usize, usize)) -> ImageLayout {
        let (AnyresPlan { rows, cols, .. }, side) = (*plan, self.side);
        let frames = rows.saturating_mul(cols).saturating_add(1);
        ImageLayout { rows, cols, frames, height: side, width: side, source }
    }

    /// Whether all pinpoints are of whole tiles, and there is one.
    fn check(&self) -> Result<(), ImageError> {
        let side = self.side;
        let whole = |length: usize| length > 0 && length.checked_rem(side) == Some(0);
        let problem = match self
            .pinpoints
            .iter()
            .find(|(height, width)| !whole(*height) || !whole(*width))
        {
            None if !self.pinpoints.is_empty() => return Ok(()),
            None => "expected at least one pair of height and width".to_owned(),
            Some((height, width)) => format!(
                "{height}×{width} (height×width) is not of whole tiles of {side}×{side}; check the pinpoints and \
                 `crop_size`"
            ),
        };
        Err(ImageError::Config { field: "image_grid_pinpoints".to_owned(), problem })
    }
}

/// What [`LlavaNextImageConfig::plan`] finds out; sizes are (width, height) in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnyresPlan {
    /// Size after the resize.
    pub resized: (usize, usize),
    /// Columns of black before the image.
    pub left: usize,
    /// Rows of black above the image.
    pub top: usize,
    /// Rows of tiles.
    pub rows: usize,
    /// Columns of tiles.
    pub cols: usize,
}

#[cfg(test)]
mod tests;
