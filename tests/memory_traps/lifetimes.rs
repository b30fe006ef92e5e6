//! Who keeps memory alive: handles, work that was never run, scalars that pile up.

use std::{collections::BTreeSet, mem};

use mlx_rs::{Array, ops, transforms};
use vlm_test::{
    memory::{Allocator, MlxAllocator, ScopeError, memory_scope},
    native::{generate::generate, prefill::Prompt},
    vlm::{ModelError, Observer, Phase},
};

use super::{active, settle, support_native, turn};

const SIDE: i32 = 512;
const BYTES: u64 = 512 * 512 * 4;

fn evaluated() -> Array {
    let ones = ops::ones::<f32>(&[SIDE, SIDE]).unwrap();
    let array = ops::add(&ones, &ones).unwrap();
    transforms::eval([&array]).unwrap();
    array
}

/// Bytes that twenty operations, one on the result of the other, need beyond their input.
fn chain(allocator: MlxAllocator, keep: bool) -> u64 {
    let (input, one) = (evaluated(), Array::from_f32(1.0));
    let before = settle(allocator);
    allocator.reset_peak().unwrap();
    let mut kept = Vec::new();
    let mut last = input.clone();
    for _ in 0..20 {
        let next = ops::add(&last, &one).unwrap();
        let previous = mem::replace(&mut last, next);
        if keep {
            kept.push(previous);
        }
    }
    transforms::eval([&last]).unwrap();
    allocator.synchronize().unwrap();
    allocator.reading().unwrap().peak_bytes - before
}

#[test]
fn handles_of_intermediate_results_cost_a_buffer_each_and_none_once_they_are_dropped() {
    let (_turn, allocator) = turn();
    assert_eq!(chain(allocator, false), BYTES, "each step writes where the last one wrote");
    assert!(chain(allocator, true) >= 20 * BYTES);
}

#[test]
fn a_scope_returns_to_its_baseline_or_says_what_stayed() {
    let (_turn, allocator) = turn();
    let sum = memory_scope(&allocator, "an evaluated sum", || {
        let sum = ops::sum(evaluated(), None).unwrap();
        sum.item_exact::<f32>()
    });
    assert_eq!(sum, Ok(2.0 * (SIDE * SIDE) as f32));
    // A sum that was never run still needs all of what it adds up.
    let lazy = memory_scope(&allocator, "a lazy sum", || ops::sum(evaluated(), None).unwrap());
    let ScopeError::Stayed { name, bytes } = lazy.unwrap_err() else { panic!("it failed") };
    assert_eq!(name, "a lazy sum");
    assert!((BYTES..BYTES + 64).contains(&bytes), "{bytes}");
}

/// A counter of steps that is an array and never evaluated keeps a buffer for each step.
#[test]
fn a_scalar_that_is_never_evaluated_leaks_a_buffer_a_step() {
    let (_turn, allocator) = turn();
    let before = settle(allocator);
    let mut counter = Array::from_f32(0.0);
    for _ in 0..100 {
        counter = ops::add(&counter, Array::from_f32(1.0)).unwrap();
    }
    assert!(settle(allocator) >= before + 100 * 4);
    transforms::eval([&counter]).unwrap();
    assert!(settle(allocator) <= before + 2 * 4);
}

/// Notes what is active after each token, when nothing is in flight.
struct EachToken(MlxAllocator, Vec<u64>);

impl Observer for EachToken {
    fn reached(&mut self, phase: Phase) -> Result<(), ModelError> {
        if phase == Phase::Decode {
            self.0.synchronize().unwrap();
            self.1.push(active(self.0));
        }
        Ok(())
    }
}

#[test]
fn not_a_byte_more_is_active_from_one_token_to_the_next() {
    let (_turn, allocator) = turn();
    let model = support_native::architecture(&support_native::checkpoint("smolvlm_float32"));
    let chat = support_native::chat(&[0], "describe");
    let support_native::Ready { segments, features, .. } =
        support_native::Ready::new(&model, &chat);
    let prompt = Prompt::new(&segments, features);
    let mut seen = EachToken(allocator, Vec::new());
    let options = support_native::options(100);
    generate(&model, prompt, &[], &BTreeSet::new(), &options, &mut seen, |_, _| {}).unwrap();
    // The last token has no successor in flight.
    let steady = &seen.1[2..98];
    assert!(steady.iter().all(|&bytes| bytes == steady[0]), "{steady:?}");
}
