//! From bytes to the floats a vision tower reads: rescaling and normalising through a table per channel.

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
    fn without_rescaling_and_normalising_the_bytes_stay() {
        let mut floats = [0.0; 3];
        ByteTable::new(None, None).map(&[0, 17, 255], &mut floats);
        assert_eq!(floats, [0.0, 17.0, 255.0]);
    }
}
