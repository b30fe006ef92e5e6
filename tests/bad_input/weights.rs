//! Checkpoints with something wrong: copies of a tiny one, damaged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    safetensors::Safetensors,
    support::{Place, TINY},
};

const WEIGHTS: &str = "model.safetensors";

/// Damages a copy of a checkpoint and expects both commands to say so in one sentence
/// that holds all of `told`, with exit status 3.
#[track_caller]
fn refused(fixture: &str, damage: impl FnOnce(&Path), told: &[&str]) {
    let place = Place::with_questions(1);
    let folder = place.checkpoint(fixture);
    damage(&folder);
    let model = folder.to_str().unwrap();
    let run = place.run(&["ask", "--model", model, "--json", "Why?"]).ended(3);
    let error = run.error().to_owned();
    for part in told {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert_eq!((run.stdout.as_str(), run.stderr.lines().count()), ("", 1), "{run:#?}");

    let run = place.vqa(&[model], &["-n", "1"]).ended(3);
    run.assert_no_panic();
    assert!(run.stderr.contains(&error), "{run:#?}");
}

fn edit(path: PathBuf, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn edit_weights(folder: &Path, change: impl FnOnce(&mut Safetensors)) {
    let mut weights = Safetensors::read(&folder.join(WEIGHTS));
    change(&mut weights);
    weights.write(&folder.join(WEIGHTS));
}

fn edit_config(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("config.json");
    let mut config = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    fs::write(path, config.to_string()).unwrap();
}

#[test]
fn weights_that_break_off() {
    let cut = |length: usize| {
        move |folder: &Path| edit(folder.join(WEIGHTS), |bytes| bytes.truncate(length))
    };
    refused(TINY, cut(700_000), &[WEIGHTS, "truncated", "download it again"]);
    refused(TINY, cut(3_000), &[WEIGHTS, "truncated", "download it again"]);
    refused(TINY, cut(5), &[WEIGHTS, "5 bytes long, too short"]);
    refused(TINY, cut(0), &["safetensors"]);
}

#[test]
fn weights_with_a_broken_header() {
    let scribble = |folder: &Path| edit(folder.join(WEIGHTS), |bytes| bytes[100..110].fill(b'#'));
    refused(TINY, scribble, &[WEIGHTS, "header is malformed"]);
    let length = |folder: &Path| edit(folder.join(WEIGHTS), |bytes| bytes[..8].fill(0xff));
    refused(TINY, length, &[WEIGHTS, "not a safetensors file"]);
    let pointer = |folder: &Path| {
        let text = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
        fs::write(folder.join(WEIGHTS), text).unwrap();
    };
    refused(TINY, pointer, &[WEIGHTS, "git lfs pull"]);
}

#[test]
fn weights_under_another_name() {
    let rename = |name: &'static str| {
        move |folder: &Path| fs::rename(folder.join(WEIGHTS), folder.join(name)).unwrap()
    };
    refused(TINY, rename("pytorch_model.bin"), &["safetensors"]);
    refused(TINY, rename("weights.old"), &["safetensors"]);
}

#[test]
fn a_tensor_that_is_missing_extra_or_renamed() {
    const NORM: &str = "model.vision_model.post_layernorm.weight";
    let rename = |folder: &Path| {
        edit_weights(folder, |weights| weights.rename(NORM, "model.vision_model.norm.weight"));
    };
    refused(TINY, rename, &["vision_model.post_layernorm.weight", "missing"]);
    let rename = |folder: &Path| {
        edit_weights(folder, |weights| weights.rename("lm_head.weight", "lm_haed.weight"));
    };
    refused(TINY, rename, &["lm_head.weight", "missing"]);
    let add = |folder: &Path| edit_weights(folder, |weights| weights.add("model.surplus.weight"));
    refused(TINY, add, &["1 tensor", "not part of this model", "model.surplus.weight"]);
}

#[test]
fn a_tensor_in_two_shards() {
    let add = |folder: &Path| {
        let path = folder.join("model-00002-of-00002.safetensors");
        let mut shard = Safetensors::read(&path);
        shard.add("model.connector.modality_projection.proj.weight");
        shard.write(&path);
    };
    let told = ["model.connector.modality_projection.proj.weight", "also in", "00001-of-00002"];
    refused("idefics3_bfloat16_tied", add, &told);
}

#[test]
fn a_shard_that_is_missing() {
    let remove = |folder: &Path| {
        fs::remove_file(folder.join("model-00002-of-00002.safetensors")).unwrap();
    };
    refused("idefics3_bfloat16_tied", remove, &["lacks weight file model-00002-of-00002"]);
}

#[test]
fn a_tokenizer_that_is_missing_or_broken() {
    let remove = |folder: &Path| fs::remove_file(folder.join("tokenizer.json")).unwrap();
    refused(TINY, remove, &["tokenizer.json", "missing"]);
    let scribble =
        |folder: &Path| fs::write(folder.join("tokenizer.json"), "{\"model\": 3").unwrap();
    refused(TINY, scribble, &["tokenizer.json"]);
}

#[test]
fn a_config_that_is_missing_or_broken() {
    let remove = |folder: &Path| fs::remove_file(folder.join("config.json")).unwrap();
    refused(TINY, remove, &["has no config.json"]);
    let cut = |folder: &Path| edit(folder.join("config.json"), |bytes| bytes.truncate(200));
    refused(TINY, cut, &["config.json", "line "]);
    let forget = |folder: &Path| {
        edit_config(folder, |config| drop(config.as_object_mut().unwrap().remove("model_type")));
    };
    refused(TINY, forget, &["config.json", "model_type"]);
}

#[test]
fn a_config_that_contradicts_the_tensors() {
    let widen = |folder: &Path| {
        edit_config(folder, |config| config["text_config"]["intermediate_size"] = 96.into());
    };
    refused(TINY, widen, &["config.json asks for", "mlp"]);
    let deepen = |folder: &Path| {
        edit_config(folder, |config| config["text_config"]["num_hidden_layers"] = 9.into());
    };
    refused(TINY, deepen, &["missing", "layers."]);
    let flatten = |folder: &Path| {
        edit_config(folder, |config| config["text_config"]["num_hidden_layers"] = 1.into());
    };
    refused(TINY, flatten, &["not part of this model", "layers.1"]);
    let zero = |folder: &Path| {
        edit_config(folder, |config| config["text_config"]["num_attention_heads"] = 0.into());
    };
    refused(TINY, zero, &["num_attention_heads"]);
}

#[test]
fn a_family_that_is_not_built() {
    let other = |folder: &Path| {
        edit_config(folder, |config| config["model_type"] = "qwen2_vl".into());
    };
    refused(
        TINY,
        other,
        &[
            "model_type 'qwen2_vl'",
            "not supported yet; supported: idefics3, llava, llava_next, phi3_v, smolvlm",
        ],
    );
}

#[test]
fn a_manifest_that_expects_another_family() {
    let place = Place::with_questions(1);
    let folder = place.checkpoint(TINY);
    let manifest = format!("name = 'm'\nmodel_type = 'idefics3'\npath = '{}'", folder.display());
    place.write("m.toml", manifest);
    let run = place.vqa(&["./m.toml"], &["-n", "1"]).ended(3);
    let error = run.error();
    assert!(error.contains("says model_type 'smolvlm'") && error.contains("expects 'idefics3'"));
}
