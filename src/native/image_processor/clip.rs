//! The image processor of CLIP, which LLaVA-1.5 uses: resize the shorter side, cut out the centre.
//!
//! Pinned reference: `CLIPImageProcessorPil` of transformers 5.23.

use std::ops::Range;

use serde_json::Value;

use super::{
    canvas::{Canvas, blank_frames, unusable},
    center_crop::centered,
    error::ImageError,
    fields::Fields,
    filter::Filter,
    normalize::Normalization,
    processed::{ImageLayout, ProcessedImage},
    resample::resize_part,
    rgb::RgbView,
    size::{ResizeTarget, crop_size},
};

/// The fields of `preprocessor_config.json` that decide what an image becomes.
///
/// `do_convert_rgb` has no field: images are RGB from the start.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipImageConfig {
    /// Whether to resize to `size` first.
    pub do_resize: bool,
    /// Where the resize leads.
    pub size: ResizeTarget,
    /// Whether to cut out the centre; what the image does not cover becomes black.
    pub do_center_crop: bool,
    /// Height and width of the centre in pixels (`crop_size`).
    pub crop: (usize, usize),
    /// Filter of the resize.
    pub resample: Filter,
    /// From bytes to floats.
    pub normalization: Normalization,
}

impl ClipImageConfig {
    /// The published settings for a tower that reads `side` × `side` pixels: the class attributes of the reference,
    /// where `side` is 224.
    pub fn for_side(side: usize) -> Self {
        Self {
            do_resize: true,
            size: ResizeTarget::ShortestEdge(side),
            do_center_crop: true,
            crop: (side, side),
            resample: Filter::Bicubic,
            normalization: Normalization::clip(),
        }
    }

    /// Reads the object of `preprocessor_config.json`, or of `processor_config.json` under `image_processor`.
    ///
    /// Absent and null fields take the class default; unknown fields are ignored.
    ///
    /// # Errors
    /// [`ImageError::Config`] if a field has the wrong type or a value that cannot work, if images would become frames
    /// of different sizes, or if `do_pad` asks to make them square, which `CLIPImageProcessor` does not do.
    pub fn from_json(json: &Value) -> Result<Self, ImageError> {
        let fields = Fields::new(json)?;
        let class = Self::for_side(224);
        let config = Self {
            do_resize: fields.bool("do_resize", class.do_resize)?,
            size: ResizeTarget::from_fields(&fields, class.size)?,
            do_center_crop: fields.bool("do_center_crop", class.do_center_crop)?,
            crop: crop_size(&fields, class.crop)?,
            resample: fields.filter("resample", class.resample)?,
            normalization: Normalization::from_fields(&fields, &class.normalization)?,
        };
        if fields.bool("do_pad", false)? {
            return Err(fields.problem("do_pad", "padding is not supported, expected false"));
        }
        let fixed = config.do_resize && matches!(config.size, ResizeTarget::Exact { .. });
        if !config.do_center_crop && !fixed {
            let problem = "expected true, because `size` does not fix both sides of a frame";
            return Err(fields.problem("do_center_crop", problem));
        }
        Ok(config)
    }

    /// Width and height in pixels of the frame it makes; without a centre crop, of a square image.
    pub fn frame(&self) -> (usize, usize) {
        match self.size {
            _ if self.do_center_crop => (self.crop.1, self.crop.0),
            ResizeTarget::Exact { height, width } => (width, height),
            ResizeTarget::ShortestEdge(side) => (side, side),
        }
    }

    /// The sizes an image of `width` × `height` pixels goes through and the part of it that is seen.
    pub fn plan(&self, width: usize, height: usize) -> CropPlan {
        let resized =
            if self.do_resize { self.size.apply((width, height)) } else { (width, height) };
        let frame = if self.do_center_crop { self.frame() } else { resized };
        let (columns, left) = centered(resized.0, frame.0);
        let (rows, top) = centered(resized.1, frame.1);
        CropPlan { resized, frame, columns, rows, left, top }
    }

    /// Makes the frame of one image; of a long image, only the part that is seen is resized.
    ///
    /// The floats are bit-equal to those of the reference.
    ///
    /// # Errors
    /// [`ImageError::FrameSize`] if the configured sizes are zero or too large.
    pub fn process(&self, image: RgbView<'_>) -> Result<ProcessedImage, ImageError> {
        let plan = self.plan(image.width(), image.height());
        let width = plan.frame.0;
        let mut pixels = blank_frames(1, plan.frame)?;
        let part = resize_part(image, plan.resized, plan.columns, plan.rows, self.resample)
            .ok_or_else(|| unusable(1, plan.frame))?;
        let canvas =
            Canvas { image: part.view(), left: plan.left, top: plan.top, width, background: 0 };
        canvas.cut(plan.frame, &self.normalization.table(), &mut pixels);
        Ok(ProcessedImage { layout: self.layout(image.width(), image.height()), pixels })
    }

    /// The frame of an image of `width` × `height` pixels.
    pub fn layout(&self, width: usize, height: usize) -> ImageLayout {
        let (frame, source) = (self.plan(width, height).frame, (width, height));
        ImageLayout { rows: 0, cols: 0, frames: 1, height: frame.1, width: frame.0, source }
    }
}

/// What [`ClipImageConfig::plan`] finds out; sizes are (width, height) in pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CropPlan {
    /// Size after the resize.
    pub resized: (usize, usize),
    /// Size of the frame.
    pub frame: (usize, usize),
    /// Columns of the resized image that are seen.
    pub columns: Range<usize>,
    /// Rows of the resized image that are seen.
    pub rows: Range<usize>,
    /// Columns of background before them.
    pub left: usize,
    /// Rows of background above them.
    pub top: usize,
}

#[cfg(test)]
mod tests;
