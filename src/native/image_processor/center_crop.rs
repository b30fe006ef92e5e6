//! The centred window: `center_crop` in `transformers/image_transforms.py`, along one axis.

use std::ops::Range;

/// Which of `length` positions a centred window of `window` positions shows, and at which position of the window they
/// begin; what lies before and after them is background. An odd position too many or too few counts before the middle.
pub(super) fn centered(length: usize, window: usize) -> (Range<usize>, usize) {
    if length >= window {
        let start = (length - window) / 2;
        (start..start + window, 0)
    } else {
        (0..length, (window - length).div_ceil(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_image_loses_the_odd_position_at_the_end() {
        assert_eq!(centered(10, 4), (3..7, 0));
        assert_eq!(centered(11, 4), (3..7, 0));
        assert_eq!(centered(4, 4), (0..4, 0));
    }

    #[test]
    fn a_shorter_image_has_the_odd_position_of_background_before_it() {
        assert_eq!(centered(2, 4), (0..2, 1));
        assert_eq!(centered(1, 4), (0..1, 2));
    }
}
