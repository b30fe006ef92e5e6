//! Rotary position embeddings over the two halves of each head (Su et al. 2021, "rotate half").

use mlx_rs::{Array, error::Exception, fast};

/// A rotary embedding of heads of `dims` values.
#[derive(Debug)]
pub enum Rope {
    /// Frequencies `theta^(−2i/dims)`.
    Plain {
        /// Width of a head.
        dims: i32,
        /// The base.
        theta: f32,
    },
    /// One period per pair of values, and another set for long sequences.
    Long {
        /// Width of a head.
        dims: i32,
        /// float32 `[dims / 2]`: `factor · theta^(2i/dims)`, by which positions are divided.
        short: Array,
        /// The same for [`Regime::Long`].
        long: Array,
        /// Multiplies cosines and sines.
        scale: f32,
    },
}

/// Which of a [`Rope::Long`]'s sets holds, decided by the length of the whole sequence;
/// keys of one regime are of no use in the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Regime {
    /// Up to the length the model was first trained for; the only one of a plain embedding.
    #[default]
    Short,
    /// Beyond it.
    Long,
}

impl Rope {
    /// A [`Rope::Long`] of two sets of factors, each half as many as `dims`.
    pub fn long(dims: i32, theta: f32, short: &[f32], long: &[f32], scale: f32) -> Self {
        let periods = |factors: &[f32]| {
            let period = |(i, factor): (usize, &f32)| {
                let exponent = 2.0 * i as f64 / f64::from(dims);
                (f64::from(*factor) * f64::from(theta).powf(exponent)) as f32
            };
            let periods: Vec<f32> = factors.iter().enumerate().map(period).collect();
            Array::from_slice(&periods, &[periods.len() as i32])
        };
        Self::Long { dims, short: periods(short), long: periods(long), scale }
    }

    /// Rotates `x` `[batch, heads, n, dims]`, whose first position is `offset`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn rotate(&self, x: &Array, offset: i32, regime: Regime) -> Result<Array, Exception> {
        match self {
            Self::Plain { dims, theta } => fast::rope(x, *dims, false, *theta, 1.0, offset, None),
            Self::Long { dims, short, long, scale } => {
                let periods = if regime == Regime::Long { long } else { short };
                // Scaling what is rotated scales its cosines and sines.
                let x = x.multiply(Array::from_f32(*scale).as_dtype(x.dtype())?)?;
                fast::rope(&x, *dims, false, None, 1.0, offset, periods)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula itself, in double precision.
    fn rotated(x: &[f32], position: f64, periods: &[f64], scale: f64) -> Vec<f32> {
        let half = x.len() / 2;
        let angle = |i: usize| position / periods[i % half];
        let value = |i: usize| {
            let (a, other) = (f64::from(x[i]), f64::from(x[(i + half) % x.len()]));
            let other = if i < half { -other } else { other };
            (scale * (a * angle(i).cos() + other * angle(i).sin())) as f32
        };
        (0..x.len()).map(value).collect()
    }

    #[test]
    fn each_regime_divides_positions_by_its_own_periods() {
        let rope = Rope::long(4, 100.0, &[1.0, 2.0], &[3.0, 5.0], 1.25);
        let values = [1.0, -2.0, 0.5, 3.0];
        let x = Array::from_slice(&values, &[1, 1, 1, 4]);
        for (regime, periods) in [(Regime::Short, [1.0, 20.0]), (Regime::Long, [3.0, 50.0])] {
            let found: Vec<f32> = rope.rotate(&x, 7, regime).unwrap().to_vec_exact().unwrap();
            for (a, b) in found.iter().zip(rotated(&values, 7.0, &periods, 1.25)) {
                assert!((a - b).abs() < 1e-5, "{regime:?}: {found:?}");
            }
        }
    }

    #[test]
    fn factors_of_one_are_the_plain_embedding() {
        let x = Array::from_slice(&[1.0_f32, -2.0, 0.5, 3.0], &[1, 1, 1, 4]);
        let ones = Rope::long(4, 10000.0, &[1.0; 2], &[1.0; 2], 1.0);
        let plain = Rope::Plain { dims: 4, theta: 10000.0 };
        let values = |rope: &Rope| -> Vec<f32> {
            rope.rotate(&x, 1234, Regime::Long).unwrap().to_vec_exact().unwrap()
        };
        for (a, b) in values(&ones).iter().zip(values(&plain)) {
            assert!((a - b).abs() < 1e-4);
        }
    }
}
