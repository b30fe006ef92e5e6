//! What can be wrong with the tensors of a checkpoint.

use std::path::PathBuf;

use crate::vlm::Precision;

/// Why the tensors of a checkpoint do not make the model its config describes.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// A tensor the model needs is in none of the files.
    #[error(
        "tensor `{name}` is missing from {folder}; the weights are incomplete or belong to another model"
    )]
    Missing {
        /// Its name, in the spelling of the file's other tensors.
        name: String,
        /// The checkpoint.
        folder: PathBuf,
    },
    /// A tensor disagrees with config.json.
    #[error("tensor `{name}` has shape {found:?}, but config.json asks for {expected}")]
    Shape {
        /// Its name in the file.
        name: String,
        /// The shape in the file.
        found: Vec<i32>,
        /// What was expected.
        expected: String,
    },
    /// Tensors that no part of the model uses.
    #[error("{count} tensor(s) in {folder} are not part of this model, the first is `{first}`")]
    Unexpected {
        /// How many.
        count: usize,
        /// The first by name.
        first: String,
        /// The checkpoint.
        folder: PathBuf,
    },
    /// Two tensors mean the same part of the model.
    #[error("tensors `{first}` and `{second}` are two spellings of the same weight")]
    Duplicate {
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
    /// A stored precision that this model cannot compute with.
    #[error("tensor `{name}` is stored as {dtype}; expected float32, float16 or bfloat16")]
    Dtype {
        /// Its name in the file.
        name: String,
        /// What it is.
        dtype: String,
    },
    /// Packed integers have no other precision.
    #[error(
        "the weights are quantised (tensor `{name}`), so --dtype {precision} cannot convert them; leave it out, or take an unquantised checkpoint"
    )]
    QuantizedPrecision {
        /// What was asked for.
        precision: Precision,
        /// A tensor that belongs to a quantised matrix.
        name: String,
    },
    /// A file changed while it was read.
    #[error("{path} changed while it was loaded; load it again when nothing writes to it")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// MLX could not read a file.
    #[error("{path}: {message}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What MLX said.
        message: String,
    },
    /// A path that MLX cannot be given, and no way around it.
    #[error(
        "{path} cannot be handed to MLX, and no link to it can be made: {source}; move the checkpoint to a folder whose name is UTF-8 and has no `%`"
    )]
    Path {
        /// The file.
        path: PathBuf,
        /// Why there is no link.
        source: std::io::Error,
    },
}
