//! Reads fields of config.json: absent or null fields take the class default of
//! transformers, wrong ones become errors that name the field.

use serde_json::{Map, Value};

use crate::native::nn::activation::Activation;

/// A config.json that this program cannot run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A field has the wrong type.
    #[error("config.json: {field} must be {expected}, found {found}")]
    Type {
        /// The field, dotted when nested.
        field: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A field asks for something that is not implemented.
    #[error("config.json: {field} = {value} is not supported, {supported} is")]
    Unsupported {
        /// The field, dotted when nested.
        field: String,
        /// Its value.
        value: String,
        /// What is supported.
        supported: &'static str,
    },
    /// A field contradicts another or is out of range.
    #[error("config.json: {field} {message}")]
    Invalid {
        /// The field, dotted when nested.
        field: String,
        /// What is wrong.
        message: String,
    },
}

/// A JSON object of config.json and its place there.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    object: Option<&'a Map<String, Value>>,
    /// Name of the object, empty for the top level.
    section: &'a str,
}

impl<'a> Fields<'a> {
    /// The top level of a config.json.
    ///
    /// # Errors
    /// [`ConfigError::Type`] when it is not an object.
    pub fn top(config: &'a Value) -> Result<Self, ConfigError> {
        let fields = Self { object: None, section: "" };
        match config {
            Value::Object(object) => Ok(Self { object: Some(object), ..fields }),
            other => Err(fields.wrong_type("the file", "an object", other)),
        }
    }

    /// An object of the top level; absent and null read as empty.
    ///
    /// # Errors
    /// [`ConfigError::Type`] when it is something else.
    pub fn section(&self, name: &'a str) -> Result<Fields<'a>, ConfigError> {
        let section = Fields { object: None, section: name };
        match self.get(name) {
            None => Ok(section),
            Some(Value::Object(object)) => Ok(Fields { object: Some(object), ..section }),
            Some(other) => Err(self.wrong_type(name, "an object", other)),
        }
    }

    /// Whether the object itself is in the file.
    pub fn is_present(&self) -> bool {
        self.object.is_some()
    }

    /// Whether the file has the field, be it null.
    pub fn has_key(&self, name: &str) -> bool {
        self.object.is_some_and(|object| object.contains_key(name))
    }

    /// The value of a field; `None` when absent or null.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.object?.get(name).filter(|value| !value.is_null())
    }

    /// A whole number of at least 1, such as a size or a count.
    ///
    /// # Errors
    /// [`ConfigError::Type`].
    pub fn size(&self, name: &str) -> Result<Option<usize>, ConfigError> {
        // A dimension beyond i32 cannot be a tensor's.
        let size = |value: &Value| value.as_u64().filter(|n| (1..=i32::MAX as u64).contains(n));
        self.read(name, "a whole number from 1 to 2147483647", |value| Some(size(value)? as usize))
    }

    /// A token id.
    ///
    /// # Errors
    /// [`ConfigError::Type`].
    pub fn token_id(&self, name: &str) -> Result<Option<u32>, ConfigError> {
        self.read(name, "a token id", |value| u32::try_from(value.as_u64()?).ok())
    }

    /// A finite number above 0.
    ///
    /// # Errors
    /// [`ConfigError::Type`].
    pub fn positive(&self, name: &str) -> Result<Option<f32>, ConfigError> {
        self.read(name, "a number above 0", |value| {
            let number = value.as_f64()? as f32;
            (number.is_finite() && number > 0.0).then_some(number)
        })
    }

    /// A whole number, which may be negative.
    ///
    /// # Errors
    /// [`ConfigError::Type`].
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ConfigError> {
        self.read(name, "a whole number", Value::as_i64)
    }

    /// A list of numbers.
    ///
    /// # Errors
    /// [`ConfigError::Type`].
    pub fn numbers(&self, name: &str) -> Result<Option<Vec<f32>>, ConfigError> {
        self.read(name, "a list of numbers", |value| {
            value.as_array()?.iter().map(|number| Some(number.as_f64()? as f32)).collect()
        })
    }

    /// A list of pairs of sizes.
    ///
    /// # Errors
    /// [`ConfigError::Type`].
    pub fn pairs(&self, name: &str) -> Result<Option<Vec<(usize, usize)>>, ConfigError> {
        let size = |value: &Value| value.as_u64().filter(|n| (1..=1 << 14).contains(n));
        let pair = |value: &Value| match value.as_array()?.as_slice() {
            [first, second] => Some((size(first)? as usize, size(second)? as usize)),
            _ => None,
        };
        self.read(name, "a list of [height, width] in pixels", |value| {
            value.as_array()?.iter().map(pair).collect()
        })
    }

    /// An activation function by its name in transformers.
    ///
    /// # Errors
    /// [`ConfigError::Unsupported`] for others than the supported families use.
    pub fn activation(&self, name: &str) -> Result<Option<Activation>, ConfigError> {
        match self.text(name)? {
            None => Ok(None),
            Some("gelu") => Ok(Some(Activation::Gelu)),
            Some("gelu_pytorch_tanh" | "gelu_new") => Ok(Some(Activation::GeluTanh)),
            Some("quick_gelu") => Ok(Some(Activation::QuickGelu)),
            Some(other) => {
                Err(self.unsupported(name, other, "gelu, gelu_pytorch_tanh or quick_gelu"))
            }
        }
    }

    /// A truth value.
    ///
    /// # Errors
    /// [`ConfigError::Type`].
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ConfigError> {
        self.read(name, "true or false", Value::as_bool)
    }

    /// A string.
    ///
    /// # Errors
    /// [`ConfigError::Type`].
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, ConfigError> {
        self.read(name, "a string", Value::as_str)
    }

    /// A side length given as one number or as two equal ones.
    ///
    /// # Errors
    /// [`ConfigError::Type`], also for sides that differ.
    pub fn square(&self, name: &str) -> Result<Option<usize>, ConfigError> {
        if let Some(Value::Array(sides)) = self.get(name)
            && let [height, width] = sides.as_slice()
            && height == width
            && let Some(side) = height.as_u64().filter(|n| (1..=i32::MAX as u64).contains(n))
        {
            return Ok(Some(side as usize));
        }
        self.size(name)
    }

    /// Refuses a flag that is set.
    ///
    /// # Errors
    /// [`ConfigError::Unsupported`] when it is `true`.
    pub fn must_not_be_set(&self, name: &str) -> Result<(), ConfigError> {
        match self.flag(name)? {
            Some(true) => Err(self.unsupported(name, "true", "false")),
            _ => Ok(()),
        }
    }

    /// An error about a value that is not implemented.
    pub fn unsupported(
        &self,
        name: &str,
        value: &(impl ToString + ?Sized),
        supported: &'static str,
    ) -> ConfigError {
        ConfigError::Unsupported { field: self.path(name), value: value.to_string(), supported }
    }

    /// An error about a value that contradicts another.
    pub fn invalid(&self, name: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::Invalid { field: self.path(name), message: message.into() }
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &'static str,
        convert: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match convert(value) {
                Some(value) => Ok(Some(value)),
                None => Err(self.wrong_type(name, expected, value)),
            },
        }
    }

    fn wrong_type(&self, name: &str, expected: &'static str, found: &Value) -> ConfigError {
        let mut found = found.to_string();
        if let Some((end, _)) = found.char_indices().nth(60) {
            found.truncate(end);
            found.push('…');
        }
        ConfigError::Type { field: self.path(name), expected, found }
    }

    fn path(&self, name: &str) -> String {
        if self.section.is_empty() { name.to_owned() } else { format!("{}.{name}", self.section) }
    }
}
