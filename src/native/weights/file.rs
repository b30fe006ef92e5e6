//! Reads one safetensors file through MLX and makes sure that what was read is what
//! its header, validated before, declared.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use mlx_rs::{Array, Dtype, error::Exception, transforms};
use tempfile::TempDir;

use super::WeightsError;
use crate::native::safetensors_header::TensorInfo;

/// All tensors of the file at `path`, evaluated: nothing that happens to the file
/// afterwards reaches them. Floating-point ones are converted to `dtype`, if one is given.
///
/// # Errors
/// When MLX cannot read the file, or it is not the one that `declared` describes.
pub(super) fn read<'a>(
    path: &Path,
    declared: impl Iterator<Item = &'a TensorInfo>,
    dtype: Option<Dtype>,
) -> Result<HashMap<String, Array>, WeightsError> {
    let failed = |message: String| WeightsError::Read { path: path.to_owned(), message };
    let changed = || WeightsError::Changed { path: path.to_owned() };
    let before = FileIdentity::of(path);
    let readable =
        MlxPath::to(path).map_err(|source| WeightsError::Path { path: path.to_owned(), source })?;
    let mut tensors = Array::load_safetensors(&readable.path).map_err(|e| failed(e.to_string()))?;
    if !equals(&tensors, declared) {
        return Err(changed());
    }
    if let Some(dtype) = dtype {
        convert(&mut tensors, dtype).map_err(|error| failed(error.what().to_owned()))?;
    }
    transforms::eval(tensors.values()).map_err(|error| failed(error.what().to_owned()))?;
    if FileIdentity::of(path) != before {
        return Err(changed());
    }
    Ok(tensors)
}

/// Lazily, so that each tensor as it was stored is gone once it is converted.
fn convert(tensors: &mut HashMap<String, Array>, dtype: Dtype) -> Result<(), Exception> {
    let floating = [Dtype::Float32, Dtype::Float16, Dtype::Bfloat16];
    for tensor in tensors.values_mut().filter(|tensor| floating.contains(&tensor.dtype())) {
        *tensor = tensor.as_dtype(dtype)?;
    }
    Ok(())
}

fn equals<'a>(
    tensors: &HashMap<String, Array>,
    declared: impl Iterator<Item = &'a TensorInfo>,
) -> bool {
    let mut count = 0;
    for tensor in declared {
        let same = tensors.get(&tensor.name).is_some_and(|array| {
            let found = array.shape().iter().map(|&side| usize::try_from(side).ok());
            found.eq(tensor.shape.iter().map(|&side| Some(side)))
        });
        if !same {
            return false;
        }
        count += 1;
    }
    count == tensors.len()
}

/// What tells one state of a file from another without reading it: length, time of change,
/// device and inode.
#[derive(PartialEq)]
struct FileIdentity(Option<(u64, SystemTime, u64, u64)>);

impl FileIdentity {
    fn of(path: &Path) -> Self {
        let identity = fs::metadata(path)
            .and_then(|meta| Ok((meta.len(), meta.modified()?, meta.dev(), meta.ino())));
        Self(identity.ok())
    }
}

/// A path that MLX can be given. mlx-rs wants UTF-8, and the C library beneath uses its
/// error texts, which name the file, as a format string: `%` in a path would be read as
/// a directive. Any other path is reached through a link in a temporary folder.
struct MlxPath {
    path: PathBuf,
    _link: Option<TempDir>,
}

impl MlxPath {
    fn to(path: &Path) -> io::Result<Self> {
        if is_plain(path) {
            return Ok(Self { path: path.to_owned(), _link: None });
        }
        let folder = tempfile::tempdir()?;
        let link = folder.path().join("weights.safetensors");
        if !is_plain(&link) {
            return Err(io::Error::other("the path of the temporary folder is no better"));
        }
        std::os::unix::fs::symlink(std::path::absolute(path)?, &link)?;
        Ok(Self { path: link, _link: Some(folder) })
    }
}

fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|text| !text.contains('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_same_length_and_time_that_took_its_place_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("file"), folder.path().join("other"));
        fs::write(&path, "one").unwrap();
        fs::write(&other, "two").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&other).unwrap().set_modified(time).unwrap();
        let before = FileIdentity::of(&path);
        assert!(before == FileIdentity::of(&path));
        fs::rename(other, &path).unwrap();
        assert!(before != FileIdentity::of(&path));
    }
}
