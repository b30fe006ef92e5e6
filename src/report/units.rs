//! Figures as people read them: percent, decimal bytes, times.

use std::time::Duration;

/// A share in `0..=1` as percent with one decimal. Rounding never makes a whole
/// of a part: 0.9996 is `99.9 %`.
///
/// ```
/// use vlm_test::report::units::percent;
/// assert_eq!((percent(0.95), percent(0.9996), percent(1.0)), ("95.0 %".into(), "99.9 %".into(), "100.0 %".into()));
/// ```
pub fn percent(share: f64) -> String {
    format!("{} %", percent_digits(share))
}

/// [`percent`] without the sign.
pub fn percent_digits(share: f64) -> String {
    let percent = share * 100.0;
    if (99.95..100.0).contains(&percent) {
        return "99.9".to_owned();
    }
    format!("{percent:.1}")
}

/// Bytes in the decimal unit that suits: `153.2 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let (mut value, mut unit) = (count as f64 / 1e3, UNITS[0]);
    // 999.95 would be rounded to 1000.0.
    for larger in &UNITS[1..] {
        if value < 999.95 {
            break;
        }
        (value, unit) = (value / 1e3, larger);
    }
    format!("{value:.1} {unit}")
}

/// [`bytes`] with a sign: `+12.0 kB`, `−3 B`, `0 B`.
pub fn signed_bytes(count: i64) -> String {
    let sign = match count.signum() {
        1 => "+",
        -1 => "−",
        _ => "",
    };
    format!("{sign}{}", bytes(count.unsigned_abs()))
}

/// Milliseconds in the unit that suits: `0.4 ms`, `35 ms`, `1.2 s`, `2 min 05 s`.
pub fn milliseconds(ms: f64) -> String {
    if ms < 9.95 {
        format!("{ms:.1} ms")
    } else if ms < 999.5 {
        format!("{ms:.0} ms")
    } else if ms < 59_950.0 {
        format!("{:.1} s", ms / 1e3)
    } else {
        clock(Duration::from_secs_f64((ms / 1e3).min(1e15)))
    }
}

/// A longer time in whole seconds: `8 s`, `2 min 05 s`, `3 h 07 min`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_millis() >= 500);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

/// Tokens per second: one decimal below 1000, none above.
pub fn tokens_per_second(value: f64) -> String {
    if value < 999.95 { format!("{value:.1} tokens/s") } else { format!("{value:.0} tokens/s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_never_show_a_thousand_of_a_unit() {
        let shown: Vec<_> = [0, 999, 1000, 999_949, 999_951, 153_200_000, 2_500_000_000, u64::MAX]
            .map(bytes)
            .into();
        let expected =
            ["0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "153.2 MB", "2.5 GB", "18446744.1 TB"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn times_change_unit_where_the_shorter_one_would_round_up() {
        let shown: Vec<_> = [0.44, 9.96, 35.2, 999.6, 1234.0, 59_960.0, 125_000.0, 11_220_000.0]
            .map(milliseconds)
            .into();
        let expected = [
            "0.4 ms",
            "10 ms",
            "35 ms",
            "1.0 s",
            "1.2 s",
            "1 min 00 s",
            "2 min 05 s",
            "3 h 07 min",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn growth_carries_its_sign_and_none_when_there_is_none() {
        assert_eq!([12_000, -3, 0].map(signed_bytes), ["+12.0 kB", "−3 B", "0 B"]);
    }

    #[test]
    fn almost_all_is_not_all() {
        assert_eq!(percent(0.9999), "99.9 %");
        assert_eq!(percent(0.0), "0.0 %");
    }
}
