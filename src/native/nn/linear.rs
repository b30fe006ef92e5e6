//! `y = x · Wᵀ + b`, dense or quantised.

use mlx_rs::{Array, error::Exception, ops};

use crate::native::{
    nn::product::{product, quantized_product},
    weights::{Quantized, Scope, WeightsError},
};

/// A linear layer; quantised if and only if the checkpoint holds its `.scales`.
#[derive(Debug)]
pub struct Linear {
    matrix: Matrix,
    /// `[out]`.
    bias: Option<Array>,
}

#[derive(Debug)]
enum Matrix {
    /// `[in, out]`: the stored matrix transposed, a view.
    Dense(Array),
    Quantized(Quantized),
}

impl Linear {
    /// Takes `weight` `[outputs, inputs]`, or its quantised form, and a bias if
    /// `bias` says so.
    ///
    /// # Errors
    /// When a tensor is missing or shaped otherwise.
    pub fn new(
        scope: &Scope<'_>,
        inputs: i32,
        outputs: i32,
        bias: bool,
    ) -> Result<Self, WeightsError> {
        let matrix = if scope.has("scales") {
            Matrix::Quantized(scope.quantized(outputs, inputs)?)
        } else {
            Matrix::Dense(scope.tensor("weight", &[outputs, inputs])?.t())
        };
        let bias = if bias { Some(scope.tensor("bias", &[outputs])?) } else { None };
        Ok(Self { matrix, bias })
    }

    /// `x` `[…, in]` → `[…, out]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn forward(&self, x: &Array) -> Result<Array, Exception> {
        match (&self.matrix, &self.bias) {
            (Matrix::Dense(weight), None) => product([x, weight], |[x, weight]| x.matmul(weight)),
            (Matrix::Dense(weight), Some(bias)) => {
                product([x, weight, bias], |[x, weight, bias]| {
                    ops::addmm(bias, x, weight, None, None)
                })
            }
            (Matrix::Quantized(weight), None) => quantized_product(x, weight),
            (Matrix::Quantized(weight), Some(bias)) => quantized_product(x, weight)?.add(bias),
        }
    }
}
