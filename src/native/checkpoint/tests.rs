//! Checkpoint folders of every published form, and damaged ones.
use std::fs;

use serde_json::json;

use super::*;
use crate::native::safetensors_header::tests::file_bytes;

/// A checkpoint folder with a config, one weight and `files`; a string is written as it
/// is, anything else as JSON.
pub(crate) fn folder(files: &[(&str, Value)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("config.json"), r#"{"model_type": "smolvlm"}"#).unwrap();
    fs::write(dir.path().join("model.safetensors"), weight("a")).unwrap();
    for (name, content) in files {
        let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// A safetensors file with one tensor.
fn weight(name: &str) -> Vec<u8> {
    file_bytes(&json!({name: {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}}), 2)
}

fn error_of(files: &[(&str, Value)]) -> String {
    Checkpoint::open(folder(files).path()).unwrap_err().to_string()
}

fn select(
    listing: &[&str],
    index: Option<&[(&str, &str)]>,
) -> Result<Vec<String>, CheckpointError> {
    let listing = listing.iter().map(|&name| name.to_owned()).collect();
    let map = index.map(|entries| {
        entries.iter().map(|&(tensor, file)| (tensor.to_owned(), file.to_owned())).collect()
    });
    select_weight_files(Path::new("dir"), &listing, map.as_ref())
}

#[test]
fn weight_files_are_chosen_by_index_then_name() {
    let index = Some(&[("x", "b.safetensors"), ("y", "a.safetensors"), ("z", "b.safetensors")][..]);
    let cases: [(&[&str], _, &[&str]); 5] = [
        (
            &["a.safetensors", "b.safetensors", "model.safetensors"],
            index,
            &["a.safetensors", "b.safetensors"],
        ),
        (&["model-1.safetensors", "model.safetensors"], None, &["model.safetensors"]),
        (
            &["adapter.safetensors", "model_b.safetensors", "model_a.safetensors"],
            None,
            &["model_a.safetensors", "model_b.safetensors"],
        ),
        (&["weights.safetensors", "pytorch_model.bin"], None, &["weights.safetensors"]),
        (
            &["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
            None,
            &["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ),
    ];
    for (listing, index, expected) in cases {
        assert_eq!(select(listing, index).unwrap(), expected, "{listing:?}");
    }
}

#[test]
fn a_missing_shard_is_named_with_and_without_an_index() {
    let index =
        [("x", "model-00001-of-00002.safetensors"), ("y", "model-00002-of-00002.safetensors")];
    for index in [Some(&index[..]), None] {
        let error = select(&["model-00001-of-00002.safetensors"], index).unwrap_err().to_string();
        assert!(error.contains("lacks weight file model-00002-of-00002.safetensors"), "{error}");
    }
}

#[test]
fn weights_in_another_format_or_none_at_all_say_what_to_do() {
    for file in ["pytorch_model.bin", "model.gguf", "weights.npz"] {
        let error = select(&["config.json", file], None).unwrap_err().to_string();
        assert!(
            error.contains(file) && error.contains("convert the weights to safetensors"),
            "{error}"
        );
    }
    let error = select(&["config.json"], None).unwrap_err().to_string();
    assert!(error.contains("dir has no model.safetensors"), "{error}");
}

#[test]
fn an_index_cannot_reach_outside_its_folder() {
    let index = json!({"weight_map": {"x": "../model.safetensors"}});
    let error = error_of(&[(INDEX_FILE, index)]);
    assert!(
        error.contains("weight_map.x must name a .safetensors file beside the index"),
        "{error}"
    );
}

#[test]
fn an_index_that_contradicts_the_files_names_the_tensor() {
    let index = json!({"weight_map": {"a": "model.safetensors", "b": "model.safetensors"}});
    let dir = folder(&[(INDEX_FILE, index)]);
    let error = Checkpoint::open(dir.path()).unwrap().tensors().unwrap_err().to_string();
    assert!(error.contains("places tensor b in model.safetensors"), "{error}");
}

#[test]
fn tensors_of_all_shards_are_listed_with_their_file() {
    let index = json!({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}});
    let dir = folder(&[(INDEX_FILE, index)]);
    fs::write(dir.path().join("one.safetensors"), weight("a")).unwrap();
    fs::write(dir.path().join("two.safetensors"), weight("b")).unwrap();
    let tensors = Checkpoint::open(dir.path()).unwrap().tensors().unwrap();
    let found: Vec<_> = tensors.iter().map(|t| (t.name.as_str(), t.file)).collect();
    assert_eq!(found, [("a", 0), ("b", 1)]);
}

#[test]
fn malformed_json_names_file_line_and_column() {
    let error = error_of(&[("generation_config.json", json!("{\n  \"eos\": ]"))]);
    assert!(
        error.contains(
            "generation_config.json is not valid JSON: line 2, column 10: expected value"
        ),
        "{error}"
    );
    let error = error_of(&[("tokenizer_config.json", json!([1]))]);
    assert!(
        error.contains(
            "tokenizer_config.json is not valid JSON: line 1, column 1: expected an object"
        ),
        "{error}"
    );
}

#[test]
fn a_folder_without_config_or_model_type_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = Checkpoint::open(empty.path()).unwrap_err().to_string();
    assert!(error.contains("has no config.json"), "{error}");
    let error = Checkpoint::open(&empty.path().join("absent")).unwrap_err().to_string();
    assert!(error.contains("cannot read") && error.contains("absent"), "{error}");
    let error = error_of(&[("config.json", json!({"model_type": 3}))]);
    assert!(error.contains("config.json: model_type must be a string"), "{error}");
}

#[test]
fn image_settings_come_from_their_own_file_or_the_processors() {
    let nested = ("processor_config.json", json!({"image_processor": {"resample": 1}}));
    let own = ("preprocessor_config.json", json!({"resample": 3}));
    let resample = |files: &[(&str, Value)]| {
        let checkpoint = Checkpoint::open(folder(files).path()).unwrap();
        checkpoint.image_processor.map(|settings| settings["resample"].clone())
    };
    assert_eq!(resample(&[]), None);
    assert_eq!(resample(std::slice::from_ref(&nested)), Some(json!(1)));
    assert_eq!(resample(&[nested, own]), Some(json!(3)));
}

fn quantization(block: &Value) -> Result<Option<Quantization>, CheckpointError> {
    Quantization::from_config(Path::new("config.json"), block)
}

#[test]
fn quantisation_is_read_with_its_overrides_by_module() {
    let block = json!({
        "group_size": 64, "bits": 4, "mode": "affine", "quant_method": "mlx",
        "language_model.lm_head": {"group_size": 32, "bits": 8}, "vision_model.fc2": false,
        "connector": {"bits": 6}, "language_model.embed_tokens": true
    });
    for key in ["quantization", "quantization_config"] {
        let found = quantization(&json!({ key: block })).unwrap().unwrap();
        let format = |group_size, bits| Some(quantization::QuantizedFormat { group_size, bits });
        assert_eq!(found.for_module("anything.else"), format(64, 4));
        assert_eq!(found.for_module("language_model.lm_head"), format(32, 8));
        assert_eq!(found.for_module("connector"), format(64, 6));
        assert_eq!(found.for_module("language_model.embed_tokens"), format(64, 4));
        assert_eq!(found.for_module("vision_model.fc2"), None);
        assert_eq!(found.overrides.len(), 4);
    }
    assert_eq!(quantization(&json!({"quantization": null})).unwrap(), None);
}

#[test]
fn other_quantisations_are_refused_by_name() {
    let cases = [
        (json!({"group_size": 32, "bits": 4, "mode": "mxfp4"}), "mode \"mxfp4\" is not supported"),
        (json!({"quant_method": "gptq", "bits": 4}), "method \"gptq\" is not supported"),
        (
            json!({"group_size": 64, "bits": 4, "a": {"mode": "nvfp4"}}),
            "mode \"nvfp4\" is not supported",
        ),
        (json!({"group_size": 64, "bits": 7}), "quantization.bits must be one of"),
        (json!({"bits": 4}), "quantization.group_size must be one of [32, 64, 128]"),
        (
            json!({"group_size": 64, "bits": 4, "a": {"bits": "4"}}),
            "quantization.a.bits must be one of",
        ),
        (json!(4), "quantization must be an object"),
    ];
    for (block, expected) in cases {
        let error = quantization(&json!({"quantization": block})).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} should contain {expected:?}");
    }
}
