//! What is asked and what a reply is worth.

use super::*;
use crate::{scoring::description::Ending, vlm::Content};

fn question(image: &str, text: &str, answer: &str) -> Question {
    Question {
        id: 1,
        image_id: 1,
        text: text.to_owned(),
        question_type: None,
        answer_type: None,
        answers: vec![answer.to_owned(); 10],
        image: image.into(),
        index: 0,
    }
}

fn reply(answer: &str, finish_reason: FinishReason) -> Generation {
    Generation {
        finish_reason,
        prompt: "User:<image>Describe it.<end_of_utterance>\nAssistant:".to_owned(),
        ..Generation::saying(answer)
    }
}

fn described(answer: &str, finish_reason: FinishReason) -> Described {
    let fact = Fact { question: String::new(), stated_by: vec!["red".to_owned()] };
    match judge("Describe it.", &[fact], &reply(answer, finish_reason)) {
        Outcome::Answered { judgement: Judgement::Description(described), .. } => described,
        other => panic!("{other:?}"),
    }
}

#[test]
fn images_are_described_once_in_order_of_their_first_question_with_what_is_known_of_them() {
    let questions = [
        question("b.png", "What color is the circle?", "red"),
        question("a.png", "Is there a star?", "yes"),
        question("b.png", "What color is the star?", "red"),
        question("b.png", "Where is the star?", "top left"),
    ];
    let pictures = Picture::of_questions(&questions);
    let known: Vec<(_, Vec<_>)> = pictures
        .iter()
        .map(|it| (it.path.as_path(), it.facts.iter().map(|fact| &*fact.stated_by[0]).collect()))
        .collect();
    assert_eq!(
        known,
        [("b.png".as_ref(), vec!["red", "top left"]), ("a.png".as_ref(), Vec::new())]
    );
}

#[test]
fn every_image_is_shown_with_the_prompt_and_three_prompts_follow_without_one() {
    let pictures = ["a.png", "b.png"].map(|name| Picture::of_file(name.into())).into();
    let suite = Describe::new(pictures, "Say what you see.", 50);
    let prompts: Vec<_> = (0..suite.items().len())
        .map(|item| suite.prompt(item, "ignored", &Replies::new()).unwrap())
        .collect();
    let shown: Vec<usize> = prompts.iter().map(|prompt| prompt.chat.images().count()).collect();
    assert_eq!(shown, [1, 1, 0, 0, 0]);
    let limits: Vec<_> = prompts.iter().map(|prompt| prompt.options.max_tokens).collect();
    assert_eq!(limits, [50, 50, 32, 32, 32]);
    let [Content::Image { path }, Content::Text { text }] =
        &prompts[1].chat.messages[0].content[..]
    else {
        panic!("{prompts:?}")
    };
    assert_eq!((path.as_path(), text.as_str()), ("b.png".as_ref(), "Say what you see."));
    let order = super::super::asking_order(suite.items());
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

#[test]
fn a_reply_is_checked_and_searched_for_what_is_known() {
    let sound = described("A red circle.", FinishReason::Stop);
    assert!(sound.checks.passed() && sound.mentioned == [true]);
    assert!(described("User: Describe it. Assistant:", FinishReason::Stop).checks.echo);
    let cut = described("A blue cir", FinishReason::Length);
    assert_eq!((cut.checks.ending, cut.mentioned), (Ending::InWord, vec![false]));
}

#[test]
fn a_reply_without_a_word_is_empty() {
    let outcome = judge("Describe it.", &[], &reply(" …\n", FinishReason::Stop));
    assert_eq!(outcome, Outcome::Empty { raw: " …\n".to_owned() });
}

#[test]
fn a_right_reply_to_text_alone_is_recognised() {
    let suite = Describe::new(Vec::new(), "", 50);
    let right = |item: usize, answer: &str| match suite.judge(
        item,
        "",
        &reply(answer, FinishReason::Stop),
        &Replies::new(),
    ) {
        Outcome::Answered { judgement: Judgement::Description(it), .. } => {
            it.mentioned == [true] && !it.checks.echo
        }
        other => panic!("{other:?}"),
    };
    assert!(right(0, "The capital of France is Paris."));
    assert!(right(1, "There are seven days in a week.") && right(1, "7"));
    assert!(right(2, "Cold") && !right(2, "Warm"));
}
