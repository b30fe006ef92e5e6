//! The `LLaVA` and Phi-3.5-vision families hold a checkpoint to its config as strictly as
//! `tests/strict_loading.rs` says of `SmolVLM`, and load every published spelling of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support_native;

use mlx_rs::{Array, ops};
use serde_json::json;
use support_native::Copy;

const LAST_LLAVA_LAYER: &str = "vision_tower.vision_model.encoder.layers.2.";
const LAST_PHI_LAYER: &str =
    "model.vision_embed_tokens.img_processor.vision_model.encoder.layers.2.";

fn ones(shape: &[i32]) -> Array {
    ops::ones::<f32>(shape).unwrap()
}

/// A tensor of each part: tower, projector, separators, decoder, head.
const PARTS: [(&str, &[&str]); 5] = [
    (
        "llava_float32",
        &[
            "vision_tower.vision_model.embeddings.class_embedding",
            "vision_tower.vision_model.embeddings.position_embedding.weight",
            "vision_tower.vision_model.pre_layrnorm.bias",
            "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.bias",
            "multi_modal_projector.linear_1.bias",
            "language_model.model.layers.1.mlp.up_proj.weight",
            "language_model.model.norm.weight",
            "language_model.lm_head.weight",
        ],
    ),
    (
        "llava_next_vicuna",
        &[
            "model.image_newline",
            "model.vision_tower.vision_model.encoder.layers.1.mlp.fc2.bias",
            "model.multi_modal_projector.linear_2.weight",
            "model.language_model.layers.0.self_attn.k_proj.weight",
            "lm_head.weight",
        ],
    ),
    (
        "phi3_v_float32",
        &[
            "model.vision_embed_tokens.glb_GN",
            "model.vision_embed_tokens.sub_GN",
            "model.vision_embed_tokens.img_projection.2.bias",
            "model.vision_embed_tokens.img_processor.vision_model.embeddings.patch_embedding.weight",
            "model.layers.0.self_attn.qkv_proj.weight",
            "model.layers.1.mlp.gate_up_proj.weight",
            "lm_head.weight",
        ],
    ),
    (
        "llava_4bit_bare",
        &[
            "vision_tower.vision_model.embeddings.position_embedding.biases",
            "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.bias",
            "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.biases",
            "multi_modal_projector.linear_2.bias",
            "language_model.model.embed_tokens.biases",
            "language_model.lm_head.weight",
        ],
    ),
    (
        "phi3_v_4bit_16_crops",
        &[
            "model.vision_embed_tokens.img_projection.0.biases",
            "model.vision_embed_tokens.img_projection.0.bias",
            "model.embed_tokens.biases",
        ],
    ),
];

#[test]
fn a_missing_tensor_is_named_as_the_file_spells_it() {
    for (fixture, names) in PARTS {
        for name in names {
            let copy = Copy::of(fixture);
            copy.edit_tensors(|tensors| drop(tensors.remove(*name).unwrap()));
            let error = copy.refusal();
            // What stands at the top has no neighbour that tells how the file would spell it.
            let top = ["lm_head.weight", "image_newline", "glb_GN", "sub_GN"]
                .into_iter()
                .find(|top| name.ends_with(top));
            let named = |name: &str| error.contains(&format!("tensor `{name}` is missing"));
            assert!(named(name) || top.is_some_and(named), "{fixture}: {error}");
        }
    }
}

#[test]
fn a_wrong_shape_is_refused_by_name() {
    for (fixture, names) in PARTS {
        for name in names {
            let copy = Copy::of(fixture);
            copy.edit_tensors(|tensors| {
                let twice = [&tensors[*name], &tensors[*name]];
                let wider = ops::concatenate(&twice, 0).unwrap();
                tensors.insert((*name).to_owned(), wider);
            });
            let error = copy.refusal();
            // A packed weight may be named by the part that shows it.
            let module = name.rsplit_once('.').unwrap().0;
            assert!(error.contains(module), "{fixture}: `{name}` named as {error}");
        }
    }
}

#[test]
fn a_tensor_that_no_part_of_the_model_uses_is_refused() {
    let strays: [(&str, &str, &[i32]); 8] = [
        ("llava_float32", "vision_tower.vision_model.encoder.layers.3.layer_norm1.bias", &[32]),
        ("llava_float32", "language_model.model.layers.0.self_attn.q_proj.bias", &[48]),
        ("llava_float32", "image_newline", &[48]),
        ("llava_float32", "multi_modal_projector.linear_3.bias", &[48]),
        (
            "llava_next_vicuna",
            "model.vision_tower.vision_model.embeddings.patch_embedding.bias",
            &[32],
        ),
        ("llava_next_vicuna", "model.language_model.layers.2.input_layernorm.weight", &[48]),
        ("phi3_v_float32", "model.layers.0.self_attn.qkv_proj.bias", &[192]),
        ("phi3_v_float32", "model.layers.0.self_attn.q_proj.weight", &[64, 64]),
    ];
    for (fixture, name, shape) in strays {
        let copy = Copy::of(fixture);
        copy.edit_tensors(|tensors| drop(tensors.insert(name.to_owned(), ones(shape))));
        let error = copy.refusal();
        assert!(error.contains(name), "{fixture}: {error}");
    }
}

#[test]
fn two_spellings_of_one_weight_are_refused_with_both_names() {
    let pairs = [
        ("llava_float32", "language_model.lm_head.weight", "lm_head.weight"),
        (
            "llava_float32",
            "vision_tower.vision_model.embeddings.class_embedding",
            "vision_tower.embeddings.class_embedding",
        ),
        ("llava_float32", "language_model.model.norm.weight", "model.language_model.norm.weight"),
        ("llava_next_vicuna", "model.image_newline", "image_newline"),
    ];
    for (fixture, first, second) in pairs {
        let copy = Copy::of(fixture);
        copy.edit_tensors(|tensors| {
            let again = tensors[first].clone();
            tensors.insert(second.to_owned(), again);
        });
        let error = copy.refusal();
        assert!(error.contains(first) && error.contains(second), "{error}");
    }
}

/// From the published name of a `LLaVA` tensor to that of transformers 4.52 and on.
fn in_version_4(name: &str) -> String {
    match name.strip_prefix("language_model.") {
        Some(head) if head.starts_with("lm_head.") => head.to_owned(),
        Some(rest) => format!("model.language_model.{}", rest.strip_prefix("model.").unwrap()),
        None => format!("model.{name}"),
    }
}

fn in_version_5(name: &str) -> String {
    name.replace("vision_tower.vision_model.", "vision_tower.")
}

#[test]
fn every_published_spelling_loads_to_the_same_answers() {
    let expected = Copy::of("llava_float32").answer();
    for spelling in [in_version_4, in_version_5, |name: &str| in_version_5(&in_version_4(name))] {
        let copy = Copy::of("llava_float32");
        copy.rename_tensors(spelling);
        assert_eq!(copy.answer(), expected, "{}", spelling("vision_tower.vision_model.x"));
    }
}

#[test]
fn both_convolution_layouts_load_to_the_same_answers() {
    let towers = [
        ("llava_float32", "vision_tower.vision_model", [0, 2, 3, 1]),
        ("llava_4bit_bare", "vision_tower.vision_model", [0, 3, 1, 2]),
        ("phi3_v_float32", "model.vision_embed_tokens.img_processor.vision_model", [0, 2, 3, 1]),
    ];
    for (fixture, tower, axes) in towers {
        let copy = Copy::of(fixture);
        let expected = copy.answer();
        copy.edit_tensors(|tensors| {
            let name = format!("{tower}.embeddings.patch_embedding.weight");
            let turned = tensors[&name].transpose_axes(&axes).unwrap();
            tensors.insert(name, turned);
        });
        assert_eq!(copy.answer(), expected, "{fixture}");
    }
}

#[test]
fn tower_layers_behind_the_features_may_be_absent() {
    for (fixture, layer) in
        [("llava_float32", LAST_LLAVA_LAYER), ("phi3_v_float32", LAST_PHI_LAYER)]
    {
        let copy = Copy::of(fixture);
        let expected = copy.answer();
        for unused in [layer, ".post_layernorm."] {
            copy.edit_tensors(|tensors| {
                let before = tensors.len();
                tensors.retain(|name, _| !name.contains(unused));
                assert!(tensors.len() < before, "{fixture} has no {unused}");
            });
            assert_eq!(copy.answer(), expected, "{fixture} without {unused}");
        }
    }
}

#[test]
fn a_tower_layer_that_the_features_need_may_not_be_absent() {
    let copy = Copy::of("llava_float32");
    copy.edit_tensors(|tensors| tensors.retain(|name, _| !name.starts_with(LAST_LLAVA_LAYER)));
    copy.edit_json("config.json", |json| json["vision_feature_layer"] = json!(-1));
    let error = copy.refusal();
    assert!(error.contains(LAST_LLAVA_LAYER) && error.contains("missing"), "{error}");
}

#[test]
fn buffers_and_aliases_that_old_files_carry_are_dropped() {
    let extras: [(&str, &[&str]); 2] = [
        (
            "llava_float32",
            &[
                "vision_tower.vision_model.embeddings.position_ids",
                "language_model.model.layers.0.self_attn.rotary_emb.inv_freq",
            ],
        ),
        (
            "phi3_v_float32",
            &[
                "model.vision_embed_tokens.img_processor.vision_model.embeddings.position_ids",
                "model.vision_embed_tokens.wte.weight",
            ],
        ),
    ];
    for (fixture, names) in extras {
        let copy = Copy::of(fixture);
        let expected = copy.answer();
        copy.edit_tensors(|tensors| {
            tensors.extend(names.iter().map(|name| ((*name).to_owned(), ones(&[3]))));
        });
        assert_eq!(copy.answer(), expected, "{fixture}");
    }
}

#[test]
fn how_a_module_is_packed_is_read_from_its_tensors() {
    let copy = Copy::of("llava_next_4bit_mixed");
    let expected = copy.answer();
    for block in ["quantization", "quantization_config"] {
        copy.edit_json("config.json", |json| json[block] = json!({"group_size": 64, "bits": 8}));
    }
    assert_eq!(copy.answer(), expected);
}
