//! Answers that are weighed rather than written.

use std::{collections::BTreeSet, fs};

use mlx_rs::{Array, ops};
use vlm_test::{
    native::{generate::generate, models::Architecture, prefill::Prompt},
    vlm::{Generation, GenerationOptions, Unobserved},
};

use crate::{
    pair::{assistant, chat_of, cold, everything, models, shipped, user},
    support_native::{Copy, Ready, architecture, ask, chat, checkpoint, load, options},
};

fn weighing(candidates: &[&str], max_tokens: usize) -> GenerationOptions {
    let candidates = candidates.iter().map(|&text| text.to_owned()).collect();
    GenerationOptions { candidates, logprobs: usize::MAX, ..options(max_tokens) }
}

/// What was written, candidates aside.
fn written(generation: &Generation) -> (Vec<u32>, Vec<u32>) {
    let bits = generation.logprobs.iter().map(|step| step.logprob.to_bits()).collect();
    (generation.token_ids.clone(), bits)
}

#[test]
fn weighing_changes_no_bit_of_what_is_written() {
    // One that needs more room than the answer was given.
    let long = "a red circle above a blue square ".repeat(20);
    for folder in models() {
        let mut model = cold(&folder);
        let chat = chat(&[0], "What is shown?");
        let plain = written(&ask(&mut model, &chat, &weighing(&[], 5)));
        let weighed = ask(&mut model, &chat, &weighing(&["yes", &long, "no"], 5));
        assert_eq!(written(&weighed), plain, "{}", folder.display());
        assert_eq!(weighed.candidates.len(), 3, "{}", folder.display());
        // In another order, alone, and with less room: a candidate's weight is its own.
        let again = ask(&mut model, &chat, &weighing(&["no", "yes"], 5));
        assert_eq!(again.candidates, [weighed.candidates[2], weighed.candidates[0]]);
    }
}

#[test]
fn an_answer_weighs_what_its_tokens_did_when_it_was_written() {
    let mut compared = 0;
    for folder in models() {
        let name = folder.display().to_string();
        let mut model = cold(&folder);
        for question in ["What colour is the shape?", "How many shapes are there?"] {
            let chat = chat(&[0], question);
            let answer = ask(&mut model, &chat, &weighing(&[], 12));
            let weighed = ask(&mut model, &chat, &weighing(&[answer.answer.trim()], 1));
            let [score] = weighed.candidates[..] else { panic!("{name}: not weighed") };
            // A text need not be tokenised to the tokens that a model wrote it with.
            if score.tokens != answer.token_ids.len() || !name.contains("tiny") {
                continue;
            }
            let sum: f64 = answer.logprobs.iter().map(|step| f64::from(step.logprob)).sum();
            assert!((score.logprob - sum).abs() < 1e-3, "{name}: {} is not {sum}", score.logprob);
            assert!(score.per_token() <= 0.0);
            compared += 1;
        }
    }
    assert!(compared >= 5, "only {compared}");
}

#[test]
fn a_trained_model_finds_what_it_writes_more_probable_than_anything_else() {
    let colours = ["red", "green", "blue", "yellow", "black", "white", "orange", "purple"];
    for folder in shipped() {
        let mut model = cold(&folder);
        for image in 0..3 {
            let chat = chat(&[image], "What colour is the background?");
            let generation = ask(&mut model, &chat, &weighing(&colours, 12));
            let best = (0..colours.len()).max_by(|&a, &b| {
                let weight = |n: usize| generation.candidates[n].per_token();
                weight(a).total_cmp(&weight(b))
            });
            if colours.contains(&generation.answer.trim()) {
                assert_eq!(
                    colours[best.unwrap()],
                    generation.answer.trim(),
                    "{}",
                    folder.display()
                );
            }
        }
    }
}

/// Sum of the log-probabilities of `tokens` in one pass over prompt and candidate.
fn in_one_pass(model: &Architecture, prompt: &Ready, tokens: &[u32]) -> f64 {
    let mut whole = prompt.embeddings(model);
    if let [run @ .., _] = tokens
        && !run.is_empty()
    {
        let following = model.embed_tokens(&Array::from_slice(run, &[run.len() as i32])).unwrap();
        whole = ops::concatenate(&[&whole, &following], 1).unwrap();
    }
    let mut cache = model.new_cache(0, whole.dim(1) as usize);
    let logits = model.all_logits(whole, &mut cache).unwrap();
    let normal = logits.subtract(ops::logsumexp_axis(&logits, -1, true).unwrap()).unwrap();
    let values: Vec<f32> = normal.to_vec_exact().unwrap();
    let (vocab, first) = (logits.dim(1) as usize, prompt.token_ids.len() - 1);
    let chosen = tokens.iter().enumerate();
    chosen.map(|(n, token)| f64::from(values[(first + n) * vocab + *token as usize])).sum()
}

#[test]
fn a_candidate_weighs_what_one_pass_over_prompt_and_candidate_gives_in_either_regime() {
    let mut crossing = 0;
    for fixture in ["smolvlm_float32", "llava_next_mistral", "phi3_v_float32"] {
        let model = architecture(&checkpoint(fixture));
        let prompt = Ready::new(&model, &chat(&[0], "describe"));
        let length = prompt.token_ids.len();
        let candidates: Vec<Vec<u32>> =
            [1, 2, 30, 550].map(|count| (0..count).map(|n| n * 37 % 290).collect()).to_vec();
        let start = Prompt::new(&prompt.segments, prompt.features.clone());
        let stop = BTreeSet::new();
        let found =
            generate(&model, start, &candidates, &stop, &options(3), &mut Unobserved, |_, _| {})
                .unwrap();
        for (tokens, score) in candidates.iter().zip(&found.candidates) {
            let expected = in_one_pass(&model, &prompt, tokens);
            let error = (score.logprob - expected).abs() / tokens.len() as f64;
            assert!(
                error < 1e-4,
                "{fixture}, {} tokens: {score:?} is not {expected}",
                tokens.len()
            );
            let end = length + tokens.len() - 1;
            crossing += usize::from(model.regime(end) != model.regime(length));
        }
        assert!(found.prompt_cache.is_some_and(|cache| cache.positions() == length));
    }
    assert!(crossing > 0, "no candidate crosses");
}

#[test]
fn a_candidate_the_template_has_no_place_for_is_not_weighed() {
    let copy = Copy::of("smolvlm_float32");
    let template = "{% for message in messages %}{{ message['role'] }}{% endfor %}{% if add_generation_prompt %}?{% endif %}";
    fs::write(copy.path().join("chat_template.jinja"), template).unwrap();
    let mut model = copy.load().unwrap();
    let answer = ask(&mut model, &chat(&[], "a"), &weighing(&["yes", "no"], 3));
    assert!(answer.candidates.is_empty() && !answer.token_ids.is_empty());
}

#[test]
fn a_prompt_is_read_back_with_every_turn_and_without_image_positions() {
    for folder in models() {
        let mut model = cold(&folder);
        let chat = chat_of([user(&[0, 1], "first"), assistant("second"), user(&[], "third")]);
        let plain = ask(&mut model, &chat, &options(1));
        assert_eq!(plain.read_back, None);
        let options = GenerationOptions { read_back: true, ..options(1) };
        let text = ask(&mut model, &chat, &options).read_back.unwrap();
        let at: Vec<_> = ["first", "second", "third"].map(|turn| text.find(turn).unwrap()).to_vec();
        assert!(at.is_sorted(), "{}: {text}", folder.display());
        assert!(!text.contains("<image>"), "{}: {text}", folder.display());
    }
    let mut model = load("smolvlm_float32");
    let generation = ask(
        &mut model,
        &chat(&[], "first"),
        &GenerationOptions { read_back: true, ..everything(1) },
    );
    assert_eq!(generation.read_back.unwrap(), generation.prompt);
}
