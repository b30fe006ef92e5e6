//! Normalisation over the last axis.

use mlx_rs::{Array, error::Exception, fast};

use crate::native::weights::{Scope, WeightsError};

/// `(x − mean) / √(var + eps) · weight + bias`.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Array,
    bias: Array,
    eps: f32,
}

impl LayerNorm {
    /// Takes `weight` and `bias`, both `[width]`.
    ///
    /// # Errors
    /// When a tensor is missing or shaped otherwise.
    pub fn new(scope: &Scope<'_>, width: i32, eps: f32) -> Result<Self, WeightsError> {
        Ok(Self {
            weight: scope.tensor("weight", &[width])?,
            bias: scope.tensor("bias", &[width])?,
            eps,
        })
    }

    /// `x` `[…, width]` → the same shape.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn forward(&self, x: &Array) -> Result<Array, Exception> {
        fast::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// `x / √(mean(x²) + eps) · weight`.
#[derive(Debug)]
pub struct RmsNorm {
    weight: Array,
    eps: f32,
}

impl RmsNorm {
    /// Takes `weight` `[width]`.
    ///
    /// # Errors
    /// When it is missing or shaped otherwise.
    pub fn new(scope: &Scope<'_>, width: i32, eps: f32) -> Result<Self, WeightsError> {
        Ok(Self { weight: scope.tensor("weight", &[width])?, eps })
    }

    /// `x` `[…, width]` → the same shape.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn forward(&self, x: &Array) -> Result<Array, Exception> {
        fast::rms_norm(x, Some(&self.weight), self.eps)
    }
}
