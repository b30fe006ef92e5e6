//! The rotary embedding's configuration: plain, or Phi-3's long-context variant
//! (`rope_scaling` type `su` or `longrope`).

use super::config_fields::{ConfigError, Fields};

/// Which rotary embedding a decoder uses.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeConfig {
    /// Frequencies `theta^(−2i/d)`.
    Plain {
        /// The base.
        theta: f32,
    },
    /// Frequencies divided by one factor each (Ding et al. 2024, "LongRoPE").
    Long(LongRopeConfig),
}

/// Two sets of factors and the length at which they change.
#[derive(Debug, Clone, PartialEq)]
pub struct LongRopeConfig {
    /// The base.
    pub theta: f32,
    /// Factors for sequences up to `original_length`, half as many as a head is wide.
    pub short_factor: Vec<f32>,
    /// Factors for longer sequences.
    pub long_factor: Vec<f32>,
    /// `original_max_position_embeddings`, in tokens.
    pub original_length: usize,
    /// Multiplies cosines and sines at every length:
    /// `√(1 + ln(longest / original) / ln(original))`.
    pub attention_factor: f32,
}

/// What the factors of a [`LongRopeConfig`] depend on beside themselves.
#[derive(Debug, Clone, Copy)]
pub struct RopeContext {
    /// Width of a head.
    pub head_dim: usize,
    /// `max_position_embeddings`, in tokens.
    pub longest: usize,
}

impl RopeConfig {
    /// Reads `rope_parameters` (transformers 5), `rope_scaling` and `rope_theta` of a text
    /// configuration.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field, also for variants that are not implemented.
    pub fn from_fields(fields: Fields<'_>, context: RopeContext) -> Result<Self, ConfigError> {
        let (mut theta, mut long) = (None, None);
        for name in ["rope_parameters", "rope_scaling"] {
            let rope = fields.section(name)?;
            match rope.text("rope_type")?.or(rope.text("type")?).unwrap_or("default") {
                "default" => {}
                "su" | "longrope" => long = long.or(Some(rope)),
                other => {
                    let supported = "default, su or longrope";
                    return Err(fields.unsupported(&format!("{name}.rope_type"), other, supported));
                }
            }
            if let Some(factor) = rope.positive("partial_rotary_factor")?.filter(|f| *f < 1.0) {
                let field = format!("{name}.partial_rotary_factor");
                return Err(fields.unsupported(&field, &factor, "1"));
            }
            theta = theta.or(rope.positive("rope_theta")?);
        }
        let theta = theta.or(fields.positive("rope_theta")?).unwrap_or(10000.0);
        match long {
            None => Ok(Self::Plain { theta }),
            Some(rope) => LongRopeConfig::read(fields, rope, theta, context).map(Self::Long),
        }
    }
}

impl LongRopeConfig {
    fn read(
        fields: Fields<'_>,
        rope: Fields<'_>,
        theta: f32,
        RopeContext { head_dim, longest }: RopeContext,
    ) -> Result<Self, ConfigError> {
        let factors = |name: &str| match rope.numbers(name)?.unwrap_or_default() {
            list if list.len() == head_dim / 2 && list.iter().all(|factor| *factor > 0.0) => {
                Ok(list)
            }
            list => Err(rope.invalid(
                name,
                format!(
                    "must list {} numbers above 0, one for each pair of a head, and lists {}",
                    head_dim / 2,
                    list.len()
                ),
            )),
        };
        let name = "original_max_position_embeddings";
        let original_length = fields.size(name)?.or(rope.size(name)?).unwrap_or(longest);
        let stretch = longest as f64 / original_length as f64;
        let computed = if stretch <= 1.0 || original_length == 1 {
            1.0
        } else {
            (1.0 + stretch.ln() / (original_length as f64).ln()).sqrt() as f32
        };
        Ok(Self {
            theta,
            short_factor: factors("short_factor")?,
            long_factor: factors("long_factor")?,
            original_length,
            attention_factor: rope.positive("attention_factor")?.unwrap_or(computed),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(config: &Value) -> Result<RopeConfig, ConfigError> {
        let context = RopeContext { head_dim: 4, longest: 131_072 };
        RopeConfig::from_fields(Fields::top(config)?, context)
    }

    #[test]
    fn both_spellings_of_the_base_are_read() {
        let plain = RopeConfig::Plain { theta: 273_768.0 };
        assert_eq!(read(&json!({"rope_theta": 273_768.0, "rope_scaling": null})).unwrap(), plain);
        let new = json!({"rope_parameters": {"rope_theta": 273_768.0, "rope_type": "default"}});
        assert_eq!(read(&new).unwrap(), plain);
        assert_eq!(read(&json!({})).unwrap(), RopeConfig::Plain { theta: 10000.0 });
    }

    #[test]
    fn both_names_of_the_long_variant_give_phi_its_published_factor() {
        for kind in ["su", "longrope"] {
            let config = json!({
                "original_max_position_embeddings": 4096,
                "rope_scaling": {"type": kind, "short_factor": [1.0, 1.1], "long_factor": [1, 64.8]}
            });
            let RopeConfig::Long(long) = read(&config).unwrap() else { panic!("{kind}") };
            assert!((long.attention_factor - 1.190_238).abs() < 1e-6, "{}", long.attention_factor);
            assert_eq!((long.original_length, long.long_factor), (4096, vec![1.0, 64.8]));
        }
    }

    #[test]
    fn factors_that_do_not_fit_a_head_are_refused_by_name() {
        let config = json!({"rope_scaling": {"type": "su", "short_factor": [1.0], "long_factor": [1.0, 2.0]}});
        let error = read(&config).unwrap_err().to_string();
        assert!(error.contains("rope_scaling.short_factor must list 2 numbers"), "{error}");
        let error = read(&json!({"rope_scaling": {"type": "yarn"}})).unwrap_err().to_string();
        assert!(error.contains("rope_scaling.rope_type = yarn is not supported"), "{error}");
        let partial = json!({"rope_scaling": {"partial_rotary_factor": 0.5}});
        assert!(read(&partial).unwrap_err().to_string().contains("partial_rotary_factor = 0.5"));
    }
}
