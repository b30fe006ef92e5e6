//! Checkpoints that differ from what their config promises are refused with the
//! tensor's name; published forms that differ in spelling or layout only load to the
//! same answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support_native;

use std::{collections::HashMap, fs, path::Path};

use mlx_rs::{Array, Dtype, ops};
use serde_json::{Value, json};
use support_native::{Copy, copy_files, store};
use vlm_test::{
    native::{NativeModel, checkpoint::Checkpoint, weights::Weights},
    vlm::LoadOptions,
};

type Rename<'a> = Box<dyn Fn(&str) -> String + 'a>;

const UP: &str = "model.text_model.layers.1.mlp.up_proj.weight";
const KERNEL: &str = "model.vision_model.embeddings.patch_embedding.weight";
const TABLE: &str = "model.text_model.embed_tokens.weight";

fn smolvlm() -> Copy {
    Copy::of("smolvlm_float32")
}

fn ones(shape: &[i32]) -> Array {
    ops::ones::<f32>(shape).unwrap()
}

/// Why the float32 fixture does not load after `edit`.
fn refusal(edit: impl FnOnce(&mut HashMap<String, Array>)) -> String {
    let copy = smolvlm();
    copy.edit_tensors(edit);
    copy.refusal()
}

#[test]
fn a_missing_tensor_is_named_as_the_file_spells_its_neighbours() {
    for name in [UP, KERNEL, "model.vision_model.encoder.layers.0.self_attn.q_proj.bias"] {
        let error = refusal(|tensors| drop(tensors.remove(name).unwrap()));
        assert!(error.contains(&format!("tensor `{name}` is missing")), "{error}");
    }
    let copy = Copy::of("smolvlm_float16_mlx");
    let name = "language_model.layers.0.self_attn.k_proj.weight";
    copy.edit_tensors(|tensors| drop(tensors.remove(name).unwrap()));
    assert!(copy.refusal().contains(&format!("tensor `{name}` is missing")), "{}", copy.refusal());
}

#[test]
fn a_tensor_that_no_part_of_the_model_uses_is_refused() {
    let stray = "model.text_model.layers.2.mlp.up_proj.weight";
    let error = refusal(|tensors| drop(tensors.insert(stray.to_owned(), ones(&[128, 64]))));
    assert!(error.contains("1 tensor(s)") && error.contains(stray), "{error}");
    let bias = "model.text_model.layers.0.self_attn.q_proj.bias";
    let error = refusal(|tensors| drop(tensors.insert(bias.to_owned(), ones(&[64]))));
    assert!(error.contains(bias), "{error}");
}

#[test]
fn a_wrong_shape_is_refused_with_both_shapes() {
    let error = refusal(|tensors| drop(tensors.insert(UP.to_owned(), ones(&[64, 128]))));
    assert!(
        error.contains(&format!("`{UP}` has shape [64, 128], but config.json asks for [128, 64]")),
        "{error}"
    );
    let error = refusal(|tensors| drop(tensors.insert(KERNEL.to_owned(), ones(&[48, 3, 6, 5]))));
    assert!(error.contains(KERNEL) && error.contains("[48, 6, 6, 3] or [48, 3, 6, 6]"), "{error}");
    let copy = smolvlm();
    copy.edit_json("config.json", |json| json["text_config"]["vocab_size"] = json!(345));
    assert!(
        copy.refusal().contains(&format!("`{TABLE}` has shape [344, 64]")),
        "{}",
        copy.refusal()
    );
}

#[test]
fn sizes_beyond_any_tensor_end_in_an_error_that_names_one() {
    for (section, field) in [("text_config", "head_dim"), ("text_config", "hidden_size")] {
        let copy = smolvlm();
        copy.edit_json("config.json", |json| json[section][field] = json!(2_147_483_644));
        assert!(copy.refusal().contains("config.json asks for"), "{}", copy.refusal());
    }
}

#[test]
fn two_spellings_of_one_weight_are_refused_with_both_names() {
    let second = "language_model.layers.1.mlp.up_proj.weight";
    let error = refusal(|tensors| drop(tensors.insert(second.to_owned(), ones(&[128, 64]))));
    assert!(error.contains(UP) && error.contains(second), "{error}");
}

#[test]
fn whole_numbers_where_weights_belong_are_refused() {
    for (dtype, spelled) in [(Dtype::Int32, "int32"), (Dtype::Uint8, "uint8")] {
        let error = refusal(|tensors| {
            let array = tensors[UP].as_dtype(dtype).unwrap();
            tensors.insert(UP.to_owned(), array);
        });
        assert!(error.contains(&format!("`{UP}` is stored as {spelled}")), "{error}");
    }
}

#[test]
fn every_published_spelling_loads_to_the_same_answers() {
    let expected = smolvlm().answer();
    let text = |name: &str, to: &str| {
        name.strip_prefix("model.text_model.").map(|rest| format!("{to}{rest}"))
    };
    let bare = |name: &str| name.strip_prefix("model.").unwrap_or(name).to_owned();
    let head = |name: &str| (name == "lm_head.weight").then(|| format!("language_model.{name}"));
    let spellings: [(&str, Rename<'_>); 5] = [
        ("without `model.`", Box::new(bare)),
        (
            "mlx-community",
            Box::new(|name| {
                text(name, "language_model.").or(head(name)).unwrap_or_else(|| bare(name))
            }),
        ),
        (
            "mlx-community with the head at the top",
            Box::new(|name| text(name, "language_model.").unwrap_or_else(|| bare(name))),
        ),
        (
            "nested in `language_model.model`",
            Box::new(|name| {
                text(name, "language_model.model.").or(head(name)).unwrap_or_else(|| bare(name))
            }),
        ),
        (
            "`model.language_model`",
            Box::new(|name| text(name, "model.language_model.").unwrap_or_else(|| name.to_owned())),
        ),
    ];
    for (spelling, rename) in spellings {
        let copy = smolvlm();
        copy.rename_tensors(rename);
        assert_eq!(copy.answer(), expected, "{spelling}");
    }
}

#[test]
fn both_convolution_layouts_load_to_the_same_answers() {
    for (fixture, name, axes) in [
        ("smolvlm_float32", KERNEL, [0, 2, 3, 1]),
        ("smolvlm_float16_mlx", KERNEL.strip_prefix("model.").unwrap(), [0, 3, 1, 2]),
    ] {
        let copy = Copy::of(fixture);
        let expected = copy.answer();
        copy.edit_tensors(|tensors| {
            let turned = tensors[name].transpose_axes(&axes).unwrap();
            tensors.insert(name.to_owned(), turned);
        });
        assert_eq!(copy.answer(), expected, "{fixture}");
    }
}

/// Spreads the weights over `files` and writes an index if asked to.
fn spread(copy: &Copy, files: &[&str], index: bool) {
    let mut tensors: Vec<_> = copy.tensors().into_iter().collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let mut map = serde_json::Map::new();
    let fresh: Vec<_> = files.iter().map(|file| copy.path().join(format!("x{file}"))).collect();
    for (number, file) in files.iter().enumerate() {
        let part: HashMap<_, _> =
            tensors.iter().skip(number).step_by(files.len()).cloned().collect();
        map.extend(part.keys().map(|name| (name.clone(), Value::from(*file))));
        store(&fresh[number], part);
    }
    drop(tensors);
    fs::remove_file(copy.path().join("model.safetensors")).unwrap();
    for (from, to) in fresh.iter().zip(files) {
        fs::rename(from, copy.path().join(to)).unwrap();
    }
    if index {
        let index = json!({ "metadata": {}, "weight_map": map });
        fs::write(copy.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    }
}

#[test]
fn one_file_or_two_with_or_without_an_index_load_to_the_same_answers() {
    let expected = smolvlm().answer();
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    for (files, index) in
        [(&["model.safetensors"][..], true), (&shards[..], true), (&shards[..], false)]
    {
        let copy = smolvlm();
        spread(&copy, files, index);
        assert_eq!(copy.answer(), expected, "{files:?}, index: {index}");
    }
}

#[test]
fn buffers_that_old_files_carry_are_dropped() {
    let copy = smolvlm();
    let expected = copy.answer();
    copy.edit_tensors(|tensors| {
        let inverse = "model.text_model.layers.0.self_attn.rotary_emb.inv_freq";
        tensors.insert(inverse.to_owned(), ones(&[8]));
        let positions = Array::from_slice(&[0i32, 1, 2], &[1, 3]);
        tensors.insert("model.vision_model.embeddings.position_ids".to_owned(), positions);
    });
    assert_eq!(copy.answer(), expected);
}

#[test]
fn a_tied_head_equals_a_stored_copy_of_the_table() {
    let untied = smolvlm();
    untied.edit_tensors(|tensors| {
        let table = tensors[TABLE].clone();
        tensors.insert("lm_head.weight".to_owned(), table);
    });
    let tied = smolvlm();
    tied.edit_tensors(|tensors| drop(tensors.remove("lm_head.weight").unwrap()));
    let error = tied.refusal();
    assert!(error.contains("`lm_head.weight` is missing"), "{error}");
    tied.edit_json("config.json", |json| json["tie_word_embeddings"] = json!(true));
    assert_eq!(tied.answer(), untied.answer());
    assert_ne!(tied.answer(), smolvlm().answer());
}

#[test]
fn a_stored_head_overrules_a_config_that_calls_it_tied() {
    let copy = smolvlm();
    copy.edit_json("config.json", |json| json["tie_word_embeddings"] = json!(true));
    assert_eq!(copy.answer(), smolvlm().answer());
}

#[test]
fn a_quantised_checkpoint_that_lacks_its_biases_is_refused_by_name() {
    let copy = Copy::of("idefics3_8bit");
    let name = "language_model.layers.0.mlp.up_proj.biases";
    copy.edit_tensors(|tensors| drop(tensors.remove(name).unwrap()));
    assert!(copy.refusal().contains(&format!("tensor `{name}` is missing")), "{}", copy.refusal());
}

#[test]
fn a_file_replaced_after_its_header_was_checked_is_refused() {
    let copy = smolvlm();
    let checkpoint = Checkpoint::open(copy.path()).unwrap();
    let declared = checkpoint.tensors().unwrap();
    let load = || {
        Weights::load(copy.path(), &checkpoint.weight_files, &declared, None, |name| {
            Some(name.to_owned())
        })
    };
    assert!(load().is_ok());
    copy.edit_tensors(|tensors| drop(tensors.insert(UP.to_owned(), ones(&[64, 128]))));
    let error = load().unwrap_err().to_string();
    assert!(error.contains("changed while it was loaded"), "{error}");
}

fn loads_from(folder: &Path) {
    fs::create_dir(folder).unwrap();
    copy_files(smolvlm().path(), folder);
    NativeModel::load(folder, &LoadOptions::default()).unwrap();
    fs::remove_file(folder.join("model.safetensors")).unwrap();
    assert!(NativeModel::load(folder, &LoadOptions::default()).is_err());
}

#[test]
fn a_folder_named_like_a_format_string_loads_and_fails_like_any_other() {
    let parent = tempfile::tempdir().unwrap();
    loads_from(&parent.path().join("100%s%n%d"));
}

/// macOS refuses to make such a folder.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_whose_name_is_not_utf_8_loads() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let parent = tempfile::tempdir().unwrap();
    loads_from(&parent.path().join(OsStr::from_bytes(b"w\xff")));
}

#[test]
fn a_checkpoint_without_image_settings_takes_the_published_ones() {
    let given = Copy::of("smolvlm_float32");
    let absent = Copy::of("smolvlm_float32");
    for file in ["preprocessor_config.json", "processor_config.json"] {
        fs::remove_file(absent.path().join(file)).unwrap();
    }
    // The published models have four tiles along the longer side, the fixture three.
    given.edit_json("preprocessor_config.json", |settings| {
        settings["size"]["longest_edge"] = json!(4 * 54);
    });
    assert_eq!(absent.answer(), given.answer());
}
