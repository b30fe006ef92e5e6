//! Text as words.

/// The words of `text` in lower case: runs of letters and digits, apostrophes inside them kept.
///
/// ```
/// use vlm_test::scoring::description::words;
/// assert_eq!(words("It's a T-shirt — 'red'!"), ["it's", "a", "t", "shirt", "red"]);
/// ```
pub fn words(text: &str) -> Vec<String> {
    let is_mark = |c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '’');
    let pieces = text.split(is_mark).map(|piece| piece.trim_matches(['\'', '’']));
    pieces.filter(|piece| !piece.is_empty()).map(str::to_lowercase).collect()
}
