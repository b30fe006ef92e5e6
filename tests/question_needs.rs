//! What a model says a question will need, against what the question then takes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support_native;

use support_native::{chat, checkpoint, fixtures, load, options};
use vlm_test::{
    native::NativeModel,
    vlm::{
        Admission, Generation, GenerationOptions, LoadOptions, Need, Observer, VisionLanguageModel,
    },
};

/// Notes what is needed, and grants it.
#[derive(Default)]
struct Needs(Vec<Need>);

impl Observer for Needs {
    fn admit(&mut self, need: &Need) -> Admission {
        self.0.push(*need);
        Admission::Granted
    }
}

fn ask(
    model: &mut NativeModel,
    images: &[usize],
    options: &GenerationOptions,
) -> (Need, Generation) {
    let mut needs = Needs::default();
    let generation = model.generate(&chat(images, "How many?"), options, &mut needs).unwrap();
    let [need] = needs.0[..] else { panic!("asked {} times", needs.0.len()) };
    (need, generation)
}

#[test]
fn keys_and_values_are_those_that_the_cache_holds_afterwards() {
    for fixture in fixtures() {
        let mut model = load(&fixture);
        model.limit_features(0);
        for (images, max_tokens) in [(&[0][..], 4), (&[1, 2], 200), (&[], 300)] {
            let before = model.held_bytes();
            let (need, generation) = ask(&mut model, images, &options(max_tokens));
            let usage = generation.usage;
            assert_eq!(need.prompt_tokens, usage.prompt_tokens, "{fixture}");
            assert_eq!(need.image_tokens, usage.image_tokens, "{fixture}");
            assert_eq!(need.run_tokens, usage.prompt_tokens - usage.cached_tokens, "{fixture}");
            assert_eq!((need.chunk, need.held_bytes), (usage.prefill_chunk, before), "{fixture}");
            // Long sequences of Phi-3 are run twice, and their first keys are not kept.
            if model.held_bytes() > 0 {
                let reused = usage.cached_tokens > 0 && before == model.held_bytes();
                let held = if reused { 0 } else { model.held_bytes() };
                assert_eq!(need.kv_bytes, held, "{fixture} {images:?} {max_tokens}");
            }
        }
    }
}

#[test]
fn what_is_kept_is_not_needed_again() {
    let mut model = load("llava_next_mistral");
    let (first, _) = ask(&mut model, &[0, 1, 0], &options(4));
    let (second, _) = ask(&mut model, &[0, 1, 0], &options(4));
    // An image that is shown twice is encoded once.
    let (once, _) = ask(&mut load("llava_next_mistral"), &[0, 1], &options(4));
    assert_eq!(first.frames, once.frames);
    assert!(first.frames >= 4 && first.kv_bytes > 0);
    assert_eq!((second.frames, second.kv_bytes), (0, 0));
    assert!(second.run_tokens < first.run_tokens && second.held_bytes > 0);
    // With more room the buffers are made anew; with none kept everything is.
    let (longer, _) = ask(&mut model, &[0, 1, 0], &options(500));
    assert!(longer.frames == 0 && longer.kv_bytes > first.kv_bytes, "{longer:?}");
    let cold = LoadOptions { no_cache: true, ..LoadOptions::default() };
    let mut cold = NativeModel::load(&checkpoint("llava_next_mistral"), &cold).unwrap();
    let all: Vec<Need> = (0..2).map(|_| ask(&mut cold, &[0, 1, 0], &options(4)).0).collect();
    assert_eq!(all, [first, first]);
}
