//! Properties that hold for every native model, on the tiny checkpoints of
//! `tests/parity.rs`: how a prompt is cut up, what was asked before and how an answer
//! is watched must not change it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support_native;

use std::path::PathBuf;

use mlx_rs::{Array, Dtype};
use serde_json::json;
use support_native::{Copy, Ready, architecture, ask, chat, checkpoint, fixtures, load, options};
use vlm_test::vlm::{
    Chat, FinishReason, Generation, GenerationOptions, Message, ModelError, OnText, Unobserved,
    VisionLanguageModel,
};

#[test]
fn the_seed_alone_decides_a_sampled_answer() {
    let mut model = load("smolvlm_float32");
    let chat = chat(&[0], "What colour is the shape?");
    let mut sampled = |seed| {
        let options = GenerationOptions { temperature: 1.0, seed, ..options(12) };
        ask(&mut model, &chat, &options).token_ids
    };
    let first = sampled(1);
    assert_ne!(sampled(2), first);
    assert_eq!(sampled(1), first);
}

#[test]
fn a_vanishing_temperature_or_nucleus_draws_what_greedy_takes() {
    let mut model = load("smolvlm_float32");
    let chat = chat(&[0], "What colour is the shape?");
    let greedy = ask(&mut model, &chat, &options(8)).token_ids;
    for (temperature, top_p) in [(1e-6, 1.0), (1.0, 1e-6)] {
        let options = GenerationOptions { temperature, top_p, seed: 5, ..options(8) };
        assert_eq!(ask(&mut model, &chat, &options).token_ids, greedy);
    }
}

#[test]
fn one_token_is_the_first_of_a_longer_answer() {
    let mut model = load("idefics3_8bit");
    let chat = chat(&[1], "describe");
    let longer = ask(&mut model, &chat, &options(5));
    let one = ask(&mut model, &chat, &options(1));
    assert_eq!(one.token_ids, longer.token_ids[..1]);
    assert_eq!((one.usage.completion_tokens, one.finish_reason), (1, FinishReason::Length));
    assert_eq!(one.timings.tokens_per_second, None);
}

#[test]
fn logprobs_are_sorted_belong_to_the_chosen_tokens_and_sum_to_at_most_one() {
    let mut model = load("smolvlm_float32");
    let chat = chat(&[2], "How many are there?");
    let plain = ask(&mut model, &chat, &options(6));
    assert!(plain.logprobs.is_empty());
    for count in [1, 5, 344, 1000] {
        let options = GenerationOptions { logprobs: count, ..options(6) };
        let watched = ask(&mut model, &chat, &options);
        assert_eq!(watched.token_ids, plain.token_ids);
        assert_eq!(watched.logprobs.len(), watched.token_ids.len());
        for (id, step) in watched.token_ids.iter().zip(&watched.logprobs) {
            assert_eq!(step.token_id, *id);
            assert_eq!(step.top.len(), count.min(344));
            // Greedy takes the most probable token, so it stands first.
            assert_eq!((step.top[0].token_id, step.top[0].logprob), (*id, step.logprob));
            assert!(step.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
            let mass: f32 = step.top.iter().map(|top| top.logprob.exp()).sum();
            assert!(mass <= 1.0 + 1e-4 && (count < 344 || mass > 1.0 - 1e-4), "{mass}");
        }
    }
}

#[test]
fn a_sampled_token_has_its_own_logprob_even_outside_the_top() {
    let mut model = load("smolvlm_float32");
    let all = GenerationOptions { temperature: 3.0, seed: 9, logprobs: 344, ..options(8) };
    let chat = chat(&[0], "describe");
    let complete = ask(&mut model, &chat, &all);
    let brief = ask(&mut model, &chat, &GenerationOptions { logprobs: 1, ..all });
    assert_eq!(brief.token_ids, complete.token_ids);
    for (brief, complete) in brief.logprobs.iter().zip(&complete.logprobs) {
        let listed = complete.top.iter().find(|top| top.token_id == complete.token_id).unwrap();
        assert_eq!(brief.logprob.to_bits(), listed.logprob.to_bits());
    }
    assert!(brief.logprobs.iter().any(|step| step.top[0].token_id != step.token_id));
}

#[test]
fn the_pieces_of_an_answer_join_to_it() {
    let chat = chat(&[0], "Qu'est-ce que c'est? 12 €");
    let mut longest = 0;
    for fixture in fixtures() {
        let mut model = load(&fixture);
        let mut pieces = Vec::new();
        let options = GenerationOptions { temperature: 1.5, ..options(60) };
        let answer = model
            .generate(&chat, &options, &mut OnText(|piece: &str| pieces.push(piece.to_owned())))
            .unwrap();
        assert_eq!(pieces.concat(), answer.answer, "{fixture}");
        assert!(pieces.iter().all(|piece| !piece.is_empty()), "{fixture}");
        longest = longest.max(pieces.len());
    }
    assert!(longest > 20, "no answer has more than {longest} pieces");
}

/// An answer under a checkpoint that names `stop` as its end of sequence.
fn stopped_at(stop: serde_json::Value) -> Generation {
    let copy = Copy::of("smolvlm_float32");
    copy.edit_json("generation_config.json", |config| config["eos_token_id"] = stop);
    ask(&mut copy.load().unwrap(), &chat(&[0], "describe"), &options(12))
}

#[test]
fn a_stop_token_ends_the_answer_and_counts_as_no_part_of_it() {
    let free = stopped_at(json!(305));
    let position = (1..free.token_ids.len())
        .find(|&n| !free.token_ids[..n].contains(&free.token_ids[n]))
        .unwrap();
    let stop = free.token_ids[position];
    for spelled in [json!(stop), json!([305, stop])] {
        let stopped = stopped_at(spelled);
        assert_eq!(stopped.finish_reason, FinishReason::Stop);
        assert_eq!(stopped.token_ids, free.token_ids[..=position]);
        assert_eq!(stopped.usage.completion_tokens, position);
        let model = architecture(&checkpoint("smolvlm_float32"));
        let text = model.tokenizer().decode(&free.token_ids[..position]).unwrap();
        assert_eq!(stopped.answer, text);
    }
    let at_once = stopped_at(json!(free.token_ids[0]));
    assert_eq!((at_once.answer.as_str(), at_once.usage.completion_tokens), ("", 0));
    assert_eq!(at_once.token_ids, free.token_ids[..1]);
}

#[test]
fn a_prompt_that_leaves_no_room_is_refused_with_both_numbers() {
    let mut model = load("smolvlm_float32");
    let mut refusal = |images: &[usize], max_tokens| {
        let error =
            model.generate(&chat(images, "describe"), &options(max_tokens), &mut Unobserved);
        match error {
            Err(ModelError::TooLong(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    let message = refusal(&[0; 12], 8);
    assert!(message.contains(" 8 may follow") && message.contains("made for 1024"), "{message}");
    for max_tokens in [1024, usize::MAX] {
        let message = refusal(&[], max_tokens);
        assert!(message.contains(&format!("{max_tokens} may follow")), "{message}");
    }
}

#[test]
fn the_last_token_that_fits_is_allowed() {
    let mut model = load("smolvlm_float32");
    let chat = chat(&[], "describe");
    let prompt = ask(&mut model, &chat, &options(1)).usage.prompt_tokens;
    let answer = ask(&mut model, &chat, &options(1024 - prompt));
    assert!(answer.token_ids.len() <= 1024 - prompt);
    assert!(model.generate(&chat, &options(1025 - prompt), &mut Unobserved).is_err());
}

#[test]
fn an_image_that_cannot_be_read_is_an_error_of_the_image_and_of_no_later_question() {
    let mut model = load("smolvlm_float32");
    let good = chat(&[0], "describe");
    let before = ask(&mut model, &good, &options(4)).token_ids;
    for path in ["no/such/picture.png", "Cargo.toml"] {
        let chat = Chat { messages: vec![Message::user([PathBuf::from(path)], "describe")] };
        let error = model.generate(&chat, &options(4), &mut Unobserved).unwrap_err();
        assert!(matches!(&error, ModelError::Image(message) if message.contains(path)), "{error}");
    }
    assert_eq!(ask(&mut model, &good, &options(4)).token_ids, before);
}

#[test]
fn text_that_spells_the_image_token_is_refused() {
    let mut model = load("smolvlm_float32");
    let error =
        model.generate(&chat(&[0], "what is <image> ?"), &options(4), &mut Unobserved).unwrap_err();
    assert!(
        matches!(&error, ModelError::Prompt(message) if message.contains("<image>")),
        "{error}"
    );
}

#[test]
fn half_precision_stays_half_from_pixels_to_cache() {
    for (fixture, dtype) in [
        ("smolvlm_float16_mlx", Dtype::Float16),
        ("idefics3_bfloat16_tied", Dtype::Bfloat16),
        ("llava_4bit_bare", Dtype::Float16),
        ("llava_bfloat16_full", Dtype::Bfloat16),
        ("phi3_v_bfloat16_1_crop", Dtype::Bfloat16),
        ("smolvlm_float32", Dtype::Float32),
    ] {
        let model = architecture(&checkpoint(fixture));
        let prompt = Ready::new(&model, &chat(&[0], "describe"));
        let features = prompt.rows.as_ref().unwrap();
        assert_eq!(features.dtype(), dtype, "{fixture}: features");
        let x = prompt.embeddings(&model);
        assert_eq!(x.dtype(), dtype, "{fixture}: embeddings");
        let mut cache = model.new_cache(0, 0);
        assert_eq!(model.logits(x, &mut cache).unwrap().dtype(), Dtype::Float32);
        let token = model.embed_tokens(&Array::from_slice(&[5u32], &[1])).unwrap();
        model.logits(token, &mut cache).unwrap();
        // The last layer's cache has seen the residual stream of all before it.
        for array in cache.arrays() {
            assert_eq!(array.dtype(), dtype, "{fixture}: cache");
        }
    }
}
