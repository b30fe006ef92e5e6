//! What is kept is told, and spares what it should.

use std::path::PathBuf;

use vlm_test::vlm::{Chat, Message, ModelError, Unobserved, VisionLanguageModel};

use crate::{
    pair::{Pair, assistant, chat_of, cold, everything, models, user, warm},
    support_native::{architecture, ask, chat, checkpoint, options},
};

const QUESTIONS: [&str; 5] = [
    "What colour is the background?",
    "How many shapes are there?",
    "Is there a circle?",
    "What is in the corner?",
    "Describe the image in one sentence.",
];

#[test]
fn only_the_first_of_five_questions_on_one_image_encodes_and_prefills_it() {
    for folder in models() {
        let (mut model, family) = (warm(&folder), architecture(&folder));
        let answers = QUESTIONS.map(|question| ask(&mut model, &chat(&[0], question), &options(3)));
        let [first, rest @ ..] = &answers;
        assert!(first.timings.vision > 0.0 && first.usage.cached_tokens == 0);
        for answer in rest {
            assert_eq!(answer.timings.vision, 0.0, "{}", folder.display());
            let ids = &answer.prompt_token_ids;
            let last = ids.iter().rposition(|&id| family.is_image_position(id));
            let prefix = last.unwrap() + 1;
            assert!(answer.usage.image_tokens > 0);
            assert!(answer.usage.cached_tokens >= prefix, "{prefix}: {:?}", answer.usage);
            assert!(answer.usage.cached_tokens < answer.usage.prompt_tokens);
        }
    }
}

#[test]
fn another_question_after_the_same_talk_runs_no_turn_but_the_last_again() {
    for folder in models() {
        let mut model = warm(&folder);
        let first = user(&[0], "Describe the image in one sentence.");
        let asked = chat_of([first.clone()]);
        let opened = ask(&mut model, &asked, &options(2)).usage.prompt_tokens;
        let mut after = |question| {
            let said = assistant("There is one shape.");
            let chat = chat_of([first.clone(), said, user(&[], question)]);
            ask(&mut model, &chat, &options(2)).usage
        };
        after("What color is the circle?");
        let usage = after("How many shapes are there?");
        assert!(usage.cached_tokens >= opened, "{}: {opened}, {usage:?}", folder.display());
    }
}

#[test]
fn an_image_that_comes_back_after_another_is_prefilled_but_not_encoded() {
    for folder in models() {
        let mut model = warm(&folder);
        let mut vision =
            |image| ask(&mut model, &chat(&[image], "What is shown?"), &options(2)).timings.vision;
        assert!(vision(0) > 0.0 && vision(1) > 0.0);
        assert_eq!((vision(0), vision(1)), (0.0, 0.0));
    }
}

#[test]
fn a_question_without_an_image_spends_no_time_on_vision() {
    for folder in models() {
        for mut model in [warm(&folder), cold(&folder)] {
            let answer = ask(&mut model, &chat(&[], "What is 2 plus 3?"), &options(2));
            assert_eq!(answer.timings.vision, 0.0);
            assert!(answer.image_sha256.is_empty());
        }
    }
}

#[test]
fn a_turn_more_costs_its_own_tokens_where_the_template_closes_turns() {
    for folder in ["smolvlm_tiny", "phi3v_tiny"] {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models").join(folder);
        let mut model = warm(&folder);
        let mut messages = vec![user(&[0], "What is shown?")];
        let mut before = 0;
        for _ in 0..4 {
            let chat = Chat { messages: messages.clone() };
            let usage = ask(&mut model, &chat, &options(8)).usage;
            // What a turn of five words, an answer and the marks around them come to.
            assert!(before == 0 || usage.prompt_tokens - usage.cached_tokens < 40, "{usage:?}");
            assert!(usage.cached_tokens + 8 >= before, "{usage:?}");
            before = usage.prompt_tokens;
            messages.extend([assistant("A red circle."), user(&[], "And where is it then?")]);
        }
    }
}

#[test]
fn without_a_cache_nothing_is_held_and_an_image_shown_twice_is_told_twice() {
    let mut model = cold(&checkpoint("smolvlm_float32"));
    model.limit_features(1 << 20);
    for _ in 0..2 {
        let answer = ask(&mut model, &chat(&[0, 1, 0], "a"), &options(2));
        assert_eq!((answer.usage.cached_tokens, model.held_bytes()), (0, 0));
        assert!(answer.timings.vision > 0.0);
        let [first, second, third] = &answer.image_sha256[..] else { panic!() };
        assert!(first == third && first != second && first.len() == 64);
    }
}

#[test]
fn a_question_that_fails_leaves_what_it_did_not_touch_and_nothing_half_done() {
    let mut pair = Pair::of(&checkpoint("smolvlm_float32"));
    let good = chat(&[0], QUESTIONS[0]);
    pair.ask(&good, &everything(3));
    let held = pair.warm.held_bytes();
    let missing = chat_of([Message::user(["no/such.png".into()], "a")]);
    let error = pair.warm.generate(&missing, &options(2), &mut Unobserved).unwrap_err();
    assert!(matches!(&error, ModelError::Image(text) if text.contains("no/such.png")), "{error}");
    let error = pair.warm.generate(&good, &options(5000), &mut Unobserved).unwrap_err();
    assert!(matches!(error, ModelError::TooLong(_)));
    assert_eq!(pair.warm.held_bytes(), held);
    assert!(pair.ask(&good, &everything(3)).usage.cached_tokens > 0);
}
