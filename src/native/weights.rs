//! The tensors of a checkpoint, handed out by name. Every tensor is taken exactly
//! once: a missing, left-over or wrongly shaped one is an error that names it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use mlx_rs::{Array, Dtype, error::Exception, transforms};

/// Why the tensors of a checkpoint do not make the model its config describes.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// A tensor the model needs is in none of the files.
    #[error(
        "tensor `{name}` is missing from {folder}; the weights are incomplete or belong to another model"
    )]
    Missing {
        /// Its name, as this program spells it.
        name: String,
        /// The checkpoint.
        folder: PathBuf,
    },
    /// A tensor disagrees with config.json.
    #[error("tensor `{name}` has shape {found:?}, but config.json asks for {expected}")]
    Shape {
        /// Its name in the file.
        name: String,
        /// The shape in the file.
        found: Vec<i32>,
        /// What was expected.
        expected: String,
    },
    /// Tensors that no part of the model uses.
    #[error("{count} tensor(s) in {folder} are not part of this model, the first is `{first}`")]
    Unexpected {
        /// How many.
        count: usize,
        /// The first by name.
        first: String,
        /// The checkpoint.
        folder: PathBuf,
    },
    /// Two tensors mean the same part of the model.
    #[error("tensors `{first}` and `{second}` are two spellings of the same weight")]
    Duplicate {
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
    /// A stored precision that this model cannot compute with.
    #[error("tensor `{name}` is stored as {dtype}; expected float32, float16 or bfloat16")]
    Dtype {
        /// Its name in the file.
        name: String,
        /// What it is.
        dtype: String,
    },
    /// A file changed while it was read.
    #[error("{path} changed while it was loaded; load it again when nothing writes to it")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// MLX could not read a file.
    #[error("{path}: {message}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What MLX said.
        message: String,
    },
}

struct Tensor {
    /// The name in the file, for messages.
    name: String,
    array: Array,
}

/// All tensors of a checkpoint that have not been taken yet.
pub struct Weights {
    folder: PathBuf,
    tensors: RefCell<BTreeMap<String, Tensor>>,
    dtypes: RefCell<BTreeSet<String>>,
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Weights").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Weights {
    /// Reads all tensors of `files`, whose headers have been validated, under the
    /// names that `sanitize` gives them; `None` drops a tensor. The arrays are
    /// evaluated file by file, so that a file replaced between a lazy load and its
    /// first use cannot slip wrong numbers in.
    ///
    /// # Errors
    /// When a file cannot be read, changes meanwhile, or two names become one.
    pub fn load(
        folder: &Path,
        files: &[PathBuf],
        sanitize: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, WeightsError> {
        let mut tensors = BTreeMap::new();
        for path in files {
            let identity = FileIdentity::of(path);
            for (name, array) in read_file(path)? {
                let Some(canonical) = sanitize(&name) else { continue };
                if let Some(other) = tensors.insert(canonical, Tensor { name: name.clone(), array })
                {
                    return Err(WeightsError::Duplicate { first: other.name, second: name });
                }
            }
            let read_error = |error: Exception| WeightsError::Read {
                path: path.clone(),
                message: error.what().to_owned(),
            };
            transforms::eval(tensors.values().map(|tensor: &Tensor| &tensor.array))
                .map_err(read_error)?;
            if FileIdentity::of(path) != identity {
                return Err(WeightsError::Changed { path: path.clone() });
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            tensors: RefCell::new(tensors),
            dtypes: RefCell::new(BTreeSet::new()),
        })
    }

    /// The scope that spells names from the top.
    pub fn root(&self) -> Scope<'_> {
        Scope { weights: self, prefix: String::new() }
    }

    /// Checks that every tensor was taken.
    ///
    /// # Errors
    /// [`WeightsError::Unexpected`] counts the left-overs and names the first.
    pub fn finish(self) -> Result<String, WeightsError> {
        let tensors = self.tensors.into_inner();
        match tensors.values().next() {
            None => Ok(self.dtypes.into_inner().into_iter().collect::<Vec<_>>().join(", ")),
            Some(first) => Err(WeightsError::Unexpected {
                count: tensors.len(),
                first: first.name.clone(),
                folder: self.folder,
            }),
        }
    }
}

fn read_file(path: &Path) -> Result<impl Iterator<Item = (String, Array)>, WeightsError> {
    let tensors = Array::load_safetensors(path).map_err(|error| WeightsError::Read {
        path: path.to_owned(),
        message: error.to_string(),
    })?;
    Ok(tensors.into_iter())
}

/// What tells one state of a file from another without reading it.
#[derive(PartialEq)]
struct FileIdentity(Option<(u64, std::time::SystemTime)>);

impl FileIdentity {
    fn of(path: &Path) -> Self {
        Self(std::fs::metadata(path).and_then(|meta| Ok((meta.len(), meta.modified()?))).ok())
    }
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

    /// Takes the kernel of a square convolution over patches as MLX wants it,
    /// `[out, size, size, channels]`, from that layout or from PyTorch's
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

    /// Takes the three tensors of an MLX-quantised matrix of `rows` × `columns`:
    /// packed weights, scales and biases, with the bits and group size that their
    /// shapes imply.
    ///
    /// # Errors
    /// When one is missing or their shapes do not fit together.
    pub fn quantized(&self, rows: i32, columns: i32) -> Result<Quantized, WeightsError> {
        let (packed, scales, biases) =
            (self.take("weight")?, self.take("scales")?, self.take("biases")?);
        let shape = packed.array.shape().to_vec();
        let fits = packed.array.dtype() == Dtype::Uint32 && shape.len() == 2 && shape[0] == rows;
        let bits = if fits && columns > 0 { shape[1] * 32 / columns } else { 0 };
        if !matches!(bits, 2 | 3 | 4 | 5 | 6 | 8) || shape[1] * 32 != columns * bits {
            return Err(packed.wrong_shape(format!("uint32 [{rows}, {columns} × bits / 32]")));
        }
        let groups = scales.array.shape().get(1).copied().unwrap_or(0);
        let group_size = if groups > 0 { columns / groups } else { 0 };
        if scales.array.shape() != [rows, groups]
            || !matches!(group_size, 32 | 64 | 128)
            || group_size * groups != columns
        {
            return Err(scales.wrong_shape(format!(
                "[{rows}, {columns} / group size], group size 32, 64 or 128"
            )));
        }
        if biases.array.shape() != [rows, groups] {
            return Err(biases.wrong_shape(format!("[{rows}, {groups}]")));
        }
        self.weights.dtypes.borrow_mut().insert(format!("{bits}-bit (group {group_size})"));
        Ok(Quantized {
            packed: packed.array,
            scales: self.floating(scales)?,
            biases: self.floating(biases)?,
            group_size,
            bits,
        })
    }

    /// Runs a computation on tensors taken here, such as a change of layout.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn compute(
        &self,
        operation: impl FnOnce() -> Result<Array, Exception>,
    ) -> Result<Array, WeightsError> {
        operation().map_err(|error| WeightsError::Read {
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
            name: path,
            folder: self.weights.folder.clone(),
        })
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
        let mut dtypes = self.weights.dtypes.borrow_mut();
        if !dtypes.contains(name) {
            dtypes.insert(name.to_owned());
        }
        Ok(tensor.array)
    }
}

impl Tensor {
    fn wrong_shape(self, expected: String) -> WeightsError {
        WeightsError::Shape { name: self.name, found: self.array.shape().to_vec(), expected }
    }
}

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
