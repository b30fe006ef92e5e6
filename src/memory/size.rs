//! Amounts of memory as users write them.

/// Units of a size and their bytes, the largest first; the last is the byte itself.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("B", 1),
];

/// Why a text is no size or budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// There is no number, or no unit that is known.
    #[error("`{0}` is no amount of memory: write a number and a unit, as in 8GB, 7.5GiB or 512MB")]
    Malformed(String),
    /// As much as nothing.
    #[error("`{0}` leaves no memory at all: write more than that, as in 512MB")]
    Nothing(String),
    /// More than any machine has.
    #[error("`{0}` is more than can be counted: write less than 16777216TiB")]
    TooMuch(String),
    /// A percentage out of range or with a fraction.
    #[error("`{0}` is no share of the memory: write a whole percentage from 1% to 100%")]
    Share(String),
}

/// The bytes that `text` says: a number, with a fraction if need be, and one of the units `B`,
/// `kB`, `MB`, `GB`, `TB` (powers of 1000) or `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024), in
/// upper or lower case.
///
/// # Errors
/// [`SizeError`] when it says none, or zero.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    let malformed = || SizeError::Malformed(text.to_owned());
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (_, unit_bytes) = known.ok_or_else(malformed)?;
    let digits = digits.trim_end();
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(malformed());
    }
    let bytes = match digits.parse::<u64>() {
        Ok(count) => count.checked_mul(*unit_bytes),
        Err(_) => {
            let count: f64 = digits.parse().map_err(|_| malformed())?;
            let bytes = count * *unit_bytes as f64;
            (bytes < u64::MAX as f64).then_some(bytes as u64)
        }
    };
    match bytes {
        Some(0) => Err(SizeError::Nothing(text.to_owned())),
        Some(bytes) => Ok(bytes),
        None => Err(SizeError::TooMuch(text.to_owned())),
    }
}

/// As [`parse_size`] reads it back, exactly: in the largest unit that leaves no fraction.
pub(super) fn print_size(bytes: u64) -> String {
    let whole = UNITS.iter().find(|(_, unit)| bytes.is_multiple_of(*unit));
    let (name, unit) = whole.unwrap_or(&("B", 1));
    format!("{}{name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit_in_any_case() {
        let read = |text| parse_size(text).unwrap();
        assert_eq!([read("8GB"), read("8gb"), read(" 8 Gb ")], [8_000_000_000; 3]);
        assert_eq!([read("8GiB"), read("512MB"), read("1.5kib")], [8 << 30, 512_000_000, 1536]);
        assert_eq!(
            [read("1B"), read("16777215TiB"), read("2tb")],
            [1, u64::MAX - (1 << 40) + 1, 2 * 1_000_000_000_000]
        );
    }

    #[test]
    fn what_is_no_size_is_refused_with_the_reason() {
        for text in [
            "", "8", "GB", "8 G", "8XB", "-8GB", "+8GB", "1e3MB", "8..5GB", "8,5GB", "infB",
            "nanGB", "٣GB",
        ] {
            assert_eq!(parse_size(text), Err(SizeError::Malformed(text.to_owned())), "{text}");
        }
        assert_eq!(parse_size("0GB"), Err(SizeError::Nothing("0GB".to_owned())));
        assert_eq!(parse_size("0.1B"), Err(SizeError::Nothing("0.1B".to_owned())));
        for text in ["16777216TiB", "99999999999999999999GB", "1e"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!(
            parse_size("8 gigs").unwrap_err().to_string(),
            "`8 gigs` is no amount of memory: write a number and a unit, as in 8GB, 7.5GiB or 512MB"
        );
    }
}
