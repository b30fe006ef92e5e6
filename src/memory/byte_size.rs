//! Sizes as people write them: `500kB`, `1MB`, `8GiB`.

use std::str::FromStr;

/// Units by name: decimal and binary.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A number of bytes, written with its unit; the case of the unit does not matter.
///
/// ```
/// use vlm_test::memory::ByteSize;
/// let bytes = |text: &str| text.parse::<ByteSize>().map(|size| size.0).ok();
/// assert_eq!((bytes("500kB"), bytes("1.5 MB"), bytes("8GiB")), (Some(500_000), Some(1_500_000), Some(8 << 30)));
/// assert_eq!((bytes("8"), bytes("-1MB"), bytes("75%")), (None, None, None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(
    /// How many.
    pub u64,
);

/// What is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number and a unit, such as 500kB, 1MB or 8GiB")]
pub struct NoByteSize;

impl FromStr for ByteSize {
    type Err = NoByteSize;

    fn from_str(text: &str) -> Result<Self, NoByteSize> {
        let digits = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let named = |(name, _): &&(&str, u64)| name.eq_ignore_ascii_case(unit.trim());
        let (_, factor) = UNITS.iter().find(named).ok_or(NoByteSize)?;
        let number: f64 = number.parse().map_err(|_| NoByteSize)?;
        let bytes = number * *factor as f64;
        // Above this, floats leave out whole numbers.
        let is_exact = (0.0..=9e15).contains(&bytes);
        if is_exact { Ok(Self(bytes.round() as u64)) } else { Err(NoByteSize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_in_any_case_with_a_blank_or_without() {
        for (name, factor) in UNITS {
            for text in [format!("3{name}"), format!("3 {}", name.to_lowercase())] {
                assert_eq!(text.parse(), Ok(ByteSize(3 * factor)), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in
            ["", "MB", "1", "1 m", "1..2MB", "-1MB", "nanMB", "infMB", "1e9GB", "9999999TB", "１MB"]
        {
            assert_eq!(text.parse::<ByteSize>(), Err(NoByteSize), "{text}");
        }
    }
}
