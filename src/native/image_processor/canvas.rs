//! An image on a plain background, cut into frames of floats.

use super::{
    error::ImageError,
    filter::Filter,
    normalize::ByteTable,
    resample::resize,
    rgb::{Rgb8Image, RgbView},
};

/// Most pixels in the frames of one image: over ten times what any published processor makes.
const MAX_PIXELS: usize = 1 << 26;

/// An image and the background around it. The background exists only in the frames: nothing is copied for it.
#[derive(Debug)]
pub(super) struct Canvas<'a> {
    /// Lies within the canvas.
    pub(super) image: RgbView<'a>,
    /// Columns of background before the image.
    pub(super) left: usize,
    /// Rows of background above the image.
    pub(super) top: usize,
    /// Of the whole canvas, in pixels.
    pub(super) width: usize,
    /// The byte of every channel of the background.
    pub(super) background: u8,
}

impl<'a> Canvas<'a> {
    /// A canvas that the image fills.
    pub(super) fn filled_by(image: RgbView<'a>) -> Self {
        Self { image, left: 0, top: 0, width: image.width(), background: 0 }
    }

    /// Cuts into frames of `width` × `height` pixels, row by row, into `frames` of shape `[rows × columns, height,
    /// width, 3]`. The width of a frame divides that of the canvas; where the canvas ends below is for `frames` to say.
    pub(super) fn cut(
        &self,
        (width, height): (usize, usize),
        table: &ByteTable,
        frames: &mut [f32],
    ) {
        let columns = (self.width / width).max(1);
        for (index, frame) in frames.chunks_exact_mut(3 * width * height).enumerate() {
            let (top, left) = (index / columns * height, index % columns * width);
            for (y, floats) in frame.chunks_exact_mut(3 * width).enumerate() {
                self.row(left, top + y, table, floats);
            }
        }
    }

    /// The floats from column `x` of row `y` on, as many as there is room for.
    pub(super) fn row(&self, x: usize, y: usize, table: &ByteTable, floats: &mut [f32]) {
        let row_bytes = 3 * self.image.width();
        let above = y.checked_sub(self.top).and_then(|y| y.checked_mul(row_bytes));
        let image_row = above.and_then(|start| self.image.pixels().get(start..start + row_bytes));
        let before = (3 * self.left.saturating_sub(x)).min(floats.len());
        let start = 3 * x.saturating_sub(self.left);
        let bytes = image_row.and_then(|row| row.get(start..)).unwrap_or_default();
        let (background, rest) = floats.split_at_mut(before);
        let (covered, after) = rest.split_at_mut(bytes.len().min(rest.len()));
        table.map(bytes, covered);
        table.fill(self.background, background);
        table.fill(self.background, after);
    }
}

/// Memory for `frames` frames of `width` × `height` pixels, shape `[frames, height, width, 3]`.
///
/// # Errors
/// As [`usable_pixels`].
pub(super) fn blank_frames(frames: usize, size: (usize, usize)) -> Result<Vec<f32>, ImageError> {
    usable_pixels(frames, size).map(|pixels| vec![0.0; 3 * pixels])
}

/// The number of pixels in `frames` frames of `size` (width, height).
///
/// # Errors
/// [`ImageError::FrameSize`] if there are none or more than 2^26.
pub(super) fn usable_pixels(frames: usize, size: (usize, usize)) -> Result<usize, ImageError> {
    let pixels = size.0.checked_mul(size.1).and_then(|pixels| pixels.checked_mul(frames));
    let pixels = pixels.filter(|pixels| (1..=MAX_PIXELS).contains(pixels));
    pixels.ok_or_else(|| unusable(frames, size))
}

/// Resizes to `size` (width, height).
///
/// # Errors
/// As [`usable_pixels`].
pub(super) fn resized(
    image: RgbView<'_>,
    size: (usize, usize),
    filter: Filter,
) -> Result<Rgb8Image, ImageError> {
    usable_pixels(1, size)?;
    resize(image, size.0, size.1, filter).ok_or_else(|| unusable(1, size))
}

/// The error about `frames` frames of `size` (width, height).
pub(super) fn unusable(frames: usize, (width, height): (usize, usize)) -> ImageError {
    ImageError::FrameSize { frames, width, height, limit: MAX_PIXELS }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The red channel of frames cut from a 3×2 image (1 to 6) on a canvas of `size`.
    fn reds(size: (usize, usize), at: (usize, usize), frame: (usize, usize)) -> Vec<f32> {
        let image = Rgb8Image::new(3, 2, (1..=6).flat_map(|value| [value; 3]).collect()).unwrap();
        let canvas =
            Canvas { image: image.view(), left: at.0, top: at.1, width: size.0, background: 9 };
        let mut floats = vec![0.0; 3 * size.0 * size.1];
        canvas.cut(frame, &ByteTable::new(None, None), &mut floats);
        floats.chunks(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn background_surrounds_the_image() {
        let one = reds((5, 4), (1, 1), (5, 4));
        let expected = [
            [9, 9, 9, 9, 9], //
            [9, 1, 2, 3, 9],
            [9, 4, 5, 6, 9],
            [9, 9, 9, 9, 9],
        ];
        assert_eq!(
            one,
            expected.concat().into_iter().map(|value| value as f32).collect::<Vec<_>>()
        );
    }

    #[test]
    fn tiles_come_row_by_row_whatever_part_of_them_is_background() {
        let tiles = reds((6, 2), (2, 0), (2, 1));
        assert_eq!(tiles, [9.0, 9.0, 1.0, 2.0, 3.0, 9.0, 9.0, 9.0, 4.0, 5.0, 6.0, 9.0]);
        let tiles = reds((4, 4), (1, 2), (2, 2));
        let rows = [[9.0; 8], [9.0, 9.0, 9.0, 1.0, 9.0, 9.0, 9.0, 4.0]];
        assert_eq!(tiles[..8], rows[0]);
        assert_eq!(tiles[8..], [9.0, 1.0, 9.0, 4.0, 2.0, 3.0, 5.0, 6.0]);
    }

    #[test]
    fn no_pixels_and_absurdly_many_are_refused_before_memory_is_taken() {
        assert_eq!(blank_frames(2, (3, 4)).unwrap().len(), 72);
        for (frames, size) in
            [(1, (16_384, 16_384)), (usize::MAX, (2, 1)), (1, (usize::MAX, 2)), (3, (0, 4))]
        {
            let error = blank_frames(frames, size).unwrap_err();
            assert!(matches!(error, ImageError::FrameSize { .. }), "{error}");
        }
        let pixel = Rgb8Image::new(1, 1, vec![0; 3]).unwrap();
        for size in [(16_384, 16_384), (0, 3), (usize::MAX, 2)] {
            assert!(resized(pixel.view(), size, Filter::Box).is_err());
        }
    }
}
