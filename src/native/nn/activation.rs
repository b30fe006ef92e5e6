//! Activation functions, computed in the precision of their input.

use mlx_rs::{Array, error::Exception, ops};

/// The activations that the supported families use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · σ(x)` (`silu`).
    Silu,
    /// `x · Φ(x)`, by the error function (`gelu`).
    Gelu,
    /// `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))` (`gelu_pytorch_tanh`;
    /// Hendrycks & Gimpel 2016).
    GeluTanh,
    /// `x · σ(1.702 x)` (`quick_gelu`), CLIP's. mlx-rs's own fast approximation uses
    /// another factor.
    QuickGelu,
}

impl Activation {
    /// Element by element.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn apply(self, x: &Array) -> Result<Array, Exception> {
        match self {
            Self::Silu => x.multiply(ops::sigmoid(x)?),
            Self::Gelu => gelu(x),
            Self::GeluTanh => gelu_tanh(x),
            Self::QuickGelu => x.multiply(ops::sigmoid(x.multiply(scalar(1.702, x)?)?)?),
        }
    }
}

/// A constant in the precision of `x`: a float32 one would promote float16.
fn scalar(value: f32, x: &Array) -> Result<Array, Exception> {
    Array::from_f32(value).as_dtype(x.dtype())
}

fn gelu(x: &Array) -> Result<Array, Exception> {
    let erf = ops::erf(x.multiply(scalar(std::f32::consts::FRAC_1_SQRT_2, x)?)?)?;
    x.multiply(scalar(0.5, x)?)?.multiply(erf.add(scalar(1.0, x)?)?)
}

/// By `(1 + tanh u) / 2 = σ(2u)`, which saves a third of the passes over `x`.
fn gelu_tanh(x: &Array) -> Result<Array, Exception> {
    let scale = 2.0 * (2.0 / std::f32::consts::PI).sqrt();
    let slope = x.square()?.multiply(scalar(0.044_715 * scale, x)?)?.add(scalar(scale, x)?)?;
    x.multiply(ops::sigmoid(slope.multiply(x)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_equal_their_formulas_and_keep_the_precision() {
        let x = Array::from_slice(&[-3.0f32, -0.5, 0.0, 1.25, 4.0], &[5]);
        let expected: [(Activation, [f32; 5]); 4] = [
            (Activation::GeluTanh, [-0.003_637_4, -0.154_286, 0.0, 1.117_714_2, 3.999_93]),
            (Activation::Silu, [-0.142_277_6, -0.188_770_3, 0.0, 0.971_624_8, 3.928_055]),
            (Activation::Gelu, [-0.004_049_7, -0.154_268_8, 0.0, 1.117_937_8, 3.999_873]),
            (Activation::QuickGelu, [-0.018_071_3, -0.149_611_6, 0.0, 1.116_934_3, 3.995_585]),
        ];
        for (activation, expected) in expected {
            let y: Vec<f32> = activation.apply(&x).unwrap().to_vec_exact().unwrap();
            for (y, expected) in y.iter().zip(expected) {
                assert!((y - expected).abs() < 1e-5, "{activation:?}: {y} {expected}");
            }
            let half = x.as_dtype(mlx_rs::Dtype::Bfloat16).unwrap();
            assert_eq!(activation.apply(&half).unwrap().dtype(), mlx_rs::Dtype::Bfloat16);
        }
    }
}
