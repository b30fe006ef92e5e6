//! Weights are lazy in MLX, and read from their file when they are first needed: here they are
//! in memory when loading ends.

use std::fs;

use super::{active, settle, support_native, turn};

#[test]
fn what_becomes_of_the_file_after_loading_changes_no_answer() {
    let (_turn, allocator) = turn();
    let (chat, options) =
        (support_native::chat(&[0], "How many are there?"), support_native::options(8));
    let expected =
        support_native::ask(&mut support_native::load("smolvlm_float32"), &chat, &options);
    let copy = support_native::Copy::of("smolvlm_float32");
    let stored: usize = copy.tensors().values().map(mlx_rs::Array::nbytes).sum();
    let before = settle(allocator);
    let mut model = copy.load().unwrap();
    assert!(active(allocator) >= before + stored as u64, "they are not in memory yet");
    let file = copy.path().join("model.safetensors");
    let length = fs::metadata(&file).unwrap().len();
    fs::write(&file, vec![0; length as usize]).unwrap();
    let answer = support_native::ask(&mut model, &chat, &options);
    assert_eq!((answer.answer, answer.token_ids), (expected.answer, expected.token_ids));
}
