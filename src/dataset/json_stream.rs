//! Reads the array under one key of a JSON object, item by item: neither the
//! file nor the array is ever in memory.

use std::{
    fmt,
    fs::File,
    io::{BufReader, Read},
    marker::PhantomData,
    path::Path,
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::error::DatasetError;

/// An item whose question id was seen before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DuplicateId(pub(super) u64);

/// What to read, and what one item of it is called in messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items {
    /// Key of the array in the file's object.
    pub(super) key: &'static str,
    /// One item, in the singular.
    pub(super) entry: &'static str,
}

/// Calls `take` with every item of the array under `items.key` in `path`, in
/// order, and returns the text under `data_subtype`, if the file states it.
///
/// # Errors
/// [`DatasetError::Read`], [`DatasetError::Malformed`] with the place, or
/// [`DatasetError::DuplicateId`] when `take` says so.
pub(super) fn for_each<T: for<'de> Deserialize<'de>>(
    path: &Path,
    items: Items,
    take: impl FnMut(T) -> Result<(), DuplicateId>,
) -> Result<Option<String>, DatasetError> {
    let file = File::open(path).map_err(DatasetError::read(path))?;
    let mut duplicate = None;
    let result = parse(BufReader::with_capacity(1 << 16, file), items, take, &mut duplicate);
    result.map_err(|error| match duplicate {
        Some(DuplicateId(id)) => DatasetError::DuplicateId {
            path: path.to_path_buf(),
            line: error.line(),
            entry: items.entry,
            id,
        },
        None => explain(path, error),
    })
}

fn parse<T: for<'de> Deserialize<'de>>(
    reader: impl Read,
    items: Items,
    take: impl FnMut(T) -> Result<(), DuplicateId>,
    duplicate: &mut Option<DuplicateId>,
) -> serde_json::Result<Option<String>> {
    let mut json = serde_json::Deserializer::from_reader(reader);
    let object = Object { items, take, duplicate, item: PhantomData };
    let subtype = json.deserialize_map(object)?;
    json.end()?;
    Ok(subtype)
}

fn explain(path: &Path, error: serde_json::Error) -> DatasetError {
    if error.is_io() {
        return DatasetError::read(path)(error.into());
    }
    let (line, column) = (error.line(), error.column());
    // The place has fields of its own; serde_json also appends it to the text.
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    let message = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    DatasetError::Malformed { path: path.to_path_buf(), line, column, message }
}

/// The file's object.
struct Object<'a, T, F> {
    items: Items,
    take: F,
    duplicate: &'a mut Option<DuplicateId>,
    item: PhantomData<T>,
}

impl<'de, T, F> Visitor<'de> for Object<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), DuplicateId>,
{
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with an array `{}`", self.items.key)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut subtype, mut found) = (None, false);
        while let Some(key) = map.next_key::<String>()? {
            if key == self.items.key {
                if found {
                    return Err(A::Error::duplicate_field(self.items.key));
                }
                found = true;
                map.next_value_seed(Array {
                    items: self.items,
                    take: &mut self.take,
                    duplicate: &mut *self.duplicate,
                    item: PhantomData,
                })?;
            } else if key == "data_subtype" {
                subtype = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(subtype) } else { Err(A::Error::missing_field(self.items.key)) }
    }
}

/// The array whose items are handed over.
struct Array<'a, T, F> {
    items: Items,
    take: &'a mut F,
    duplicate: &'a mut Option<DuplicateId>,
    item: PhantomData<T>,
}

impl<'de, T, F> DeserializeSeed<'de> for Array<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), DuplicateId>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T, F> Visitor<'de> for Array<'_, T, F>
where
    T: Deserialize<'de>,
    F: FnMut(T) -> Result<(), DuplicateId>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {}s", self.items.entry)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<T>()? {
            if let Err(id) = (self.take)(item) {
                *self.duplicate = Some(id);
                return Err(A::Error::custom("duplicate id"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NUMBERS: Items = Items { key: "numbers", entry: "number" };

    fn read(json: &[u8]) -> Result<(Vec<u64>, Option<String>), DatasetError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), json).unwrap();
        let mut seen = Vec::new();
        let subtype = for_each(file.path(), NUMBERS, |number: u64| {
            let new = !seen.contains(&number);
            seen.push(number);
            if new { Ok(()) } else { Err(DuplicateId(number)) }
        })?;
        Ok((seen, subtype))
    }

    fn malformed(json: &str) -> (usize, String) {
        match read(json.as_bytes()) {
            Err(DatasetError::Malformed { line, message, .. }) => (line, message),
            other => panic!("{json}: {other:?}"),
        }
    }

    #[test]
    fn items_arrive_in_order_wherever_the_array_stands() {
        let json = br#"{"info": {"x": [1, {}]}, "numbers": [3, 1, 2], "data_subtype": "val2014"}"#;
        assert_eq!(read(json).unwrap(), (vec![3, 1, 2], Some("val2014".to_owned())));
        assert_eq!(read(br#"{"numbers": []}"#).unwrap(), (vec![], None));
    }

    #[test]
    fn a_malformed_file_is_reported_with_its_line() {
        assert_eq!(malformed("{\n\"numbers\": [1,\n2,, 3]}").0, 3);
        assert_eq!(malformed("{\"numbers\": [1\n").0, 2);
        let (line, message) = malformed("{\"numbers\": [1,\n\"two\"]}");
        assert_eq!(line, 2);
        assert_eq!(message, "invalid type: string \"two\", expected u64");
    }

    #[test]
    fn the_array_must_be_there_once_and_be_an_array() {
        assert_eq!(malformed("{}").1, "missing field `numbers`");
        assert_eq!(malformed(r#"{"numbers": [], "numbers": []}"#).1, "duplicate field `numbers`");
        assert!(malformed(r#"{"numbers": 7}"#).1.ends_with("expected an array of numbers"));
        assert!(malformed("[1]").1.ends_with("expected an object with an array `numbers`"));
        assert!(malformed("").1.starts_with("EOF"));
        assert!(malformed(r#"{"numbers": []} x"#).1.starts_with("trailing"));
    }

    #[test]
    fn a_duplicate_is_reported_with_id_and_line() {
        match read(b"{\"numbers\": [5,\n6,\n5]}") {
            Err(DatasetError::DuplicateId { line: 3, entry: "number", id: 5, .. }) => {}
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let missing = Path::new("no/such/file.json");
        let error = for_each(missing, NUMBERS, |_: u64| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with("cannot read no/such/file.json: "), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0_usize..40
        ) {
            let _ = read(&bytes);
            let valid = br#"{"numbers": [1, 2, 30, 4], "more": ["x"]}"#;
            prop_assert!(read(&valid[..cut]).is_err());
        }
    }
}
