//! The key-value cache is written in place: decoding needs no memory beyond it. The
//! counters are those of the whole process, so this file holds one test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support_native;

use std::collections::BTreeSet;

use mlx_rs::memory;
use support_native::{chat, checkpoint, options};
use vlm_test::{
    native::{checkpoint::Checkpoint, generate::generate, models},
    vlm::LoadOptions,
};

#[test]
fn a_hundred_tokens_need_no_more_memory_than_the_first() {
    let checkpoint = Checkpoint::open(&checkpoint("smolvlm_float32")).unwrap();
    let (model, _) = models::load(&checkpoint, &LoadOptions::default()).unwrap();
    let prompt = model.prompt(&chat(&[0; 6], "describe")).unwrap();
    let features = model.vision_features(&prompt.images).unwrap();
    let embeddings = model.embed_prompt(&prompt.token_ids, features.as_ref()).unwrap();
    let positions = embeddings.dim(1);
    // Two layers of keys and values, float32, one head of 16.
    let one_buffer = (positions as usize + 100) * 16 * 4;

    let (mut count, mut early, mut late) = (0, 0, 0);
    let tokens = generate(&model, embeddings, &BTreeSet::new(), &options(100), |_| {
        count += 1;
        if count == 10 {
            early = memory::active_memory().unwrap();
            memory::reset_peak_memory().unwrap();
        } else if count == 99 {
            late = memory::active_memory().unwrap();
        }
    })
    .unwrap();
    let peak = memory::peak_memory().unwrap();
    assert_eq!(tokens.ids.len(), 100);
    // What is in flight differs from moment to moment, but by less than one of the
    // cache's four buffers: no step copies one.
    assert!(late < early + one_buffer, "{early} → {late}");
    assert!(peak < early + one_buffer, "peak {peak} over {early}");
}
