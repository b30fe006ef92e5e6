//! The tensors of a checkpoint, handed out by name. Every tensor is taken exactly
//! once: a missing, left-over or wrongly shaped one is an error that names it.

mod error;
mod file;
mod quantized;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use mlx_rs::{Array, Dtype, error::Exception};

pub use self::{error::WeightsError, quantized::Quantized};
use super::{LoadError, checkpoint::Checkpoint, safetensors_header::TensorInfo};
use crate::vlm::{LoadOptions, Precision};

struct Tensor {
    /// The name in the file, for messages.
    name: String,
    array: Array,
}

/// All tensors of a checkpoint that have not been taken yet.
pub struct Weights {
    folder: PathBuf,
    tensors: RefCell<BTreeMap<String, Tensor>>,
    /// The name in the file of every tensor, taken or not, by its own name.
    spellings: BTreeMap<String, String>,
    precisions: RefCell<BTreeSet<String>>,
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Weights").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Weights {
    /// Reads all tensors of a checkpoint, see [`Weights::load`], in the precision that
    /// `options` asks for.
    ///
    /// # Errors
    /// As [`Weights::load`], and [`WeightsError::QuantizedPrecision`] when a precision is
    /// asked of quantised tensors.
    pub fn of(
        checkpoint: &Checkpoint,
        options: &LoadOptions,
        sanitize: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, LoadError> {
        let declared = checkpoint.tensors()?;
        let quantized = declared.iter().find(|tensor| tensor.name.ends_with(".scales"));
        if let (Some(precision), Some(tensor)) = (options.dtype, quantized) {
            let name = tensor.name.clone();
            return Err(WeightsError::QuantizedPrecision { precision, name }.into());
        }
        let (folder, files) = (&checkpoint.dir, &checkpoint.weight_files);
        Ok(Self::load(folder, files, &declared, options.dtype, sanitize)?)
    }

    /// Reads all tensors of `files`, whose validated headers declared `declared`, under
    /// the names that `sanitize` gives them; `None` drops a tensor. The arrays are
    /// converted to `precision`, if one is given, and evaluated, so that no later change
    /// of a file reaches them.
    ///
    /// # Errors
    /// When a file cannot be read, is not what was declared or changes meanwhile, or
    /// two names become one.
    pub fn load(
        folder: &Path,
        files: &[PathBuf],
        declared: &[TensorInfo],
        precision: Option<Precision>,
        sanitize: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, WeightsError> {
        let mut weights = Self::empty(folder);
        for (number, path) in files.iter().enumerate() {
            let here = declared.iter().filter(|tensor| tensor.file == number);
            weights.add(file::read(path, here, precision.map(dtype))?, &sanitize)?;
        }
        Ok(weights)
    }

    fn empty(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            tensors: RefCell::default(),
            spellings: BTreeMap::new(),
            precisions: RefCell::default(),
        }
    }

    fn add(
        &mut self,
        tensors: HashMap<String, Array>,
        sanitize: impl Fn(&str) -> Option<String>,
    ) -> Result<(), WeightsError> {
        for (name, array) in tensors {
            let Some(canonical) = sanitize(&name) else { continue };
            if let Some(other) = self.spellings.insert(canonical.clone(), name.clone()) {
                let (first, second) = (name.clone().min(other.clone()), name.max(other));
                return Err(WeightsError::Duplicate { first, second });
            }
            self.tensors.get_mut().insert(canonical, Tensor { name, array });
        }
        Ok(())
    }

    /// How the files would spell the name of a missing tensor, going by the tensor
    /// that lies nearest to it.
    fn spelling(&self, canonical: &str) -> String {
        let shared = |name: &str| {
            name.bytes().zip(canonical.bytes()).take_while(|(ours, theirs)| ours == theirs).count()
        };
        let nearest = self.spellings.iter().max_by_key(|(name, _)| shared(name));
        nearest
            .filter(|(name, _)| shared(name) > 0)
            .and_then(|(name, spelled)| transfer(name, spelled, canonical))
            .unwrap_or_else(|| canonical.to_owned())
    }

    /// The scope that spells names from the top.
    pub fn root(&self) -> Scope<'_> {
        Scope { weights: self, prefix: String::new() }
    }

    /// Checks that every tensor was taken, and returns the precisions they are stored
    /// in, such as `4-bit (group 64), float16`.
    ///
    /// # Errors
    /// [`WeightsError::Unexpected`] counts the left-overs and names the first.
    pub fn finish(self) -> Result<String, WeightsError> {
        let tensors = self.tensors.into_inner();
        match tensors.values().next() {
            None => Ok(self.precisions.into_inner().into_iter().collect::<Vec<_>>().join(", ")),
            Some(first) => Err(WeightsError::Unexpected {
                count: tensors.len(),
                first: first.name.clone(),
                folder: self.folder,
            }),
        }
    }
}

fn dtype(precision: Precision) -> Dtype {
    match precision {
        Precision::Float32 => Dtype::Float32,
        Precision::Float16 => Dtype::Float16,
        Precision::Bfloat16 => Dtype::Bfloat16,
    }
}

/// Spells `canonical` as `spelled` spells `name`: the part in which those two differ
/// lies at their beginning.
fn transfer(name: &str, spelled: &str, canonical: &str) -> Option<String> {
    let (ours, theirs) = (name.as_bytes(), spelled.as_bytes());
    let same = ours.iter().rev().zip(theirs.iter().rev()).take_while(|(a, b)| a == b).count();
    let rest = canonical.strip_prefix(name.get(..name.len() - same)?)?;
    Some(format!("{}{rest}", spelled.get(..spelled.len() - same)?))
}

/// A place in the tree of tensor names, such as `text_model.layers.3`.
#[derive(Clone)]
pub struct Scope<'a> {
    weights: &'a Weights,
    prefix: String,
}

impl Scope<'_> {
    /// The scope below this one.
    #[must_use]
    pub fn scope(&self, name: impl std::fmt::Display) -> Self {
        Self { weights: self.weights, prefix: self.path(&name.to_string()) }
    }

    /// Whether the checkpoint holds `name` here, not yet taken.
    pub fn has(&self, name: &str) -> bool {
        self.weights.tensors.borrow().contains_key(&self.path(name))
    }

    /// Takes a floating-point tensor of exactly this shape.
    ///
    /// # Errors
    /// When it is missing, shaped otherwise, or not floating-point.
    pub fn tensor(&self, name: &str, shape: &[i32]) -> Result<Array, WeightsError> {
        let tensor = self.take(name)?;
        if tensor.array.shape() != shape {
            return Err(tensor.wrong_shape(format!("{shape:?}")));
        }
        self.floating(tensor)
    }

    /// Takes a tensor of this shape if the checkpoint has it.
    ///
    /// # Errors
    /// As [`Scope::tensor`], except that a missing tensor is `None`.
    pub fn optional(&self, name: &str, shape: &[i32]) -> Result<Option<Array>, WeightsError> {
        if self.has(name) { self.tensor(name, shape).map(Some) } else { Ok(None) }
    }

    /// Drops the tensors below this scope of which `is_unused` holds, given their names from
    /// here on: parts of a published network that the model does not use.
    pub fn discard(&self, is_unused: impl Fn(&str) -> bool) {
        let prefix = format!("{}.", self.prefix);
        let unused = |name: &str| name.strip_prefix(&prefix).is_some_and(&is_unused);
        self.weights.tensors.borrow_mut().retain(|name, _| !unused(name));
    }

    /// Takes the kernel of a square convolution over patches as MLX wants it,
    /// `[out, size, size, channels]`, from that layout or from `PyTorch`'s
    /// `[out, channels, size, size]`.
    ///
    /// # Errors
    /// When it is missing or has neither shape.
    pub fn patch_kernel(&self, out: i32, size: i32, channels: i32) -> Result<Array, WeightsError> {
        let tensor = self.take("weight")?;
        let (ours, theirs) = ([out, size, size, channels], [out, channels, size, size]);
        let array = match tensor.array.shape() {
            shape if shape == ours => self.floating(tensor)?,
            shape if shape == theirs => {
                let array = self.floating(tensor)?;
                self.compute(|| array.transpose_axes(&[0, 2, 3, 1]))?
            }
            _ => return Err(tensor.wrong_shape(format!("{ours:?} or {theirs:?}"))),
        };
        Ok(array)
    }

    /// Runs a computation on tensors taken here, such as a change of layout, and
    /// evaluates its result.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn compute(
        &self,
        operation: impl FnOnce() -> Result<Array, Exception>,
    ) -> Result<Array, WeightsError> {
        let evaluated = || operation().and_then(|array| array.eval().map(|()| array));
        evaluated().map_err(|error| WeightsError::Read {
            path: self.weights.folder.clone(),
            message: error.what().to_owned(),
        })
    }

    fn path(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    fn take(&self, name: &str) -> Result<Tensor, WeightsError> {
        let path = self.path(name);
        self.weights.tensors.borrow_mut().remove(&path).ok_or_else(|| WeightsError::Missing {
            name: self.weights.spelling(&path),
            folder: self.weights.folder.clone(),
        })
    }

    fn note_precision(&self, name: &str) {
        let mut precisions = self.weights.precisions.borrow_mut();
        if !precisions.contains(name) {
            precisions.insert(name.to_owned());
        }
    }

    fn floating(&self, tensor: Tensor) -> Result<Array, WeightsError> {
        let name = match tensor.array.dtype() {
            Dtype::Float32 => "float32",
            Dtype::Float16 => "float16",
            Dtype::Bfloat16 => "bfloat16",
            other => {
                return Err(WeightsError::Dtype {
                    name: tensor.name,
                    dtype: format!("{other:?}").to_lowercase(),
                });
            }
        };
        self.note_precision(name);
        Ok(tensor.array)
    }
}

impl Tensor {
    fn wrong_shape(self, expected: String) -> WeightsError {
        WeightsError::Shape { name: self.name, found: self.array.shape().to_vec(), expected }
    }
}

#[cfg(test)]
pub(crate) mod tests;
