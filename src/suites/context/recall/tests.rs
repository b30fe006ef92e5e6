//! What is sent about a photo, and what is made of the replies.

use std::path::PathBuf;

use super::*;
use crate::{
    dataset::scenario,
    scoring::context::Agreement,
    vlm::{Content, Usage},
};

fn suite(distractors: &[usize]) -> RecallSuite {
    let turns = distractors.last().copied().unwrap_or_default();
    let photos = scenario::recall(["a.png", "b.png"].map(PathBuf::from), 1, turns);
    let photo = |recall: Recall| {
        let sha256 = Some(recall.image.display().to_string());
        Photo { recall, sha256 }
    };
    RecallSuite::new(photos.map(photo).collect(), distractors, 50)
}

fn reply(answer: &str) -> Generation {
    Generation {
        image_sha256: vec!["a.png".to_owned()],
        usage: Usage { image_tokens: 1, ..Usage::default() },
        ..Generation::saying(answer)
    }
}

fn find(suite: &RecallSuite, part: Part, turns: usize, asked: usize) -> usize {
    let fits = |it: &Step| it.part == part && it.distractors == turns && it.fact == asked;
    suite.steps.all.iter().position(fits).unwrap()
}

/// A chat as one line a turn: role, images, text.
fn lines(chat: &Chat) -> Vec<String> {
    let line = |message: &Message| {
        let parts = message.content.iter().map(|part| match part {
            Content::Image { path } => format!("[{}]", path.display()),
            Content::Text { text } => text.clone(),
        });
        format!("{:?}: {}", message.role, parts.collect::<Vec<_>>().join(" "))
    };
    chat.messages.iter().map(line).collect()
}

#[test]
fn each_question_follows_the_same_conversation_and_the_image_is_shown_once() {
    let suite = suite(&[0, 2]);
    let replies: Replies =
        (0..suite.items().len()).map(|it| (it, reply(&format!(" reply {it}\n")))).collect();
    let sent = |place| lines(&suite.prompt(place, "Be brief.", &replies).unwrap().chat);
    let turns = &suite.photos[0].recall.distractors;
    let [first, second] = [0, 1].map(|turn| find(&suite, Part::Turn, turn, 0));
    let mut talk = vec![
        format!("User: [a.png] {SEEDING_PROMPT}"),
        "Assistant: reply 0".to_owned(),
        format!("User: {}", turns[0]),
        format!("Assistant: reply {first}"),
        format!("User: {}", turns[1]),
        format!("Assistant: reply {second}"),
    ];
    for (asked, (_, question)) in RECALL_QUESTIONS.iter().enumerate() {
        let question = format!("User: {question}");
        let late = [&talk[..], std::slice::from_ref(&question)].concat();
        assert_eq!(sent(find(&suite, Part::Probe, 2, asked)), late);
        let early = [&talk[..2], &[question]].concat();
        assert_eq!(sent(find(&suite, Part::Probe, 0, asked)), early);
    }
    talk.truncate(4);
    talk.push(format!("User: {}", turns[1]));
    assert_eq!(sent(second), talk);
}

#[test]
fn all_about_a_photo_is_one_group_and_its_first_question_is_asked_twice_in_the_end() {
    let suite = suite(&[0, 1]);
    let parts: Vec<_> =
        suite.steps.all.iter().filter(|it| it.scenario == 0).map(|it| it.part).collect();
    let (probe, expected) = (Part::Probe, [Part::Describe, Part::Turn, Part::Repeat]);
    assert_eq!(parts.iter().filter(|part| **part == probe).count(), 6);
    assert_eq!(parts.iter().filter(|part| expected.contains(part)).count(), 3);
    assert_eq!((parts[0], parts.last()), (Part::Describe, Some(&Part::Repeat)));
    let images: Vec<_> = suite.items().iter().map(|it| (it.group, it.image.clone())).collect();
    let (of_a, of_b) = images.split_at(parts.len());
    assert!(of_a.iter().all(|it| *it == (0, Some("a.png".into()))));
    assert!(of_b.iter().all(|it| *it == (1, Some("b.png".into()))));
}

#[test]
fn an_answer_is_held_against_the_description_and_the_first_answer() {
    let suite = suite(&[0, 2]);
    let [first, later] = [0, 2].map(|turns| find(&suite, Part::Probe, turns, 0));
    let replies = |first_answer: &str| -> Replies {
        [(0, reply("A red car.")), (first, reply(first_answer))].into()
    };
    let judged = suite.judgement(later, &reply("Red and blue."), &replies("Green."));
    assert_eq!(judged.agreement, Some(Agreement { described: 1, said: 2 }));
    assert_eq!((judged.said, judged.contradicts), (Said::Something, Some(true)));
    let alike = suite.judgement(later, &reply("Green."), &replies("Green and red."));
    assert_eq!(alike.contradicts, Some(false));
    let at_once = suite.judgement(first, &reply("Red."), &replies("Green."));
    assert_eq!((at_once.contradicts, at_once.same_again), (None, None));
}

#[test]
fn an_echo_is_told_and_compared_with_nothing() {
    let suite = suite(&[0, 2]);
    let [first, later] = [0, 2].map(|turns| find(&suite, Part::Probe, turns, 0));
    let (_, question) = RECALL_QUESTIONS[0];
    let replies: Replies = [(0, reply("A red car.")), (first, reply(question))].into();
    let judged = suite.judgement(first, &reply(question), &replies);
    assert_eq!((judged.said, judged.agreement), (Said::Echo, None));
    assert_eq!(suite.judgement(later, &reply("Blue."), &replies).contradicts, None);
    let replies: Replies = [(0, reply(SEEDING_PROMPT))].into();
    assert_eq!(suite.judgement(first, &reply("Blue."), &replies).agreement, None);
}

#[test]
fn a_photo_that_was_not_described_is_not_asked_about() {
    let suite = suite(&[0]);
    let place = find(&suite, Part::Probe, 0, 0);
    let ended = suite.prompt(place, "", &Replies::new()).unwrap_err();
    let Outcome::Skipped { reason } = *ended else { panic!("{ended:?}") };
    assert!(reason.ends_with("the image was not described"), "{reason}");
}

#[test]
fn another_image_than_the_photo_is_noticed() {
    let suite = suite(&[0]);
    let mut shown = reply("A red car.");
    let history = |shown: &Generation| suite.judgement(0, shown, &Replies::new()).history;
    assert!(history(&shown).images_match);
    shown.image_sha256 = vec!["b.png".to_owned()];
    assert!(!history(&shown).images_match);
}
