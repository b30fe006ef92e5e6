//! Replies about photos, compared with each other.

use super::*;

const DESCRIBE: &str = "Describe this image in extreme detail.";
const PROMPTS: [(RecallTopic, &str); 3] = [
    (RecallTopic::Colours, "What were the most prominent colors in the image?"),
    (RecallTopic::People, "Were there any people in the image?"),
    (RecallTopic::Scene, "Summarize the scene in one sentence."),
];

fn described<'a>(image: &'a str, reply: &'a str) -> RecallReply<'a> {
    RecallReply { image, topic: None, again: false, prompt: DESCRIBE, reply: Some(reply) }
}

fn recalled<'a>(image: &'a str, place: usize, again: bool, reply: &'a str) -> RecallReply<'a> {
    let (topic, prompt) = PROMPTS[place];
    RecallReply { image, topic: Some(topic), again, prompt, reply: Some(reply) }
}

fn figures(replies: &[RecallReply<'_>]) -> RecallFigures {
    RecallFigures::of(replies, Evidence::default(), 1)
}

fn counts(share: Proportion) -> (usize, usize) {
    (share.numerator, share.denominator)
}

#[test]
fn replies_are_compared_with_the_models_own_description() {
    let figures = figures(&[
        described("a", "A man in a red coat walks two dogs over grey snow."),
        recalled("a", 0, false, "The most prominent colors are red, gray and blue."),
        recalled("a", 1, false, "Yes, there was a man."),
        recalled("a", 2, false, "The scene shows a man with a dog in the rain."),
        described("b", "An empty beach. There are no people."),
        recalled("b", 1, false, "Yes."),
    ]);
    let of = |topic| counts(figures.by_topic[&topic].self_consistency);
    assert_eq!(of(RecallTopic::Colours), (2, 3));
    assert_eq!(of(RecallTopic::People), (1, 2));
    assert_eq!(of(RecallTopic::Scene), (2, 3));
}

#[test]
fn a_later_reply_can_contradict_the_first() {
    let figures = figures(&[
        recalled("a", 0, false, "red and blue"),
        recalled("a", 0, true, "blue"),
        recalled("b", 0, false, "green"),
        recalled("b", 0, true, "brown"),
        recalled("b", 0, true, "green"),
        recalled("a", 1, false, "No, nobody."),
        recalled("a", 1, true, "There was a woman."),
        recalled("a", 2, false, "A street."),
        recalled("a", 2, true, "A forest."),
    ]);
    let of = |topic| counts(figures.by_topic[&topic].contradiction);
    assert_eq!(of(RecallTopic::Colours), (1, 3));
    assert_eq!(of(RecallTopic::People), (1, 1));
    assert_eq!(of(RecallTopic::Scene), (0, 0));
}

#[test]
fn yes_and_no_are_told_from_whole_sentences() {
    let says = |text| says_people(&words(text));
    for text in ["Yes", "A crowd of people", "Yes, but no faces", "I saw one person."] {
        assert_eq!(says(text), Some(true), "{text}");
    }
    for text in ["No.", "None", "There weren't any people.", "No one; only a statue of a man"] {
        assert_eq!(says(text), Some(false), "{text}");
    }
    assert_eq!(says("I do not know."), None);
}

#[test]
fn replies_are_counted_by_what_became_of_them() {
    let lost = RecallReply { reply: None, ..described("d", "") };
    let replies = [
        described("a", "A cat."),
        described("b", "A cat."),
        described("c", ""),
        described("e", DESCRIBE),
        described("f", "A dog."),
        lost,
    ];
    let expected = ReplyCounts { said: 3, empty: 1, echo: 1, no_reply: 1, identical: 2 };
    assert_eq!(figures(&replies).descriptions, expected);
}

#[test]
fn an_invalid_result_keeps_its_counts_but_has_no_share() {
    let replies = [described("a", "A red car."), recalled("a", 0, false, "red")];
    let evidence = Evidence { expected_calls: 3, made_calls: 2, ..Evidence::default() };
    let figures = RecallFigures::of(&replies, evidence, 1);
    let share = figures.by_topic[&RecallTopic::Colours].self_consistency;
    assert_eq!((figures.validity.len(), share.value, counts(share)), (1, None, (1, 1)));
}

#[test]
fn an_echo_or_a_blank_is_compared_with_nothing() {
    let figures = figures(&[
        described("a", DESCRIBE),
        recalled("a", 0, false, "red"),
        described("b", "A red car."),
        recalled("b", 0, false, "What were the most prominent colors"),
    ]);
    assert_eq!(counts(figures.by_topic[&RecallTopic::Colours].self_consistency), (0, 0));
}
