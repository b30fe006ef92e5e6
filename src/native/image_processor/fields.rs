//! Typed reading of an image processor's JSON: absent or null fields take the class default, others must fit.

use serde_json::{Map, Value};

use super::{error::ImageError, filter::Filter};

/// Longest side that a configuration may ask for; no published checkpoint comes near it.
const MAX_SIDE: u64 = 16_384;

/// One JSON object of a configuration and where it stands.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    prefix: String,
}

impl<'a> Fields<'a> {
    /// Reads the top level of a configuration.
    pub(super) fn new(json: &'a Value) -> Result<Self, ImageError> {
        let object = json.as_object().ok_or_else(|| mismatch("", "an object", json))?;
        Ok(Self { object, prefix: String::new() })
    }

    /// The object in field `name`, if it is there.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, ImageError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let object = value.as_object().ok_or_else(|| self.mismatch(name, "an object", value))?;
        Ok(Some(Self { object, prefix: format!("{}{name}.", self.prefix) }))
    }

    /// A yes or no.
    pub(super) fn bool(&self, name: &str, default: bool) -> Result<bool, ImageError> {
        self.get(name).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| self.mismatch(name, "true or false", value))
        })
    }

    /// The length of a side in pixels, from 1 to 16384, if it is there. Zero counts as absent, as in the reference.
    pub(super) fn side(&self, name: &str) -> Result<Option<usize>, ImageError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(0) => Ok(None),
                _ if pixels(value).is_some() => Ok(pixels(value)),
                _ => Err(self.mismatch(name, "a whole number of pixels up to 16384", value)),
            },
        }
    }

    /// The length of a side in pixels, from 1 to 16384, if the field is a number in that range.
    pub(super) fn plain_side(&self, name: &str) -> Option<usize> {
        pixels(self.get(name)?)
    }

    /// Height and width in pixels, if the field is a list of two.
    pub(super) fn pair(&self, name: &str) -> Option<(usize, usize)> {
        pair(self.get(name)?)
    }

    /// Pairs of sides in pixels, from 1 to 16384 each.
    pub(super) fn pairs(
        &self,
        name: &str,
        default: &[(usize, usize)],
    ) -> Result<Vec<(usize, usize)>, ImageError> {
        let Some(value) = self.get(name) else { return Ok(default.to_vec()) };
        let pairs = value.as_array().and_then(|list| list.iter().map(pair).collect());
        pairs.ok_or_else(|| self.mismatch(name, "a list of pairs of pixels up to 16384", value))
    }

    /// A whole number.
    pub(super) fn count(&self, name: &str, default: usize) -> Result<usize, ImageError> {
        self.get(name).map_or(Ok(default), |value| {
            let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
            count.ok_or_else(|| self.mismatch(name, "a whole number", value))
        })
    }

    /// A finite number.
    pub(super) fn number(&self, name: &str, default: f64) -> Result<f64, ImageError> {
        self.get(name).map_or(Ok(default), |value| {
            value.as_f64().ok_or_else(|| self.mismatch(name, "a number", value))
        })
    }

    /// A number per channel; one number stands for all three.
    pub(super) fn channels(&self, name: &str, default: [f64; 3]) -> Result<[f64; 3], ImageError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        let list = || {
            let numbers: Vec<f64> =
                value.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
            numbers.try_into().ok()
        };
        let numbers = value.as_f64().map(|number| [number; 3]).or_else(list);
        numbers.ok_or_else(|| self.mismatch(name, "a number or a list of three numbers", value))
    }

    /// A standard deviation per channel, none of them 0 in single precision.
    pub(super) fn deviations(&self, name: &str, default: [f64; 3]) -> Result<[f64; 3], ImageError> {
        let numbers = self.channels(name, default)?;
        if numbers.iter().any(|std| *std as f32 == 0.0) {
            return Err(self.problem(name, "expected deviations other than 0"));
        }
        Ok(numbers)
    }

    /// A filter by Pillow's number.
    pub(super) fn filter(&self, name: &str, default: Filter) -> Result<Filter, ImageError> {
        self.get(name).map_or(Ok(default), |value| {
            let filter = value.as_u64().and_then(Filter::from_pillow);
            filter
                .ok_or_else(|| self.mismatch(name, "one of Pillow's filter numbers 0 to 5", value))
        })
    }

    /// An error about field `name` of this object.
    pub(super) fn problem(&self, name: &str, problem: impl Into<String>) -> ImageError {
        ImageError::Config { field: format!("{}{name}", self.prefix), problem: problem.into() }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn mismatch(&self, name: &str, expected: &str, found: &Value) -> ImageError {
        mismatch(&format!("{}{name}", self.prefix), expected, found)
    }
}

/// A number from 1 to [`MAX_SIDE`].
fn pixels(value: &Value) -> Option<usize> {
    let side = value.as_u64().filter(|side| (1..=MAX_SIDE).contains(side))?;
    usize::try_from(side).ok()
}

fn pair(value: &Value) -> Option<(usize, usize)> {
    let [first, second] = value.as_array()?.as_slice() else { return None };
    Some((pixels(first)?, pixels(second)?))
}

fn mismatch(field: &str, expected: &str, found: &Value) -> ImageError {
    let mut text = found.to_string();
    if text.chars().count() > 60 {
        text = text.chars().take(60).chain(['…']).collect();
    }
    ImageError::Config {
        field: field.to_owned(),
        problem: format!("expected {expected}, found {text}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_and_null_fields_take_the_default() {
        let json = json!({"do_resize": null});
        let fields = Fields::new(&json).unwrap();
        assert!(fields.bool("do_resize", true).unwrap());
        assert_eq!(fields.channels("image_mean", [0.5; 3]).unwrap(), [0.5; 3]);
        assert_eq!(fields.filter("resample", Filter::Lanczos).unwrap(), Filter::Lanczos);
        assert!(fields.object("size").unwrap().is_none());
    }

    #[test]
    fn one_mean_stands_for_all_channels() {
        let json = json!({"a": 0.25, "b": [1, 2.5, 3]});
        let fields = Fields::new(&json).unwrap();
        assert_eq!(fields.channels("a", [0.0; 3]).unwrap(), [0.25; 3]);
        assert_eq!(fields.channels("b", [0.0; 3]).unwrap(), [1.0, 2.5, 3.0]);
    }

    #[test]
    fn errors_name_the_field_the_expectation_and_the_finding() {
        let json = json!({"size": {"longest_edge": "big"}, "image_std": [1, 2], "resample": 9, "do_resize": 1});
        let fields = Fields::new(&json).unwrap();
        let size = fields.object("size").unwrap().unwrap();
        let error = size.side("longest_edge").unwrap_err().to_string();
        assert!(error.contains("`size.longest_edge`") && error.contains("\"big\""), "{error}");
        assert!(fields.channels("image_std", [0.0; 3]).unwrap_err().to_string().contains("[1,2]"));
        assert!(fields.filter("resample", Filter::Box).unwrap_err().to_string().contains("0 to 5"));
        assert!(fields.bool("do_resize", true).unwrap_err().to_string().contains("true or false"));
        assert!(Fields::new(&json!([1])).is_err());
    }

    #[test]
    fn sides_are_bounded() {
        let json = json!({"a": 0, "b": 16384, "c": 16385, "d": -1, "e": 2.5});
        let fields = Fields::new(&json).unwrap();
        assert_eq!(fields.side("a").unwrap(), None);
        assert_eq!(fields.side("b").unwrap(), Some(16384));
        for name in ["c", "d", "e"] {
            assert!(fields.side(name).is_err(), "{name}");
        }
    }
}
