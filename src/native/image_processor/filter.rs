//! The resampling filters of Pillow (`src/libImaging/Resample.c`), as functions of the distance in source pixels.

use std::f64::consts::PI;

/// A resampling filter, numbered as in `PIL.Image.Resampling` and in the checkpoints' `resample` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Picks the pixel under the centre (0).
    Nearest,
    /// Windowed sinc with three lobes (1).
    Lanczos,
    /// Triangle (2).
    Bilinear,
    /// Cubic convolution with a = −0.5 (3).
    Bicubic,
    /// Average over the covered pixels (4).
    Box,
    /// Hamming-windowed sinc with one lobe (5).
    Hamming,
}

impl Filter {
    /// The filter with Pillow's number `code`.
    pub fn from_pillow(code: u64) -> Option<Self> {
        Some(match code {
            0 => Self::Nearest,
            1 => Self::Lanczos,
            2 => Self::Bilinear,
            3 => Self::Bicubic,
            4 => Self::Box,
            5 => Self::Hamming,
            _ => return None,
        })
    }

    /// Half the width of the filter in source pixels at scale 1.
    pub(super) fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight at distance `x`, in the order of operations of the reference.
    pub(super) fn weight(self, x: f64) -> f64 {
        match self {
            Self::Nearest => 1.0,
            Self::Box => f64::from(x > -0.5 && x <= 0.5),
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Hamming => hamming(x.abs()),
            Self::Bicubic => bicubic(x.abs()),
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn hamming(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else if x >= 1.0 {
        0.0
    } else {
        let x = x * PI;
        x.sin() / x * (0.54 + 0.46 * x.cos())
    }
}

fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else {
        let x = x * PI;
        x.sin() / x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Filter; 6] = [
        Filter::Nearest,
        Filter::Lanczos,
        Filter::Bilinear,
        Filter::Bicubic,
        Filter::Box,
        Filter::Hamming,
    ];

    #[test]
    fn the_numbers_are_those_of_pillow() {
        for (code, filter) in ALL.into_iter().enumerate() {
            assert_eq!(Filter::from_pillow(code as u64), Some(filter));
        }
        assert_eq!(Filter::from_pillow(6), None);
    }

    #[test]
    fn every_filter_is_one_at_its_centre_and_zero_beyond_its_support() {
        for filter in ALL {
            assert!((filter.weight(0.0) - 1.0).abs() < 1e-15, "{filter:?}");
            if filter != Filter::Nearest {
                assert!(filter.weight(filter.support() + 1e-9).abs() < 1e-12, "{filter:?}");
                assert!(filter.weight(-filter.support() - 1e-9).abs() < 1e-12, "{filter:?}");
            }
        }
    }

    #[test]
    fn known_values_hold() {
        assert!((Filter::Bilinear.weight(-0.25) - 0.75).abs() < 1e-15);
        assert!((Filter::Bicubic.weight(0.5) - 0.5625).abs() < 1e-15);
        assert!((Filter::Bicubic.weight(1.5) + 0.0625).abs() < 1e-15);
        let lanczos_at_half = (2.0 / PI) * (6.0 / PI) * 0.5;
        assert!((Filter::Lanczos.weight(0.5) - lanczos_at_half).abs() < 1e-15);
    }
}
