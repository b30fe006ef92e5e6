//! The image processor of Idefics3 and `SmolVLM`: resize to a longest edge, cut into square tiles, add a global view.
//!
//! Pinned reference: `Idefics3ImageProcessorPil` and the identical `SmolVLMImageProcessorPil` of transformers 5.23.

use serde_json::Value;

use super::{
    canvas::{Canvas, blank_frames, resized},
    error::ImageError,
    fields::Fields,
    filter::Filter,
    normalize::Normalization,
    processed::{ImageLayout, ProcessedImage},
    rgb::RgbView,
};

/// The reference never resizes to more than this, whatever the configuration says.
const MAX_IMAGE_SIZE: usize = 4096;

/// What the first resize aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSize {
    /// The longer side in pixels; the aspect ratio stays.
    LongestEdge(usize),
    /// Both sides in pixels; the image is squashed.
    Exact {
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
}

/// The fields of `preprocessor_config.json` that decide what an image becomes.
///
/// `do_convert_rgb` has no field: images are RGB from the start. `do_pad` neither: the frames of one image have one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Idefics3ImageConfig {
    /// Whether to resize to `size` first.
    pub do_resize: bool,
    /// Whether to cut into tiles; otherwise the image is squashed into one tile.
    pub do_image_splitting: bool,
    /// Where the first resize leads.
    pub size: TargetSize,
    /// Side of a tile in pixels (`max_image_size.longest_edge`).
    pub tile: usize,
    /// Filter of every resize.
    pub resample: Filter,
    /// From bytes to floats.
    pub normalization: Normalization,
}

impl Default for Idefics3ImageConfig {
    /// The class attributes of the reference.
    fn default() -> Self {
        Self {
            do_resize: true,
            do_image_splitting: true,
            size: TargetSize::LongestEdge(4 * 364),
            tile: 364,
            resample: Filter::Lanczos,
            normalization: Normalization::new([0.5; 3], [0.5; 3]),
        }
    }
}

impl Idefics3ImageConfig {
    /// Reads the object of `preprocessor_config.json`, or of `processor_config.json` under `image_processor`.
    ///
    /// Absent and null fields take the class default; unknown fields are ignored.
    ///
    /// # Errors
    /// [`ImageError::Config`] if a field has the wrong type or a value that cannot work.
    pub fn from_json(json: &Value) -> Result<Self, ImageError> {
        let fields = Fields::new(json)?;
        let class = Self::default();
        Ok(Self {
            do_resize: fields.bool("do_resize", class.do_resize)?,
            do_image_splitting: fields.bool("do_image_splitting", class.do_image_splitting)?,
            size: target_size(&fields, class.size)?,
            tile: tile(&fields, class.tile)?,
            resample: fields.filter("resample", class.resample)?,
            normalization: Normalization::from_fields(&fields, &class.normalization)?,
        })
    }

    /// The settings of the published models for a tower of `tile` pixels: images are
    /// brought to four tiles along their longer side.
    pub fn for_tile(tile: usize) -> Self {
        Self { tile, size: TargetSize::LongestEdge(4 * tile), ..Self::default() }
    }

    /// The sizes an image of `width` × `height` pixels goes through and the tiles it is cut into.
    pub fn plan(&self, width: usize, height: usize) -> TilePlan {
        let resized = match self.size {
            _ if !self.do_resize => (width, height),
            TargetSize::LongestEdge(edge) => within_bound(scaled_to_edge((width, height), edge)),
            TargetSize::Exact { height, width } => (width, height),
        };
        let canvas = if self.do_image_splitting {
            whole_tiles(resized, self.tile)
        } else {
            (self.tile, self.tile)
        };
        let split = canvas.0 > self.tile || canvas.1 > self.tile;
        let (rows, cols) =
            if split { (canvas.1 / self.tile, canvas.0 / self.tile) } else { (0, 0) };
        TilePlan { resized, canvas, rows, cols }
    }

    /// Makes the frames of one image.
    ///
    /// The floats are bit-equal to those of the reference.
    ///
    /// # Errors
    /// [`ImageError::FrameSize`] if the configured sizes are zero or too large.
    pub fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        let plan = self.plan(image.width(), image.height());
        let (frames, tile) = (plan.frames(), self.tile);
        let mut pixels = blank_frames(frames, (tile, tile))?;
        let (first, canvas, global);
        let mut view = image;
        if plan.resized != (view.width(), view.height()) {
            first = resized(view, plan.resized, self.resample)?;
            view = first.view();
        }
        if plan.canvas != (view.width(), view.height()) {
            canvas = resized(view, plan.canvas, self.resample)?;
            view = canvas.view();
        }
        let table = self.normalization.table();
        let (tiles, last) = pixels.split_at_mut((frames - 1) * 3 * tile * tile);
        Canvas::filled_by(view).cut((tile, tile), &table, tiles);
        if plan.rows > 0 {
            global = resized(view, (tile, tile), self.resample)?;
            view = global.view();
        }
        table.map(view.pixels(), last);
        Ok(ProcessedImage { layout: self.layout(image.width(), image.height()), pixels })
    }

    /// The frames of an image of `width` × `height` pixels.
    pub fn layout(&self, width: usize, height: usize) -> ImageLayout {
        let (plan, tile) = (self.plan(width, height), self.tile);
        let (rows, cols, source) = (plan.rows, plan.cols, (width, height));
        ImageLayout { rows, cols, frames: plan.frames(), height: tile, width: tile, source }
    }
}

/// What [`Idefics3ImageConfig::plan`] finds out; sizes are (width, height) in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePlan {
    /// Size after the first resize.
    pub resized: (usize, usize),
    /// Size after the second resize: whole tiles.
    pub canvas: (usize, usize),
    /// Rows of tiles; 0 if the image is not split.
    pub rows: usize,
    /// Columns of tiles; 0 if the image is not split.
    pub cols: usize,
}

impl TilePlan {
    /// Tiles and the global view.
    pub fn frames(&self) -> usize {
        self.rows * self.cols + 1
    }
}

fn target_size(fields: &Fields<'_>, default: TargetSize) -> Result<TargetSize, ImageError> {
    let Some(size) = fields.object("size")? else { return Ok(default) };
    match (size.side("longest_edge")?, size.side("height")?, size.side("width")?) {
        (Some(edge), _, _) => Ok(TargetSize::LongestEdge(edge)),
        (None, Some(height), Some(width)) => Ok(TargetSize::Exact { height, width }),
        _ => Err(fields.problem("size", "expected `longest_edge`, or `height` and `width`")),
    }
}

fn tile(fields: &Fields<'_>, default: usize) -> Result<usize, ImageError> {
    let Some(size) = fields.object("max_image_size")? else { return Ok(default) };
    size.side("longest_edge")?
        .ok_or_else(|| size.problem("longest_edge", "expected the side of a tile in pixels"))
}

/// The longer side becomes `edge`; the other follows, truncated, then made even.
fn scaled_to_edge((width, height): (usize, usize), edge: usize) -> (usize, usize) {
    let aspect = width as f64 / height as f64;
    if width >= height {
        (edge, even((edge as f64 / aspect) as usize))
    } else {
        (even((edge as f64 * aspect) as usize), edge)
    }
}

/// The next even number, at least 1: a side that vanishes becomes one pixel.
fn even(side: usize) -> usize {
    (side + side % 2).max(1)
}

/// Scales down to [`MAX_IMAGE_SIZE`] where the longer side exceeds it.
fn within_bound((width, height): (usize, usize)) -> (usize, usize) {
    let aspect = width as f64 / height as f64;
    if width.max(height) <= MAX_IMAGE_SIZE {
        (width, height)
    } else if width >= height {
        (MAX_IMAGE_SIZE, ((MAX_IMAGE_SIZE as f64 / aspect) as usize).max(1))
    } else {
        (((MAX_IMAGE_SIZE as f64 * aspect) as usize).max(1), MAX_IMAGE_SIZE)
    }
}

/// Rounds up to whole tiles, the longer side first.
///
/// Where rounding leaves nothing of a one-pixel side the reference fails; here one tile remains.
fn whole_tiles((width, height): (usize, usize), tile: usize) -> (usize, usize) {
    let aspect = width as f64 / height as f64;
    let ceil = |side: usize| side.div_ceil(tile).max(1) * tile;
    if width >= height {
        let width = ceil(width);
        (width, ceil((width as f64 / aspect) as usize))
    } else {
        let height = ceil(height);
        (ceil((height as f64 * aspect) as usize), height)
    }
}

#[cfg(test)]
mod tests;
