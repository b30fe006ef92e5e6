//! The MLX quantisation block of config.json, as mlx-vlm and mlx-lm write it:
//! `{"group_size", "bits", "mode"}` and overrides keyed by module path.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value};

use super::CheckpointError;

/// Widths that MLX's affine quantisation packs.
const BITS: [u64; 6] = [2, 3, 4, 5, 6, 8];
/// Group sizes of MLX's affine quantisation.
const GROUP_SIZES: [u64; 3] = [32, 64, 128];
/// Keys of the block that name no module.
const RESERVED: [&str; 4] = ["group_size", "bits", "mode", "quant_method"];

/// How the weights of one module are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuantizedFormat {
    /// Weights that share a scale and a bias.
    pub group_size: usize,
    /// Bits per weight.
    pub bits: usize,
}

/// The quantisation of a checkpoint. Whether a module *is* quantised is decided by
/// the presence of its `.scales` tensor; this says how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantization {
    /// Format of modules without an override.
    pub default: QuantizedFormat,
    /// Overrides by module path, in the names of the conversion; `None` marks a module
    /// that was left as it is.
    pub overrides: BTreeMap<String, Option<QuantizedFormat>>,
}

impl Quantization {
    /// Reads `quantization`, else `quantization_config`, of a config.json lying at `path`.
    ///
    /// # Errors
    /// [`CheckpointError::UnsupportedQuantization`] for another mode or method;
    /// [`CheckpointError::Field`] for values that MLX does not pack.
    pub fn from_config(path: &Path, config: &Value) -> Result<Option<Self>, CheckpointError> {
        let present = |key: &'static str| {
            config.get(key).filter(|block| !block.is_null()).map(|block| (key, block))
        };
        let Some((key, block)) = present("quantization").or_else(|| present("quantization_config"))
        else {
            return Ok(None);
        };
        let reader = Reader { path };
        let block = reader.object(key, block)?;
        reader.only_affine(block)?;
        let default = reader.format(key, block, None)?;
        let mut overrides = BTreeMap::new();
        for (module, value) in block {
            // Anything else under another key is a note of the converter.
            if !RESERVED.contains(&module.as_str()) && (value.is_boolean() || value.is_object()) {
                overrides.insert(module.clone(), reader.module(key, module, value, default)?);
            }
        }
        Ok(Some(Self { default, overrides }))
    }

    /// The format of the module at `path`; `None` when the config says it is not quantised.
    pub fn for_module(&self, path: &str) -> Option<QuantizedFormat> {
        self.overrides.get(path).copied().unwrap_or(Some(self.default))
    }
}

struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    /// An override; `None` where the module is not quantised.
    fn module(
        &self,
        block: &str,
        module: &str,
        value: &Value,
        default: QuantizedFormat,
    ) -> Result<Option<QuantizedFormat>, CheckpointError> {
        let Some(own) = value.as_object() else {
            return Ok(value.as_bool().filter(|quantized| *quantized).map(|_| default));
        };
        self.only_affine(own)?;
        self.format(&format!("{block}.{module}"), own, Some(default)).map(Some)
    }

    fn only_affine(&self, block: &Map<String, Value>) -> Result<(), CheckpointError> {
        let other = |found: &str| CheckpointError::UnsupportedQuantization {
            path: self.path.to_owned(),
            found: found.to_owned(),
        };
        match block.get("mode").filter(|mode| !mode.is_null()) {
            None => {}
            Some(Value::String(mode)) if mode == "affine" => {}
            Some(mode) => return Err(other(&format!("mode {mode}"))),
        }
        // Other tools (GPTQ, AWQ, bitsandbytes …) name themselves and write no group size.
        match block.get("quant_method").and_then(Value::as_str) {
            Some(method) if method != "mlx" => Err(other(&format!("method \"{method}\""))),
            _ => Ok(()),
        }
    }

    fn format(
        &self,
        field: &str,
        block: &Map<String, Value>,
        default: Option<QuantizedFormat>,
    ) -> Result<QuantizedFormat, CheckpointError> {
        let group_size =
            self.one_of(field, block, "group_size", &GROUP_SIZES, default.map(|d| d.group_size))?;
        let bits = self.one_of(field, block, "bits", &BITS, default.map(|d| d.bits))?;
        Ok(QuantizedFormat { group_size, bits })
    }

    fn one_of(
        &self,
        field: &str,
        block: &Map<String, Value>,
        key: &str,
        allowed: &[u64],
        default: Option<usize>,
    ) -> Result<usize, CheckpointError> {
        let value = block.get(key);
        if let (None, Some(default)) = (value, default) {
            return Ok(default);
        }
        value
            .and_then(Value::as_u64)
            .filter(|number| allowed.contains(number))
            .map(|number| number as usize)
            .ok_or_else(|| {
                self.wrong(format!("{field}.{key}"), format!("must be one of {allowed:?}"))
            })
    }

    fn object<'v>(
        &self,
        field: &str,
        value: &'v Value,
    ) -> Result<&'v Map<String, Value>, CheckpointError> {
        value
            .as_object()
            .ok_or_else(|| self.wrong(field.to_owned(), "must be an object".to_owned()))
    }

    fn wrong(&self, field: String, message: String) -> CheckpointError {
        CheckpointError::Field { path: self.path.to_owned(), field, message }
    }
}
