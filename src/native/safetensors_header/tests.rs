//! Valid headers, and every way to spoil one.
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A safetensors file: `header` as it is spelled and `data` zero bytes.
pub(crate) fn file_bytes(header: &Value, data: usize) -> Vec<u8> {
    raw(header.to_string().as_bytes(), data)
}

fn raw(header: &[u8], data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn parse(bytes: &[u8]) -> Result<Header, HeaderProblem> {
    parse_header(&mut &bytes[..], bytes.len() as u64, Path::new("model.safetensors"))
}

fn tensor(dtype: &str, shape: &[u64], begin: u64, end: u64) -> Value {
    json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]})
}

/// A file as mlx-vlm writes it: metadata, several types, a scalar, an empty tensor.
fn valid() -> Vec<u8> {
    let header = json!({
        "__metadata__": {"format": "mlx"},
        "model.weight": tensor("BF16", &[2, 3], 4, 16),
        "model.scale": tensor("F32", &[], 0, 4),
        "model.empty": tensor("U8", &[0, 7], 16, 16),
        "lm_head.weight": tensor("U32", &[2, 2], 16, 32)
    });
    raw(format!("{header}   ").as_bytes(), 32)
}

#[test]
fn a_valid_header_is_read_in_the_order_of_the_data() {
    let header = parse(&valid()).unwrap();
    let names: Vec<_> = header.tensors.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["model.scale", "model.weight", "model.empty", "lm_head.weight"]);
    let weight = &header.tensors[1];
    assert_eq!((weight.dtype, weight.shape.as_slice()), (SafetensorsDtype::Bf16, &[2, 3][..]));
    assert_eq!((weight.data.clone(), weight.dtype.to_string()), (4..16, "BF16".to_owned()));
    assert_eq!(header.metadata["format"], "mlx");
    assert_eq!(header.data_start, valid().len() as u64 - 32);
}

#[test]
fn every_element_type_has_its_size() {
    let sizes = [
        ("BOOL", 1),
        ("U8", 1),
        ("I8", 1),
        ("U16", 2),
        ("I16", 2),
        ("F16", 2),
        ("BF16", 2),
        ("U32", 4),
        ("I32", 4),
        ("F32", 4),
        ("U64", 8),
        ("I64", 8),
        ("F64", 8),
    ];
    for (dtype, size) in sizes {
        let header =
            parse(&file_bytes(&json!({"x": tensor(dtype, &[3], 0, 3 * size)}), 3 * size as usize));
        assert_eq!(header.unwrap().tensors[0].dtype.to_string(), dtype);
    }
}

#[test]
fn faults_of_the_header_name_the_tensor_and_what_to_do() {
    let cases = [
        (json!({"x": tensor("F8_E4M3", &[2], 0, 2)}), 2, "tensor \"x\": unknown variant `F8_E4M3`"),
        (json!({"x": tensor("F32", &[2], 0, 4)}), 4, "tensor x: F32[2] does not fill its 4 bytes"),
        (json!({"x": tensor("U8", &[2], 4, 2)}), 4, "tensor x: U8[2] does not fill its 0 bytes"),
        (json!({"x": tensor("F32", &[u64::MAX, 8], 0, 4)}), 4, "does not fill its 4 bytes"),
        (json!({"x": tensor("U8", &[2], 1, 3)}), 3, "tensor x: data begins at byte 1 instead of 0"),
        (
            json!({"x": tensor("U8", &[3], 0, 3), "y": tensor("U8", &[3], 2, 5)}),
            5,
            "tensor y: data begins at byte 2 instead of 3",
        ),
        (json!({"x": tensor("U8", &[2], 0, 2)}), 1, "tensor x ends at data byte 2 of 1"),
        (json!({"x": tensor("U8", &[2], 0, 2)}), 3, "tensor x ends at data byte 2 of 3"),
        (json!({"a%n": tensor("U8", &[2], 0, 2)}), 2, "tensor name \"a%n\" is empty or holds '%'"),
        (json!({"a\n": tensor("U8", &[2], 0, 2)}), 2, "tensor name \"a\\n\" is empty or holds '%'"),
        (json!({"": tensor("U8", &[2], 0, 2)}), 2, "tensor name \"\" is empty"),
        (json!({"x": {"dtype": "U8", "shape": [2]}}), 2, "missing field `data_offsets`"),
        (json!({"x": tensor("U8", &[2], 0, 2), "__metadata__": {"n": 1}}), 2, "expected a string"),
        (json!([1]), 0, "does not begin with '{'"),
    ];
    for (header, data, expected) in cases {
        let error = parse(&file_bytes(&header, data)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} should contain {expected:?}");
    }
}

#[test]
fn a_name_declared_twice_is_refused() {
    let x = tensor("U8", &[0], 0, 0);
    let error = parse(&raw(format!(r#"{{"x":{x},"x":{x}}}"#).as_bytes(), 0)).unwrap_err();
    assert!(error.to_string().contains("tensor x is also in model.safetensors"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a.safetensors", "b.safetensors"].map(|name| dir.path().join(name));
    for path in &paths {
        std::fs::write(path, file_bytes(&json!({"x": x}), 0)).unwrap();
    }
    let error = read_headers(&paths).unwrap_err().to_string();
    assert!(
        error.contains("b.safetensors: tensor x is also in") && error.ends_with("a.safetensors"),
        "{error}"
    );
}

#[test]
fn files_that_are_no_safetensors_say_so() {
    let oversized = 100_000_001_u64.to_le_bytes();
    let past_end = 1000_u64.to_le_bytes();
    let cases: [(&[u8], &str); 6] = [
        (b"", "is 0 bytes long, too short"),
        (b"1234567", "is 7 bytes long, too short"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "is a Git LFS pointer",
        ),
        (&oversized, "header of 100000001 bytes is over the limit"),
        (&past_end, "header of 1000 bytes reaches past the end of the file (8 bytes)"),
        (&raw(b"{\"x\"", 0), "header is malformed: tensor \"x\": EOF"),
    ];
    for (bytes, expected) in cases {
        let error = parse(bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} should contain {expected:?}");
    }
    let error = read_header(Path::new("absent.safetensors")).unwrap_err().to_string();
    assert!(error.starts_with("absent.safetensors: cannot be read"), "{error}");
}

/// What a loader relies on in an accepted header.
fn assert_sound(header: &Header, length: u64) {
    let mut end = 0;
    for tensor in &header.tensors {
        let elements: u64 = tensor.shape.iter().map(|&side| side as u64).product();
        assert_eq!(tensor.data, end..end + elements * tensor.dtype.size());
        assert!(!tensor.name.contains(['%', '\n', '\0']));
        end = tensor.data.end;
    }
    assert_eq!(header.data_start + end, length);
}

proptest! {
    #[test]
    fn every_truncation_is_refused(length in 0..valid().len()) {
        prop_assert!(parse(&valid()[..length]).is_err());
    }

    #[test]
    fn a_mutated_file_is_refused_or_sound(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = valid();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(header) = parse(&bytes) {
            assert_sound(&header, bytes.len() as u64);
        }
    }

    #[test]
    fn a_changed_digit_or_name_byte_is_refused_or_sound(
        at in 8..valid().len() - 32, byte in prop_oneof![Just(b'0'), b'1'..=b'9', Just(b'%'), Just(b'"'), b'A'..=b'Z']
    ) {
        let mut bytes = valid();
        bytes[at] = byte;
        if let Ok(header) = parse(&bytes) {
            assert_sound(&header, bytes.len() as u64);
        }
    }

    #[test]
    fn changed_data_leaves_the_header_equal(at in 0..32_usize, byte: u8) {
        let mut bytes = valid();
        let data_start = bytes.len() - 32;
        bytes[data_start + at] = byte;
        prop_assert_eq!(parse(&bytes).unwrap(), parse(&valid()).unwrap());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(header) = parse(&bytes) {
            assert_sound(&header, bytes.len() as u64);
        }
    }
}

#[test]
fn a_header_without_metadata_may_say_null() {
    let header = json!({"__metadata__": null, "x": tensor("U8", &[2], 0, 2)});
    let header = parse(&file_bytes(&header, 2)).unwrap();
    assert!(header.metadata.is_empty() && header.tensors.len() == 1);
}
