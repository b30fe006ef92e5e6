//! From bytes to the floats a vision tower reads: rescaling and normalising through a table per channel.

use super::{error::ImageError, fields::Fields};

/// Mean of CLIP's training images per channel, in units of 1.
pub(super) const CLIP_MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
/// Standard deviation of CLIP's training images per channel, in units of 1.
pub(super) const CLIP_STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];

/// How bytes become floats: the fields of `preprocessor_config.json` that every processor has for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// Whether to multiply the bytes with `rescale_factor`.
    pub do_rescale: bool,
    /// Usually 1/255.
    pub rescale_factor: f64,
    /// Whether to subtract the mean and divide by the standard deviation.
    pub do_normalize: bool,
    /// Mean per channel, in units after rescaling.
    pub image_mean: [f64; 3],
    /// Standard deviation per channel, in units after rescaling.
    pub image_std: [f64; 3],
}

impl Normalization {
    /// Bytes over 255, less `image_mean`, over `image_std`.
    pub fn new(image_mean: [f64; 3], image_std: [f64; 3]) -> Self {
        let rescale_factor = 1.0 / 255.0;
        Self { do_rescale: true, rescale_factor, do_normalize: true, image_mean, image_std }
    }

    /// The class attributes of the processors that feed a CLIP tower.
    pub fn clip() -> Self {
        Self::new(CLIP_MEAN, CLIP_STD)
    }

    /// Reads the fields; absent and null ones are those of `class`.
    pub(super) fn from_fields(fields: &Fields<'_>, class: &Self) -> Result<Self, ImageError> {
        let do_normalize = fields.bool("do_normalize", class.do_normalize)?;
        let (std, class_std) = ("image_std", class.image_std);
        Ok(Self {
            do_rescale: fields.bool("do_rescale", class.do_rescale)?,
            rescale_factor: fields.number("rescale_factor", class.rescale_factor)?,
            do_normalize,
            image_mean: fields.channels("image_mean", class.image_mean)?,
            image_std: if do_normalize {
                fields.deviations(std, class_std)?
            } else {
                fields.channels(std, class_std)?
            },
        })
    }

    /// The float for every byte value.
    pub(super) fn table(&self) -> ByteTable {
        ByteTable::new(
            self.do_rescale.then_some(self.rescale_factor),
            self.do_normalize.then_some((self.image_mean, self.image_std)),
        )
    }
}

/// The float for every byte value of each channel.
///
/// Bit-equal to the reference (`rescale` and `normalize` in `transformers/image_transforms.py`): the byte times the
/// factor in double precision, rounded to single, then `(x − mean) / std` in single precision.
#[derive(Debug)]
pub(super) struct ByteTable {
    channels: Box<[[f32; 256]; 3]>,
}

impl ByteTable {
    /// Fills the table; `rescale` is the factor and `normalize` mean and standard deviation, where they apply.
    pub(super) fn new(rescale: Option<f64>, normalize: Option<([f64; 3], [f64; 3])>) -> Self {
        let mut channels = Box::new([[0.0; 256]; 3]);
        for (channel, table) in channels.iter_mut().enumerate() {
            for (byte, value) in (0_u8..=255).zip(table.iter_mut()) {
                *value =
                    rescale.map_or(f32::from(byte), |factor| (f64::from(byte) * factor) as f32);
                if let Some((mean, std)) = &normalize {
                    *value = (*value - mean[channel] as f32) / std[channel] as f32;
                }
            }
        }
        Self { channels }
    }

    /// Fills interleaved RGB floats with what `byte` becomes in each channel.
    pub(super) fn fill(&self, byte: u8, floats: &mut [f32]) {
        let [red, green, blue] = &*self.channels;
        let byte = usize::from(byte);
        floats.as_chunks_mut::<3>().0.fill([red[byte], green[byte], blue[byte]]);
    }

    /// Maps interleaved RGB bytes to floats of the same layout.
    pub(super) fn map(&self, bytes: &[u8], floats: &mut [f32]) {
        let [red, green, blue] = &*self.channels;
        for (pixel, out) in bytes.as_chunks::<3>().0.iter().zip(floats.as_chunks_mut::<3>().0) {
            let [r, g, b] = pixel.map(usize::from);
            *out = [red[r], green[g], blue[b]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_half_maps_bytes_to_minus_one_and_one() {
        let table = ByteTable::new(Some(1.0 / 255.0), Some(([0.5; 3], [0.5; 3])));
        let mut floats = [9.0; 3];
        table.map(&[0, 255, 51], &mut floats);
        assert_eq!(floats[..2], [-1.0, 1.0]);
        assert!((floats[2] + 0.6).abs() < 1e-6);
    }

    #[test]
    fn each_channel_has_its_own_mean_and_deviation() {
        let table = ByteTable::new(None, Some(([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])));
        let mut floats = [0.0; 6];
        table.map(&[1, 4, 5, 3, 2, 3], &mut floats);
        assert_eq!(floats, [0.0, 1.0, 0.5, 2.0, 0.0, 0.0]);
    }

    #[test]
    fn a_filled_row_repeats_one_colour() {
        let table = ByteTable::new(None, Some(([1.0, 2.0, 3.0], [1.0; 3])));
        let mut floats = [0.0; 6];
        table.fill(5, &mut floats);
        assert_eq!(floats, [4.0, 3.0, 2.0, 4.0, 3.0, 2.0]);
    }

    #[test]
    fn without_rescaling_and_normalising_the_bytes_stay() {
        let mut floats = [0.0; 3];
        ByteTable::new(None, None).map(&[0, 17, 255], &mut floats);
        assert_eq!(floats, [0.0, 17.0, 255.0]);
    }
}
