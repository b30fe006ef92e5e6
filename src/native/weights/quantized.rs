//! MLX-quantised matrices.

use mlx_rs::{Array, Dtype};

use super::{Scope, WeightsError};

/// An MLX-quantised matrix: `scales · q + biases` in groups along the columns.
#[derive(Debug)]
pub struct Quantized {
    /// uint32 `[rows, columns · bits / 32]`.
    pub packed: Array,
    /// `[rows, columns / group_size]`.
    pub scales: Array,
    /// `[rows, columns / group_size]`.
    pub biases: Array,
    /// Columns that share a scale and a bias.
    pub group_size: i32,
    /// Bits of one weight.
    pub bits: i32,
}

impl Scope<'_> {
    /// Takes the three tensors of an MLX-quantised matrix of `rows` × `columns`:
    /// packed weights, scales and biases, with the bits and group size that their
    /// shapes imply.
    ///
    /// # Errors
    /// When one is missing or their shapes do not fit together.
    pub fn quantized(&self, rows: i32, columns: i32) -> Result<Quantized, WeightsError> {
        let (packed, scales, biases) =
            (self.take("weight")?, self.take("scales")?, self.take("biases")?);
        let bits = match packed.array.shape() {
            [found, words] if *found == rows && packed.array.dtype() == Dtype::Uint32 => {
                exact_ratio(i64::from(*words) * 32, columns, &[2, 3, 4, 5, 6, 8])
            }
            _ => None,
        };
        let Some(bits) = bits else {
            return Err(packed.wrong_shape(format!("uint32 [{rows}, {columns} × bits / 32]")));
        };
        let group_size = match scales.array.shape() {
            [found, groups] if *found == rows => {
                exact_ratio(i64::from(columns), *groups, &[32, 64, 128])
            }
            _ => None,
        };
        let Some(group_size) = group_size else {
            return Err(scales.wrong_shape(format!(
                "[{rows}, {columns} / group size], group size 32, 64 or 128"
            )));
        };
        if biases.array.shape() != scales.array.shape() {
            return Err(biases.wrong_shape(format!("{:?}", scales.array.shape())));
        }
        self.note_precision(&format!("{bits}-bit (group {group_size})"));
        let (scales, biases) = (self.floating(scales)?, self.floating(biases)?);
        Ok(Quantized { packed: packed.array, scales, biases, group_size, bits })
    }
}

/// `whole / part` if it is one of `allowed`.
fn exact_ratio(whole: i64, part: i32, allowed: &[i32]) -> Option<i32> {
    allowed.iter().copied().find(|ratio| i64::from(part) * i64::from(*ratio) == whole)
}
