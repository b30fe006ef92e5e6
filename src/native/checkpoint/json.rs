//! Reads the JSON files of a checkpoint with errors that name file, line and column.

use std::{fs, io::ErrorKind, path::Path};

use serde_json::Value;

use super::CheckpointError;

/// Parses a JSON file whose top level is an object; `None` when there is no such file.
///
/// # Errors
/// [`CheckpointError::Read`], or [`CheckpointError::Json`] with line and column.
pub fn read_json_object(path: &Path) -> Result<Option<Value>, CheckpointError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CheckpointError::Read { path: path.to_owned(), source }),
    };
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| malformed(path, &e))?;
    if value.is_object() {
        return Ok(Some(value));
    }
    Err(CheckpointError::Json {
        path: path.to_owned(),
        line: 1,
        column: 1,
        message: "expected an object".to_owned(),
    })
}

fn malformed(path: &Path, error: &serde_json::Error) -> CheckpointError {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    // The position stands in fields of its own.
    let message = message
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&message)
        .to_owned();
    CheckpointError::Json { path: path.to_owned(), line, column, message }
}
