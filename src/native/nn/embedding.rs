//! Rows of a table, dense or quantised; also the head that is tied to it.

use mlx_rs::{Array, error::Exception, ops};

use crate::native::{
    nn::product::{product, quantized_product},
    weights::{Quantized, Scope, WeightsError},
};

/// A table of vectors, one a row.
#[derive(Debug)]
pub enum Embedding {
    /// `[rows, width]`.
    Dense(Array),
    /// The same, MLX-quantised.
    Quantized(Quantized),
}

impl Embedding {
    /// Takes `weight` `[rows, width]` or its quantised form.
    ///
    /// # Errors
    /// When a tensor is missing or shaped otherwise.
    pub fn new(scope: &Scope<'_>, rows: i32, width: i32) -> Result<Self, WeightsError> {
        if scope.has("scales") {
            scope.quantized(rows, width).map(Self::Quantized)
        } else {
            scope.tensor("weight", &[rows, width]).map(Self::Dense)
        }
    }

    /// Integer `ids` `[n]` → rows `[n, width]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn forward(&self, ids: &Array) -> Result<Array, Exception> {
        match self {
            Self::Dense(table) => table.take_axis(ids, 0),
            Self::Quantized(table) => ops::dequantize(
                table.packed.take_axis(ids, 0)?,
                table.scales.take_axis(ids, 0)?,
                &table.biases.take_axis(ids, 0)?,
                table.group_size,
                table.bits,
            ),
        }
    }

    /// The whole table `[rows, width]`, dense.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn table(&self) -> Result<Array, Exception> {
        match self {
            Self::Dense(table) => Ok(table.clone()),
            Self::Quantized(table) => ops::dequantize(
                &table.packed,
                &table.scales,
                &table.biases,
                table.group_size,
                table.bits,
            ),
        }
    }

    /// Uses the table as a linear layer: `x` `[…, width]` → `[…, rows]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn as_linear(&self, x: &Array) -> Result<Array, Exception> {
        match self {
            Self::Dense(table) => product([x, &table.t()], |[x, table]| x.matmul(table)),
            Self::Quantized(table) => quantized_product(x, table),
        }
    }
}
