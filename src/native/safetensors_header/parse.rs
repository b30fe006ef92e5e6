//! The JSON of a safetensors header, and the rules its tensors must obey.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::Path,
};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use super::{HeaderProblem, SafetensorsDtype, TensorInfo};

/// What a header declares, in its own order, unchecked.
pub(super) struct Declared {
    pub tensors: Vec<(String, Entry)>,
    pub metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    dtype: SafetensorsDtype,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Parses the JSON object; a name may occur once.
pub(super) fn declared(json: &[u8], path: &Path) -> Result<Declared, HeaderProblem> {
    if json.first() != Some(&b'{') {
        return Err(HeaderProblem::Malformed("it does not begin with '{'".to_owned()));
    }
    let declared: Declared =
        serde_json::from_slice(json).map_err(|e| HeaderProblem::Malformed(e.to_string()))?;
    let mut names = HashSet::new();
    for (name, _) in &declared.tensors {
        // Error texts of MLX pass through a C format string, so `%` must not get there.
        if name.is_empty() || name.contains('%') || name.contains(char::is_control) {
            return Err(HeaderProblem::UnsafeName(name.clone()));
        }
        if !names.insert(name) {
            return Err(HeaderProblem::Duplicate { name: name.clone(), other: path.to_owned() });
        }
    }
    Ok(declared)
}

/// Orders the tensors by their place in the file and checks that each fills its span,
/// and all of them the `data` bytes of the file, without overlap or gap.
pub(super) fn check(
    declared: Vec<(String, Entry)>,
    data: u64,
) -> Result<Vec<TensorInfo>, HeaderProblem> {
    let mut tensors = declared.into_iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
    tensors.sort_by_key(|a| (a.data.start, a.data.end));
    let mut expected = 0;
    for tensor in &tensors {
        if tensor.data.start != expected {
            return Err(HeaderProblem::NotContiguous {
                name: tensor.name.clone(),
                begin: tensor.data.start,
                expected,
            });
        }
        expected = tensor.data.end;
    }
    if expected == data {
        return Ok(tensors);
    }
    let last = tensors.last().map_or_else(|| "(none)".to_owned(), |t| t.name.clone());
    Err(HeaderProblem::WrongLength { last, end: expected, data })
}

fn tensor((name, entry): (String, Entry)) -> Result<TensorInfo, HeaderProblem> {
    let (begin, end) = entry.data_offsets;
    let bytes = entry
        .shape
        .iter()
        .try_fold(entry.dtype.size(), |bytes, &side| bytes.checked_mul(side as u64));
    if bytes.is_none() || bytes != end.checked_sub(begin) {
        let span = end.saturating_sub(begin);
        return Err(HeaderProblem::SizeMismatch {
            name,
            dtype: entry.dtype,
            shape: entry.shape,
            span,
        });
    }
    Ok(TensorInfo { name, dtype: entry.dtype, shape: entry.shape, file: 0, data: begin..end })
}

impl<'de> Deserialize<'de> for Declared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DeclaredVisitor)
    }
}

/// Keeps every key, so that duplicates are seen; a map type would swallow them.
struct DeclaredVisitor;

impl<'de> Visitor<'de> for DeclaredVisitor {
    type Value = Declared;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Declared, A::Error> {
        let mut tensors = Vec::new();
        let mut metadata = None;
        while let Some(name) = map.next_key::<String>()? {
            if name != "__metadata__" {
                let entry = map
                    .next_value()
                    .map_err(|e| A::Error::custom(format_args!("tensor {name:?}: {e}")))?;
                tensors.push((name, entry));
            } else if metadata.replace(map.next_value::<Option<_>>()?.unwrap_or_default()).is_some()
            {
                // MLX writes null where there is none.
                return Err(A::Error::custom("__metadata__ occurs twice"));
            }
        }
        Ok(Declared { tensors, metadata: metadata.unwrap_or_default() })
    }
}
