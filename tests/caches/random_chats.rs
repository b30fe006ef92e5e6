//! Random conversations, one after the other, against a model that keeps nothing.

use proptest::prelude::*;
use vlm_test::vlm::{Chat, Message, VisionLanguageModel};

use crate::{
    pair::{Pair, assistant, everything, user},
    support_native::checkpoint,
};

/// A turn of the user and the answer that follows it where it is not the last one.
fn turn() -> impl Strategy<Value = [Message; 2]> {
    let images = prop::collection::vec(0..3usize, 0..2);
    let text = prop_oneof![Just("What is shown?"), Just("How many?"), Just("Why? 12")];
    (images, text, prop_oneof![Just("red"), Just("two shapes")])
        .prop_map(|(images, text, answer)| [user(&images, text), assistant(answer)])
}

#[derive(Debug, Clone)]
enum Step {
    /// Keeps so many messages of the last chat and goes on with these.
    Ask { kept: usize, turns: Vec<[Message; 2]>, max_tokens: usize },
    /// Gives up all but this share of what is held.
    Shrink { eighths: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let ask = (0..5usize, prop::collection::vec(turn(), 1..3), 1..6usize)
        .prop_map(|(kept, turns, max_tokens)| Step::Ask { kept, turns, max_tokens });
    prop_oneof![5 => ask, 1 => (0..8u64).prop_map(|eighths| Step::Shrink { eighths })]
}

fn answers_are_those_of_a_cold_model(fixture: &str, steps: Vec<Step>) {
    let mut pair = Pair::of(&checkpoint(fixture));
    let mut messages: Vec<Message> = Vec::new();
    for step in steps {
        match step {
            Step::Ask { kept, turns, max_tokens } => {
                messages.truncate(kept / 2 * 2);
                messages.extend(turns.into_iter().flatten());
                let chat = Chat { messages: messages[..messages.len() - 1].to_vec() };
                pair.ask(&chat, &everything(max_tokens));
            }
            Step::Shrink { eighths } => {
                let bytes = pair.warm.held_bytes() * eighths / 8;
                pair.warm.shrink_caches(bytes);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn smolvlm_answers_as_if_it_kept_nothing(steps in prop::collection::vec(step(), 2..7)) {
        answers_are_those_of_a_cold_model("smolvlm_float32", steps);
    }

    #[test]
    fn llava_answers_as_if_it_kept_nothing(steps in prop::collection::vec(step(), 2..7)) {
        answers_are_those_of_a_cold_model("llava_next_mistral", steps);
    }

    #[test]
    fn phi_3_vision_answers_as_if_it_kept_nothing(steps in prop::collection::vec(step(), 2..7)) {
        answers_are_those_of_a_cold_model("phi3_v_bfloat16_1_crop", steps);
    }
}
