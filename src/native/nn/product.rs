//! Products of matrices, where MLX's backends differ. Its GPU kernels multiply half precision
//! and packed weights directly. On the CPU only float32 reaches BLAS: half precision is
//! multiplied element by element and packed weights row by row, which takes ten to a
//! thousand times as long, so there products are computed in float32 and rounded once.

use std::sync::OnceLock;

use mlx_rs::{Array, Device, DeviceType, Dtype, error::Exception, ops};

use crate::native::weights::Quantized;

/// From this many rows of `x` on, unpacking a matrix for BLAS costs less than MLX's
/// row-by-row product (measured on one x86-64 core: 2048 × 2048 are unpacked in 10 ms,
/// multiplied packed in 4 ms a row).
const ROWS_WORTH_UNPACKING: usize = 4;

/// Runs a product on `operands` and returns it in the precision of the first one.
///
/// # Errors
/// When MLX refuses the operation.
pub fn product<const N: usize>(
    operands: [&Array; N],
    operation: impl FnOnce([&Array; N]) -> Result<Array, Exception>,
) -> Result<Array, Exception> {
    let Some(dtype) = operands.first().map(|first| first.dtype()) else {
        return operation(operands);
    };
    if dtype == Dtype::Float32 || !on_cpu() {
        return operation(operands);
    }
    let mut widened = operands.map(Array::clone);
    for operand in &mut widened {
        *operand = operand.as_dtype(Dtype::Float32)?;
    }
    operation(widened.each_ref())?.as_dtype(dtype)
}

/// `x` `[…, columns]` → `x · Wᵀ` `[…, rows]` for packed weights.
///
/// # Errors
/// When MLX refuses the operation.
pub fn quantized_product(x: &Array, weight: &Quantized) -> Result<Array, Exception> {
    let Quantized { packed, scales, biases, group_size, bits } = weight;
    let rows = x.size() / x.shape().last().map_or(1, |&width| width.max(1) as usize);
    let unpack = rows >= ROWS_WORTH_UNPACKING && on_cpu();
    product([x, scales, biases], |[x, scales, biases]| {
        if unpack {
            let weight = ops::dequantize(packed, scales, biases, *group_size, *bits)?;
            x.matmul(weight.t())
        } else {
            ops::quantized_matmul(x, packed, scales, biases, true, *group_size, *bits)
        }
    })
}

/// Whether MLX computes on the CPU: without a GPU backend, or where it was told to.
pub fn on_cpu() -> bool {
    static ON_CPU: OnceLock<bool> = OnceLock::new();
    let device = || Device::try_default().and_then(|device| device.get_type());
    *ON_CPU.get_or_init(|| matches!(device(), Ok(DeviceType::Cpu)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(shape: &[i32], step: f32) -> Array {
        let size = shape.iter().product::<i32>();
        let values: Vec<f32> = (0..size).map(|n| ((n * 37 % 101) as f32 - 50.0) * step).collect();
        Array::from_slice(&values, shape)
    }

    fn quantized(dtype: Dtype) -> Quantized {
        let weight = ramp(&[96, 64], 0.01).as_dtype(dtype).unwrap();
        let (packed, scales, biases) = ops::quantize(&weight, 32, 4).unwrap();
        Quantized { packed, scales, biases, group_size: 32, bits: 4 }
    }

    fn values(array: &Array) -> Vec<f32> {
        array.as_dtype(Dtype::Float32).unwrap().to_vec_exact().unwrap()
    }

    #[test]
    fn few_rows_and_many_give_the_same_product_in_the_precision_of_x() {
        for (dtype, tolerance) in [(Dtype::Float32, 1e-4), (Dtype::Float16, 2e-2)] {
            let (weight, x) = (quantized(dtype), ramp(&[1, 12, 64], 0.02).as_dtype(dtype).unwrap());
            let all = quantized_product(&x, &weight).unwrap();
            assert_eq!((all.dtype(), all.shape()), (dtype, [1, 12, 96].as_slice()));
            let rows = ops::split_equal(&x, 12, 1).unwrap();
            for (row, expected) in rows.iter().zip(values(&all).chunks(96)) {
                let found = values(&quantized_product(row, &weight).unwrap());
                for (a, b) in found.iter().zip(expected) {
                    assert!((a - b).abs() < tolerance, "{dtype:?}: {a} is not {b}");
                }
            }
        }
    }

    #[test]
    fn a_product_of_halves_is_rounded_once() {
        let x = ramp(&[4, 512], 0.1).as_dtype(Dtype::Bfloat16).unwrap();
        let weight = ramp(&[512, 3], 0.1).as_dtype(Dtype::Bfloat16).unwrap();
        let found = product([&x, &weight], |[x, weight]| x.matmul(weight)).unwrap();
        assert_eq!(found.dtype(), Dtype::Bfloat16);
        let [wide_x, wide_weight] = [&x, &weight].map(|it| it.as_dtype(Dtype::Float32).unwrap());
        let exact = values(&wide_x.matmul(&wide_weight).unwrap());
        for (a, b) in values(&found).iter().zip(exact) {
            assert!((a - b).abs() <= b.abs() / 256.0 + 1e-3, "{a} is not {b}");
        }
    }
}
