//! What a model computes on the way is gone as it goes: a deeper model needs more for its keys
//! and values, and nothing else.

use vlm_test::{
    memory::{Allocator, MlxAllocator},
    native::NativeModel,
    vlm::{ModelError, Observer, Phase, VisionLanguageModel},
};

use super::{settle, support_native, turn};

/// A copy of the tiny model with each of its two stacks `layers` high.
fn with_layers(layers: usize) -> support_native::Copy {
    let copy = support_native::Copy::of("smolvlm_float32");
    copy.edit_tensors(|tensors| {
        let second: Vec<_> = tensors
            .iter()
            .filter(|(name, _)| name.contains(".layers.1."))
            .map(|(name, array)| (name.clone(), array.clone()))
            .collect();
        for layer in 2..layers {
            let named = |name: &str| name.replace(".layers.1.", &format!(".layers.{layer}."));
            tensors.extend(second.iter().map(|(name, array)| (named(name), array.clone())));
        }
    });
    copy.edit_json("config.json", |config| {
        for stack in ["text_config", "vision_config"] {
            config[stack]["num_hidden_layers"] = layers.into();
        }
    });
    copy
}

/// The most that was active over each phase beyond what is there when it ends.
struct Transient {
    allocator: MlxAllocator,
    now: Option<Phase>,
    vision: u64,
    prefill: u64,
}

impl Observer for Transient {
    fn reached(&mut self, phase: Phase) -> Result<(), ModelError> {
        self.allocator.synchronize().unwrap();
        let reading = self.allocator.reading().unwrap();
        let transient = reading.peak_bytes.saturating_sub(reading.active_bytes);
        match self.now {
            Some(Phase::Vision) => self.vision = self.vision.max(transient),
            Some(Phase::Prefill) => self.prefill = self.prefill.max(transient),
            _ => {}
        }
        self.now = Some(phase);
        self.allocator.reset_peak().unwrap();
        Ok(())
    }
}

fn transient(allocator: MlxAllocator, layers: usize) -> Transient {
    let copy = with_layers(layers);
    let mut model: NativeModel = copy.load().unwrap();
    settle(allocator);
    let mut seen = Transient { allocator, now: None, vision: 0, prefill: 0 };
    let chat = support_native::chat(&[0, 1], &"How many are there? ".repeat(20));
    model.generate(&chat, &support_native::options(2), &mut seen).unwrap();
    seen
}

#[test]
fn activations_of_a_layer_are_gone_before_the_next_but_one() {
    let (_turn, allocator) = turn();
    let (low, high) = (transient(allocator, 8), transient(allocator, 40));
    assert!(low.vision > 0 && low.prefill > 0);
    // Work is handed over some operations ahead of what is done. If every layer's were kept,
    // five times as much would be needed.
    for (few, many) in [(low.vision, high.vision), (low.prefill, high.prefill)] {
        assert!(many as f64 <= 1.15 * few as f64, "{few} bytes with 8 layers, {many} with 40");
    }
}
