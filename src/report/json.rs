//! Any serialisable value as JSON for people and programs.

use serde::Serialize;

use crate::results::ResultsError;

/// `value` as indented JSON with a final newline.
///
/// # Errors
/// [`ResultsError::Encode`] if it holds something JSON has no form for, e.g. a
/// path that is not Unicode.
pub fn pretty(value: &impl Serialize) -> Result<String, ResultsError> {
    let mut json = serde_json::to_string_pretty(value)
        .map_err(|source| ResultsError::Encode { what: "the output", source })?;
    json.push('\n');
    Ok(json)
}
