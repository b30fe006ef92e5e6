//! Matching and counting. Faults that end a process are tried on real workers.

use std::io::Write;

use super::*;
use crate::vlm::Message;
use crate::vlm::{OnText, Unobserved};

fn scripted(script: &str) -> Result<ScriptedModel, ScriptError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(script.as_bytes()).unwrap();
    let mut model = ScriptedModel::read(file.path())?;
    model.load()?;
    Ok(model)
}

fn ask(model: &mut ScriptedModel, question: &str) -> Result<String, ModelError> {
    let chat = Chat { messages: vec![Message::user([], question)] };
    model.generate(&chat, &GenerationOptions::default(), &mut Unobserved).map(|it| it.answer)
}

#[test]
fn the_first_answer_whose_conditions_all_hold_is_taken() {
    let mut model = scripted(
        "default = 'dunno'\n\
         [[answer]]\nat = 2\nquestion = 'colour'\ntext = 'second colour'\n\
         [[answer]]\nquestion = 'colour'\ntext = 'red'\n\
         [[answer]]\nat = 4\ntext = 'fourth'\n",
    )
    .unwrap();
    let questions = ["What colour?", "Which colour?", "Which colour?", "How many?", "How many?"];
    let answers = questions.map(|question| ask(&mut model, question).unwrap());
    assert_eq!(answers, ["red", "second colour", "red", "fourth", "dunno"]);
}

#[test]
fn errors_keep_their_kind_and_the_model_goes_on() {
    let mut model = scripted(
        "default = 'ok'\n\
         [[answer]]\nat = 1\nimage_error = 'no such file'\n\
         [[answer]]\nat = 2\nerror = 'out of memory'\n\
         [[answer]]\nat = 3\nempty = true\ntext = 'unsaid'\n",
    )
    .unwrap();
    assert_eq!(ask(&mut model, "a"), Err(ModelError::Image("no such file".to_owned())));
    assert_eq!(ask(&mut model, "b"), Err(ModelError::Compute("out of memory".to_owned())));
    assert_eq!(ask(&mut model, "c"), Ok(String::new()));
    assert_eq!(ask(&mut model, "d"), Ok("ok".to_owned()));
}

#[test]
fn words_are_counted_streamed_and_cut_off() {
    let mut model = scripted("default = 'a red and a blue square'").unwrap();
    let image = tempfile::NamedTempFile::new().unwrap();
    let chat = Chat { messages: vec![Message::user([image.path().into()], "What is it?")] };
    let mut pieces = String::new();
    let options = GenerationOptions { max_tokens: 3, ..GenerationOptions::default() };
    let generation =
        model.generate(&chat, &options, &mut OnText(|piece: &str| pieces += piece)).unwrap();
    assert_eq!(generation.answer, "a red and ");
    assert_eq!(generation.answer, pieces);
    assert_eq!(generation.finish_reason, FinishReason::Length);
    assert_eq!(generation.prompt, "user: <image> What is it?\n");
    let usage = Usage {
        prompt_tokens: 5,
        image_tokens: 1,
        cached_tokens: 0,
        completion_tokens: 3,
        prefill_chunk: 5,
    };
    assert_eq!(generation.usage, usage);
    assert_eq!((generation.prompt_token_ids.len(), generation.token_ids.len()), (5, 3));
}

#[test]
fn a_script_with_a_mistake_names_file_and_line() {
    let error = scripted("default = 'x'\n[[answer]]\ntxet = 'y'\n").unwrap_err().to_string();
    assert!(error.contains("txet") && error.contains("line 3"), "{error}");
    let missing = ScriptedModel::read(Path::new("/no/script.toml")).unwrap_err().to_string();
    assert!(missing.contains("/no/script.toml"), "{missing}");
}

#[test]
fn a_script_can_refuse_to_load() {
    let error = scripted("load_error = 'missing tensor'").unwrap_err();
    assert_eq!(error.to_string(), "missing tensor");
}

#[test]
fn answers_can_depend_on_what_was_shown_and_said_before() {
    let folder = tempfile::tempdir().unwrap();
    let cat = folder.path().join("cat.png");
    std::fs::write(&cat, "pixels").unwrap();
    let mut model = scripted(
        "default = 'dunno'\n\
         [[answer]]\nshown = 'cat.png'\ntext = 'I see it'\n\
         [[answer]]\nimage = 'cat.png'\nquestion = 'again'\necho = true\n\
         [[answer]]\nimage = 'cat.png'\ntext = 'I saw it'\n\
         [[answer]]\nhistory = 'a cat'\ntext = 'I was told'\n",
    )
    .unwrap();
    let first = Message::user([cat], "What is it?");
    let mut ask = |messages: &[Message]| {
        let chat = Chat { messages: messages.to_vec() };
        let options = GenerationOptions { read_back: true, ..GenerationOptions::default() };
        model.generate(&chat, &options, &mut Unobserved).unwrap()
    };
    let shown = ask(std::slice::from_ref(&first));
    assert_eq!((shown.answer.as_str(), shown.image_sha256.len()), ("I see it", 1));
    assert_eq!(shown.image_sha256[0], sha256::of_bytes(b"pixels"));
    assert_eq!(ask(&[first.clone(), Message::user([], "And?")]).answer, "I saw it");
    assert_eq!(ask(&[first, Message::user([], "Say it again")]).answer, "Say it again");
    let told = ask(&[Message::user([], "It is a cat."), Message::user([], "What is it?")]);
    assert_eq!((told.answer.as_str(), told.image_sha256.len()), ("I was told", 0));
    assert!(told.read_back.unwrap().contains("It is a cat."));
}

#[test]
fn of_the_candidates_what_the_script_says_is_the_probable_one() {
    let mut model = scripted("default = 'red'").unwrap();
    let chat = Chat { messages: vec![Message::user([], "Which colour?")] };
    let candidates = vec!["blue".to_owned(), "red".to_owned()];
    let options = GenerationOptions { candidates, ..GenerationOptions::default() };
    let weighed = model.generate(&chat, &options, &mut Unobserved).unwrap().candidates;
    assert!(weighed[1].per_token() > weighed[0].per_token());
}

#[test]
fn a_model_may_lose_what_it_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let cat = folder.path().join("cat.png");
    std::fs::write(&cat, "pixels").unwrap();
    let long = "Here is a picture of a cat.";
    let chat = Chat { messages: vec![Message::user([cat], long), Message::user([], "And?")] };
    let got = |lost: &str| {
        let mut model = scripted(&format!("default = 'yes'\nloses = '{lost}'")).unwrap();
        model.generate(&chat, &GenerationOptions::default(), &mut Unobserved).unwrap()
    };
    assert_eq!(
        (got("history").prompt.as_str(), got("history").image_sha256.len()),
        ("user: And?\n", 0)
    );
    assert_eq!(got("ends").prompt, "user: <image> Here is a picture of\nuser: And?\n");
    assert_eq!(got("images").prompt, format!("user: {long}\nuser: And?\n"));
    assert_eq!(got("images").usage.image_tokens, 0);
    let blank = got("pixels").image_sha256;
    assert!(blank.len() == 1 && blank[0] != sha256::of_bytes(b"pixels"));
}
