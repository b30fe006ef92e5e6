//! Every answer is recomputed from the question's words and the scene's coordinates by a second, independent reading.
use super::super::Scene;
use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

/// Objects that fit words like `red circle`, `circle`, `red shape`, `circles`.
fn fitting<'a>(scene: &'a Scene, words: &str) -> Vec<&'a Object> {
    let fits = |object: &Object| {
        words.split(' ').all(|word| {
            word.starts_with("shape")
                || word == object.colour.name()
                || word == object.kind.name()
                || word == object.kind.plural()
        })
    };
    scene.objects.iter().filter(|object| fits(object)).collect()
}

/// Where a point lies, by halves of the picture.
fn place(scene: &Scene, x: i32, y: i32) -> String {
    let row = ["top", "bottom"][(y * 2 / scene.height) as usize];
    let col = ["left", "right"][(x * 2 / scene.width) as usize];
    format!("{row} {col}")
}

fn only<'a>(scene: &'a Scene, words: &str) -> &'a Object {
    let found = fitting(scene, words);
    assert_eq!(found.len(), 1, "{words:?} must name one object of {scene:?}");
    found[0]
}

fn at<'a>(scene: &'a Scene, name: &str) -> &'a Object {
    let found: Vec<&Object> =
        scene.objects.iter().filter(|o| place(scene, o.x, o.y) == name).collect();
    assert_eq!(found.len(), 1, "{name:?} must hold one object of {scene:?}");
    found[0]
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_suffix(end)
}

fn yes(true_or_not: bool) -> String {
    if true_or_not { "yes" } else { "no" }.to_owned()
}

fn relation_answer(scene: &Scene, text: &str) -> Option<String> {
    let inner = between(text, "Is the ", "?")?;
    for (words, options) in [
        (" left or right of the ", ["left", "right"]),
        (" above or below the ", ["above", "below"]),
        (" left of the ", ["yes", "no"]),
        (" right of the ", ["no", "yes"]),
        (" above the ", ["yes", "no"]),
        (" below the ", ["no", "yes"]),
    ] {
        if let Some((a, b)) = inner.split_once(words) {
            let (a, b) = (only(scene, a), only(scene, b));
            let across = words.contains("left") || words.contains("right");
            let gap = if across { b.x - a.x } else { b.y - a.y };
            let side = if across { scene.width } else { scene.height };
            assert!(gap.abs() * 5 > side, "{text} is a close call: {gap} of {side} pixels");
            return Some(options[usize::from(gap < 0)].to_owned());
        }
    }
    None
}

fn answer_again(scene: &Scene, text: &str) -> Option<String> {
    if ["What color is the background?", "What is the background color?"].contains(&text) {
        return Some(scene.background.name().to_owned());
    }
    if ["What digit is shown?", "What number is in the image?"].contains(&text) {
        return Some(scene.digit?.value.to_string());
    }
    if let Some(name) = between(text, "What color is the shape at the ", "?") {
        return Some(at(scene, name).colour.name().to_owned());
    }
    if let Some(name) = between(text, "What color is the ", "?") {
        return Some(only(scene, name).colour.name().to_owned());
    }
    if let Some(name) = between(text, "What shape is at the ", "?") {
        return Some(at(scene, name).kind.name().to_owned());
    }
    if let Some(colour) = between(text, "What shape is ", "?") {
        return Some(only(scene, colour).kind.name().to_owned());
    }
    if let Some(words) = between(text, "How many ", " are there?") {
        return Some(fitting(scene, words).len().to_string());
    }
    if text == "Where is the digit?" {
        let digit = scene.digit?;
        return Some(place(scene, digit.x, digit.y));
    }
    if let Some(words) = between(text, "Where is the ", "?") {
        let object = only(scene, words);
        return Some(place(scene, object.x, object.y));
    }
    if let Some(words) = between(text, "Is there a", "?") {
        let words = words.trim_start_matches('n').trim_start();
        return Some(yes(if words == "digit" {
            scene.digit.is_some()
        } else {
            !fitting(scene, words).is_empty()
        }));
    }
    relation_answer(scene, text)
}

proptest! {
    #[test]
    fn every_answer_follows_from_the_facts(seed: u64, index in 0_u64..100_000) {
        let scene = Scene::random(seed, index);
        for question in sample_questions(&scene, 24, &mut Dice::new(seed, index)) {
            let again = answer_again(&scene, &question.text);
            prop_assert_eq!(again.as_ref(), Some(&question.answer), "{}", question.text);
            prop_assert_ne!(question.opening(), "none of the above");
        }
    }

    #[test]
    fn questions_of_a_scene_differ(seed: u64) {
        let questions = sample_questions(&Scene::random(seed, 0), 12, &mut Dice::new(seed, 1));
        let mut texts: Vec<&str> = questions.iter().map(|q| q.text.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        prop_assert_eq!(texts.len(), questions.len());
    }
}

#[test]
fn yes_is_as_frequent_as_no() {
    let mut counts: HashMap<(QuestionType, String), u32> = HashMap::new();
    for index in 0..2000 {
        let scene = Scene::random(11, index);
        for question in sample_questions(&scene, 8, &mut Dice::new(12, index)) {
            *counts.entry((question.kind, question.answer)).or_default() += 1;
        }
    }
    for kind in [QuestionType::Presence, QuestionType::Relation] {
        let (yes, no) = (counts[&(kind, "yes".to_owned())], counts[&(kind, "no".to_owned())]);
        let share = f64::from(yes) / f64::from(yes + no);
        assert!((0.45..0.55).contains(&share), "{kind:?}: {yes} yes, {no} no");
    }
}

#[test]
fn the_first_questions_of_a_rich_scene_are_of_different_types() {
    let scene = (0..1000)
        .map(|index| Scene::random(5, index))
        .find(|s| s.digit.is_some() && s.objects.len() == 3)
        .unwrap();
    let mut types: Vec<QuestionType> = sample_questions(&scene, 8, &mut Dice::new(1, 1))
        .iter()
        .map(|question| question.kind)
        .collect();
    types.sort_unstable();
    assert_eq!(types, QuestionType::ALL);
}

#[test]
fn answer_types_are_those_of_vqa_v2() {
    let question = |answer: &str| Question {
        kind: QuestionType::Count,
        text: String::new(),
        answer: answer.to_owned(),
    };
    assert_eq!(question("no").answer_type(), "yes/no");
    assert_eq!(question("3").answer_type(), "number");
    assert_eq!(question("top left").answer_type(), "other");
}
