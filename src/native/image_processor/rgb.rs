//! 8-bit RGB images: an owned one and a borrowed view, both row-major with interleaved channels.

/// An owned image: `height` rows of `width` pixels of three bytes (red, green, blue), without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb8Image {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// A borrowed image with the same layout as [`Rgb8Image`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RgbView<'a> {
    width: usize,
    height: usize,
    pixels: &'a [u8],
}

impl Rgb8Image {
    /// Takes `pixels` of shape `[height, width, 3]`; `None` if the length does not match or a side is zero.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        RgbView::new(width, height, &pixels)?;
        Some(Self { width, height, pixels })
    }

    /// Lends the image.
    pub fn view(&self) -> RgbView<'_> {
        RgbView { width: self.width, height: self.height, pixels: &self.pixels }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes, shape `[height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Gives the bytes away, shape `[height, width, 3]`.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}

impl<'a> RgbView<'a> {
    /// Looks at `pixels` of shape `[height, width, 3]`; `None` if the length does not match or a side is zero.
    pub fn new(width: usize, height: usize, pixels: &'a [u8]) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        (bytes > 0 && bytes == pixels.len()).then_some(Self { width, height, pixels })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes, shape `[height, width, 3]`.
    pub fn pixels(&self) -> &'a [u8] {
        self.pixels
    }

    /// The rows from the top, each of `3 × width` bytes.
    pub fn rows(&self) -> std::slice::ChunksExact<'a, u8> {
        self.pixels.chunks_exact(3 * self.width)
    }

    /// A copy with rows and columns exchanged.
    pub(super) fn transposed(&self) -> Rgb8Image {
        let row_bytes = 3 * self.width;
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for column in 0..self.width {
            let below = self.pixels.get(3 * column..).unwrap_or_default();
            // The last piece may end before its row does, but not before its first pixel.
            pixels.extend(below.chunks(row_bytes).filter_map(<[u8]>::first_chunk::<3>).flatten());
        }
        Rgb8Image { width: self.height, height: self.width, pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_needs_three_bytes_per_pixel_and_both_sides() {
        assert!(Rgb8Image::new(2, 3, vec![0; 18]).is_some());
        assert!(Rgb8Image::new(2, 3, vec![0; 17]).is_none());
        assert!(Rgb8Image::new(0, 3, Vec::new()).is_none());
        assert!(RgbView::new(usize::MAX, 2, &[]).is_none());
    }

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        let image = Rgb8Image::new(3, 2, (1..=6).flat_map(|value| [value; 3]).collect()).unwrap();
        let transposed = image.view().transposed();
        assert_eq!((transposed.width(), transposed.height()), (2, 3));
        let reds: Vec<u8> = transposed.pixels().chunks(3).map(|pixel| pixel[0]).collect();
        assert_eq!(reds, [1, 4, 2, 5, 3, 6]);
        assert_eq!(transposed.view().transposed(), image);
    }
}
