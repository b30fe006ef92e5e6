use mlx_rs::{Array, Dtype, ops, random};

use super::*;
use crate::native::nn::{embedding::Embedding, linear::Linear};

/// Weights that hold `tensors` under the names given.
pub(crate) fn weights(tensors: impl IntoIterator<Item = (String, Array)>) -> Weights {
    renamed(tensors, |name| Some(name.to_owned())).unwrap()
}

fn renamed(
    tensors: impl IntoIterator<Item = (String, Array)>,
    sanitize: impl Fn(&str) -> Option<String>,
) -> Result<Weights, WeightsError> {
    let mut weights = Weights::empty(Path::new("folder"));
    weights.add(tensors.into_iter().collect(), sanitize)?;
    Ok(weights)
}

pub(crate) fn normal(shape: &[i32], seed: u64, dtype: Dtype) -> Array {
    let key = random::key(seed).unwrap();
    random::normal::<f32>(shape, None, None, Some(&key)).unwrap().as_dtype(dtype).unwrap()
}

/// The three tensors of `weight`, quantised, below `path`.
fn packed(path: &str, weight: &Array, group_size: i32, bits: i32) -> [(String, Array); 3] {
    let (weight, scales, biases) = ops::quantize(weight, group_size, bits).unwrap();
    [("weight", weight), ("scales", scales), ("biases", biases)]
        .map(|(name, array)| (format!("{path}.{name}"), array))
}

fn dequantized(tensors: &[(String, Array); 3], group_size: i32, bits: i32) -> Array {
    let [(_, weight), (_, scales), (_, biases)] = tensors;
    ops::dequantize(weight, scales, biases, group_size, bits).unwrap()
}

fn near(left: &Array, right: &Array, tolerance: f32) -> bool {
    let difference = left.subtract(right).unwrap().abs().unwrap().max(false).unwrap();
    left.shape() == right.shape()
        && difference.as_dtype(Dtype::Float32).unwrap().item_exact::<f32>() <= tolerance
}

#[test]
fn a_quantised_layer_computes_what_its_dequantised_weights_compute() {
    for (group_size, bits) in [(32, 4), (64, 4), (128, 4), (32, 8), (64, 8), (128, 8), (64, 3)] {
        let stored = packed("layer", &normal(&[48, 256], 1, Dtype::Float32), group_size, bits);
        let bias = ("layer.bias".to_owned(), normal(&[48], 2, Dtype::Float32));
        let table = dequantized(&stored, group_size, bits);
        let dense = weights([("layer.weight".to_owned(), table.clone()), bias.clone()]);
        let small = weights(stored.into_iter().chain([bias]));
        let linear = |weights: Weights| {
            let linear = Linear::new(&weights.root().scope("layer"), 256, 48, true).unwrap();
            (linear, weights.finish().unwrap())
        };
        let ((small, precision), (dense, _)) = (linear(small), linear(dense));
        assert_eq!(precision, format!("{bits}-bit (group {group_size}), float32"));
        let x = normal(&[1, 5, 256], 3, Dtype::Float32);
        assert!(
            near(&small.forward(&x).unwrap(), &dense.forward(&x).unwrap(), 1e-3),
            "{bits} bits in groups of {group_size}"
        );
    }
}

#[test]
fn a_quantised_table_gives_the_rows_and_the_tied_head_of_its_dequantised_form() {
    for (group_size, bits) in [(32, 4), (64, 8), (128, 4)] {
        let stored = packed("table", &normal(&[40, 128], 4, Dtype::Float32), group_size, bits);
        let table = dequantized(&stored, group_size, bits);
        let dense = weights([("table.weight".to_owned(), table.clone())]);
        let small = weights(stored);
        let build = |weights: &Weights| Embedding::new(&weights.root().scope("table"), 40, 128);
        let (small, dense) = (build(&small).unwrap(), build(&dense).unwrap());
        let ids = Array::from_slice(&[7u32, 0, 39, 7], &[4]);
        assert!(near(&small.forward(&ids).unwrap(), &dense.forward(&ids).unwrap(), 1e-6));
        assert!(near(&small.table().unwrap(), &table, 1e-6));
        let x = normal(&[1, 128], 5, Dtype::Float32);
        assert!(near(&small.as_linear(&x).unwrap(), &dense.as_linear(&x).unwrap(), 1e-3));
    }
}

#[test]
fn layers_compute_in_the_precision_they_are_stored_in() {
    for dtype in [Dtype::Float16, Dtype::Bfloat16] {
        let dense = [
            ("layer.weight".to_owned(), normal(&[48, 64], 1, dtype)),
            ("layer.bias".to_owned(), normal(&[48], 2, dtype)),
        ];
        let quantised = packed("layer", &normal(&[48, 64], 1, dtype), 64, 4)
            .into_iter()
            .chain([("layer.bias".to_owned(), normal(&[48], 2, dtype))]);
        for weights in [weights(dense), weights(quantised)] {
            let linear = Linear::new(&weights.root().scope("layer"), 64, 48, true).unwrap();
            assert_eq!(linear.forward(&normal(&[1, 3, 64], 3, dtype)).unwrap().dtype(), dtype);
        }
        let table = weights(packed("table", &normal(&[48, 64], 1, dtype), 64, 8));
        let table = Embedding::new(&table.root().scope("table"), 48, 64).unwrap();
        let rows = table.forward(&Array::from_slice(&[1u32, 2], &[2])).unwrap();
        assert_eq!(rows.dtype(), dtype);
        assert_eq!(table.as_linear(&rows).unwrap().dtype(), dtype);
    }
}

#[test]
fn quantised_tensors_that_do_not_fit_together_are_refused_by_name() {
    let stored = |group_size, bits| {
        packed("layer", &normal(&[48, 256], 1, Dtype::Float32), group_size, bits)
    };
    let refusal = |tensors: [(String, Array); 3]| {
        weights(tensors).root().scope("layer").quantized(48, 256).unwrap_err().to_string()
    };
    let [weight, scales, _] = stored(64, 4);
    let [_, _, others] = stored(32, 4);
    let error = refusal([weight, scales, others]);
    assert!(error.contains("`layer.biases` has shape [48, 8], but"), "{error}");

    let [(name, weight), scales, biases] = stored(64, 4);
    let error = refusal([(name, weight.as_dtype(Dtype::Int32).unwrap()), scales, biases]);
    assert!(error.contains("`layer.weight`") && error.contains("uint32"), "{error}");

    let [weight, (name, scales), biases] = stored(64, 4);
    let error = refusal([weight, (name, scales.as_dtype(Dtype::Int32).unwrap()), biases]);
    assert!(error.contains("`layer.scales` is stored as int32"), "{error}");

    let [weight, scales, _] = stored(64, 4);
    let error =
        weights([weight, scales]).root().scope("layer").quantized(48, 256).unwrap_err().to_string();
    assert!(error.contains("`layer.biases` is missing"), "{error}");
}

#[test]
fn a_missing_tensor_is_named_as_the_files_spell_its_neighbours() {
    let published = |name: &str| Some(name.strip_prefix("model.").unwrap_or(name).to_owned());
    let mlx = |name: &str| Some(name.replace("language_model.", "text_model."));
    let tensor = |name: &str| (name.to_owned(), normal(&[2], 1, Dtype::Float32));
    let name_of =
        |weights: &Weights, name: &str| weights.root().tensor(name, &[2]).unwrap_err().to_string();
    let weights = renamed(
        [tensor("model.text_model.norm.weight"), tensor("model.vision_model.x.bias")],
        published,
    )
    .unwrap();
    let error = name_of(&weights, "text_model.layers.0.up.weight");
    assert!(error.contains("`model.text_model.layers.0.up.weight` is missing"), "{error}");
    let error = name_of(&weights, "lm_head.weight");
    assert!(error.contains("`lm_head.weight` is missing"), "{error}");

    let weights = renamed([tensor("language_model.norm.weight")], mlx).unwrap();
    let error = name_of(&weights, "text_model.embed_tokens.weight");
    assert!(error.contains("`language_model.embed_tokens.weight` is missing"), "{error}");
}

#[test]
fn two_spellings_of_one_weight_are_refused_with_both_names() {
    let tensor = |name: &str| (name.to_owned(), normal(&[2], 1, Dtype::Float32));
    let sanitize = |name: &str| Some(name.strip_prefix("model.").unwrap_or(name).to_owned());
    let error = renamed([tensor("norm.weight"), tensor("model.norm.weight")], sanitize)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`model.norm.weight` and `norm.weight` are two spellings"), "{error}");
}

#[test]
fn a_patch_kernel_is_the_same_from_either_layout() {
    let ours = normal(&[6, 4, 4, 3], 1, Dtype::Float32);
    let theirs = ours.transpose_axes(&[0, 3, 1, 2]).unwrap();
    for layout in [ours.clone(), theirs] {
        let weights = weights([("weight".to_owned(), layout)]);
        let kernel = weights.root().patch_kernel(6, 4, 3).unwrap();
        assert!(kernel.eq_values(&ours).unwrap());
    }
    let odd = weights([("weight".to_owned(), normal(&[6, 3, 4, 5], 1, Dtype::Float32))]);
    let error = odd.root().patch_kernel(6, 4, 3).unwrap_err().to_string();
    assert!(error.contains("[6, 3, 4, 5]") && error.contains("[6, 4, 4, 3]"), "{error}");
}
