//! Chooses the next token from logits, on the device, so that the choice can feed
//! the next step before the host has read it.

use mlx_rs::{Array, Dtype, error::Exception, ops, ops::indexing, random};

use crate::vlm::GenerationOptions;

/// Greedy, or temperature with nucleus sampling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampler {
    /// The most probable token.
    Greedy,
    /// A draw from the tempered distribution, cut to its nucleus.
    Nucleus {
        /// Divides the logits.
        temperature: f32,
        /// Probability mass that is kept (Holtzman et al. 2020).
        top_p: f32,
        /// Makes the draws repeatable.
        seed: u64,
    },
}

impl Sampler {
    /// The sampler that `options` ask for.
    pub fn new(options: &GenerationOptions) -> Self {
        let GenerationOptions { temperature, top_p, seed, .. } = *options;
        if temperature > 0.0 { Self::Nucleus { temperature, top_p, seed } } else { Self::Greedy }
    }

    /// Chooses from float32 `logits` `[vocab]`: an id, uint32 `[1]`. `step` counts
    /// the tokens of this answer from 0 and separates their draws.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn sample(self, logits: &Array, step: usize) -> Result<Array, Exception> {
        match self {
            Self::Greedy => indexing::argmax_axis(logits, -1, true)?.as_dtype(Dtype::Uint32),
            Self::Nucleus { temperature, top_p, seed } => {
                // The largest logit becomes 0, so that no small temperature overflows.
                let shifted = logits.subtract(logits.max_axis(-1, true)?)?;
                let tempered = shifted.divide(Array::from_f32(temperature))?;
                let probabilities = ops::softmax_axis(tempered, -1, true)?;
                let order = ops::argsort_axis(probabilities.negative()?, -1)?;
                let sorted = probabilities.take_along_axis(&order, -1)?;
                // The first token always stays: no mass lies before it.
                let mass_before = sorted.cumsum(-1, None, None)?.subtract(&sorted)?;
                let kept = mass_before.lt(Array::from_f32(top_p))?;
                let masked = ops::select(&kept, sorted.log()?, Array::from_f32(f32::NEG_INFINITY))?;
                let key = random::key(seed ^ (step as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))?;
                let choice = random::categorical(&masked, -1, None, Some(&key))?;
                order.take_axis(choice.reshape(&[1])?, 0)?.as_dtype(Dtype::Uint32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nucleus(temperature: f32, top_p: f32, seed: u64) -> Sampler {
        Sampler::Nucleus { temperature, top_p, seed }
    }

    fn counts(sampler: Sampler, logits: &[f32], draws: usize) -> Vec<usize> {
        let logits = Array::from_slice(logits, &[logits.len() as i32]);
        let mut counts = vec![0; logits.size()];
        for step in 0..draws {
            counts[sampler.sample(&logits, step).unwrap().item_exact::<u32>() as usize] += 1;
        }
        counts
    }

    #[test]
    fn greedy_takes_the_largest_logit() {
        assert_eq!(counts(Sampler::Greedy, &[0.5, 3.0, -1.0], 3), [0, 3, 0]);
    }

    #[test]
    fn draws_follow_the_distribution_and_repeat_with_the_seed() {
        let logits = [0.0, 0.7f32.ln() - 0.1f32.ln(), 0.2f32.ln() - 0.1f32.ln()]; // 0.1, 0.7, 0.2
        let drawn = counts(nucleus(1.0, 1.0, 7), &logits, 2000);
        for (count, expected) in drawn.iter().zip([200.0, 1400.0, 400.0]) {
            assert!((*count as f64 - expected).abs() < 100.0, "{drawn:?}");
        }
        assert_eq!(drawn, counts(nucleus(1.0, 1.0, 7), &logits, 2000));
        assert_ne!(drawn, counts(nucleus(1.0, 1.0, 8), &logits, 2000));
    }

    #[test]
    fn the_nucleus_keeps_the_smallest_set_that_reaches_top_p() {
        let logits = [0.0, 0.7f32.ln() - 0.1f32.ln(), 0.2f32.ln() - 0.1f32.ln()];
        assert_eq!(counts(nucleus(1.0, 0.5, 1), &logits, 200), [0, 200, 0]);
        let drawn = counts(nucleus(1.0, 0.85, 1), &logits, 500);
        assert!(drawn[0] == 0 && drawn[1] > 0 && drawn[2] > 0, "{drawn:?}");
    }

    #[test]
    fn the_smallest_temperature_draws_the_largest_logit() {
        assert_eq!(counts(nucleus(1e-40, 1.0, 3), &[90.0, 95.0, -200.0], 20), [0, 20, 0]);
    }
}
