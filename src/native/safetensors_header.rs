//! Reads and checks the header of a safetensors file before MLX sees it.
//! Format: <https://huggingface.co/docs/safetensors> (8 bytes little-endian header
//! length, a JSON object, then the tensors, contiguous and without gaps).

mod parse;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Largest header the format allows, in bytes.
const MAX_HEADER: u64 = 100_000_000;

/// Element types that are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are those of the format")]
pub enum SafetensorsDtype {
    Bool,
    U8,
    I8,
    U16,
    I16,
    F16,
    Bf16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
}

impl SafetensorsDtype {
    /// Bytes per element.
    pub const fn size(self) -> u64 {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether it is a floating-point type.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }
}

impl fmt::Display for SafetensorsDtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_uppercase())
    }
}

/// One tensor as its file's header declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name: printable and without `%`.
    pub name: String,
    /// Its element type.
    pub dtype: SafetensorsDtype,
    /// Its shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Index of its file among those given to [`read_headers`].
    pub file: usize,
    /// Bytes it occupies, counted from the start of the file's tensor data.
    pub data: std::ops::Range<u64>,
}

/// The header of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The tensors in the order in which their data lies in the file.
    pub tensors: Vec<TensorInfo>,
    /// `__metadata__`; `format` is `pt` or `mlx` in published files.
    pub metadata: BTreeMap<String, String>,
    /// Where the tensor data begins, in bytes from the start of the file.
    pub data_start: u64,
}

/// A safetensors file that must not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct HeaderError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: HeaderProblem,
}

/// What is wrong with a safetensors file.
#[derive(Debug, thiserror::Error)]
pub enum HeaderProblem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// Shorter than a header's length prefix.
    #[error("is {0} bytes long, too short for a safetensors file: download it again")]
    TooShort(u64),
    /// A pointer of Git LFS in place of the file.
    #[error("is a Git LFS pointer, not the weights: run `git lfs pull`")]
    LfsPointer,
    /// The header is longer than the format allows.
    #[error("header of {0} bytes is over the limit of {MAX_HEADER}: not a safetensors file")]
    HeaderTooLarge(u64),
    /// The header reaches past the end of the file.
    #[error(
        "header of {header} bytes reaches past the end of the file ({file} bytes): truncated, download it again"
    )]
    HeaderPastEnd {
        /// Length of the header.
        header: u64,
        /// Length of the file.
        file: u64,
    },
    /// The header is not the JSON that the format prescribes.
    #[error("header is malformed: {0}")]
    Malformed(String),
    /// A name that cannot be passed on safely.
    #[error("tensor name {0:?} is empty or holds '%' or a control character: rename it")]
    UnsafeName(String),
    /// A tensor is declared twice.
    #[error("tensor {name} is also in {}", other.display())]
    Duplicate {
        /// The tensor.
        name: String,
        /// The file that declares it too, possibly the same one.
        other: PathBuf,
    },
    /// Shape and element type need another number of bytes than the offsets span.
    #[error("tensor {name}: {dtype}{shape:?} does not fill its {span} bytes")]
    SizeMismatch {
        /// The tensor.
        name: String,
        /// Its element type.
        dtype: SafetensorsDtype,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes between its offsets.
        span: u64,
    },
    /// The data of a tensor does not begin where the one before it ends.
    #[error(
        "tensor {name}: data begins at byte {begin} instead of {expected}: tensors overlap or leave a gap"
    )]
    NotContiguous {
        /// The tensor.
        name: String,
        /// Where its data begins.
        begin: u64,
        /// Where it should begin.
        expected: u64,
    },
    /// The tensors end before or after the end of the file.
    #[error(
        "tensor {last} ends at data byte {end} of {data}: file truncated or padded, download it again"
    )]
    WrongLength {
        /// The tensor that lies last.
        last: String,
        /// Where its data ends.
        end: u64,
        /// Bytes of tensor data in the file.
        data: u64,
    },
}

/// Reads and checks the headers of all files of a checkpoint; a name may occur once
/// among all of them.
///
/// # Errors
/// [`HeaderError`] naming the file and, where there is one, the tensor.
pub fn read_headers(paths: &[PathBuf]) -> Result<Vec<TensorInfo>, HeaderError> {
    let mut tensors: Vec<TensorInfo> = Vec::new();
    let mut seen: HashMap<String, &Path> = HashMap::new();
    for (index, path) in paths.iter().enumerate() {
        for mut tensor in read_header(path)?.tensors {
            if let Some(other) = seen.insert(tensor.name.clone(), path) {
                let problem =
                    HeaderProblem::Duplicate { name: tensor.name, other: other.to_owned() };
                return Err(HeaderError { path: path.clone(), problem });
            }
            tensor.file = index;
            tensors.push(tensor);
        }
    }
    Ok(tensors)
}

/// Reads and checks the header of one file; [`TensorInfo::file`] is 0.
///
/// # Errors
/// [`HeaderError`] naming the file and, where there is one, the tensor.
pub fn read_header(path: &Path) -> Result<Header, HeaderError> {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        parse_header(&mut file, length, path)
    };
    read().map_err(|problem| HeaderError { path: path.to_owned(), problem })
}

/// Checks a header against the length of its file.
fn parse_header(file: &mut impl Read, length: u64, path: &Path) -> Result<Header, HeaderProblem> {
    if length < 8 {
        return Err(HeaderProblem::TooShort(length));
    }
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix)?;
    if &prefix == b"version " {
        return Err(HeaderProblem::LfsPointer);
    }
    let header = u64::from_le_bytes(prefix);
    if header > MAX_HEADER {
        return Err(HeaderProblem::HeaderTooLarge(header));
    }
    let data_start = header + 8;
    let Some(data) = length.checked_sub(data_start) else {
        return Err(HeaderProblem::HeaderPastEnd { header, file: length });
    };
    let mut json = vec![0; header as usize];
    file.read_exact(&mut json)?;
    let declared = parse::declared(&json, path)?;
    let tensors = parse::check(declared.tensors, data)?;
    Ok(Header { tensors, metadata: declared.metadata, data_start })
}

#[cfg(test)]
pub(crate) mod tests;
