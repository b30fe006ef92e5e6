//! The key-value cache is written in place: decoding needs no memory beyond it. The
//! counters are those of the whole process, so this file holds one test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support_native;

use std::collections::BTreeSet;

use mlx_rs::memory;
use support_native::{Ready, architecture, chat, checkpoint, options};
use vlm_test::{
    native::{generate::generate, prefill::Prompt},
    vlm::Unobserved,
};

#[test]
fn a_hundred_tokens_need_no_more_memory_than_the_first() {
    let model = architecture(&checkpoint("smolvlm_float32"));
    let Ready { segments, features, token_ids, .. } =
        Ready::new(&model, &chat(&[0; 6], "describe"));
    let prompt = Prompt::new(&segments, features);
    // Two layers of keys and values, float32, one head of 16.
    let one_buffer = (token_ids.len() + 100) * 16 * 4;

    let (mut count, mut early, mut late) = (0, 0, 0);
    let generated =
        generate(&model, prompt, &[], &BTreeSet::new(), &options(100), &mut Unobserved, |_, _| {
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
    assert_eq!(generated.tokens.ids.len(), 100);
    // What is in flight differs from moment to moment, but by less than one of the
    // cache's four buffers: no step copies one.
    assert!(late < early + one_buffer, "{early} → {late}");
    assert!(peak < early + one_buffer, "peak {peak} over {early}");
}
