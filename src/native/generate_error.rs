//! Why an answer broke off.

use mlx_rs::error::Exception;

use crate::vlm::ModelError;

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// MLX refused or failed the computation.
    #[error("{}", .0.what())]
    Compute(#[from] Exception),
    /// Whoever looks on stopped it.
    #[error(transparent)]
    Stopped(#[from] ModelError),
}

impl From<GenerateError> for ModelError {
    fn from(error: GenerateError) -> Self {
        match error {
            GenerateError::Compute(error) => Self::Compute(error.what().to_owned()),
            GenerateError::Stopped(error) => error,
        }
    }
}
