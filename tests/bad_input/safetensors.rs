//! Safetensors files taken apart and put together again with a fault.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

/// The header of a file and the bytes of its tensors.
pub struct Safetensors {
    pub header: Map<String, Value>,
    pub data: Vec<u8>,
}

impl Safetensors {
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        Self { header, data: bytes[8 + length..].to_vec() }
    }

    pub fn write(&self, path: &Path) {
        let header = serde_json::to_vec(&self.header).unwrap();
        let length = (header.len() as u64).to_le_bytes();
        fs::write(path, [&length[..], &header, &self.data].concat()).unwrap();
    }

    /// Adds a tensor of one number.
    pub fn add(&mut self, name: &str) {
        let at = self.data.len();
        let tensor = json!({ "dtype": "F32", "shape": [1], "data_offsets": [at, at + 4] });
        self.header.insert(name.to_owned(), tensor);
        self.data.extend([0; 4]);
    }

    pub fn rename(&mut self, old: &str, new: &str) {
        let tensor = self.header.remove(old).unwrap();
        self.header.insert(new.to_owned(), tensor);
    }
}
