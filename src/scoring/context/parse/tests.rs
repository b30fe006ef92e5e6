//! Replies as models write them, and what may never happen whatever they write.

use proptest::prelude::*;

use super::*;

const COLOURS: [&str; 4] = ["red", "blue", "green", "dark red"];
const ASKED: &str = "What color is the circle?";

fn read(raw: &str) -> Parse {
    parse(raw, &COLOURS, ASKED, false)
}

fn cut(raw: &str) -> Parse {
    parse(raw, &COLOURS, ASKED, true)
}

fn yes_no(raw: &str) -> Parse {
    parse(raw, &["yes", "no"], "Is there a red circle?", false)
}

const fn chosen(option: usize) -> Parse {
    Parse::Chosen { option }
}

#[test]
fn one_option_is_chosen_in_a_word_a_sentence_or_twice() {
    for raw in [
        "blue",
        "Blue.",
        "The circle is blue.",
        "**Blue**\nThe circle is blue.",
        "Answer: BLUE</s>",
    ] {
        assert_eq!(read(raw), chosen(1), "{raw}");
    }
    assert_eq!(read("dark-red"), chosen(3));
    assert_eq!(read("It is not red, it is green."), chosen(2));
    assert_eq!(yes_no("No, there is no red circle."), chosen(1));
}

#[test]
fn several_options_are_ambiguous_and_none_is_unparsed() {
    assert_eq!(read("red or blue"), Parse::Ambiguous);
    assert_eq!(read("dark red, red"), Parse::Ambiguous);
    assert_eq!(read("purple"), Parse::Unparsed);
    assert_eq!(read("reddish"), Parse::Unparsed);
    assert_eq!(read("It is not red."), Parse::Unparsed);
}

#[test]
fn nothing_but_debris_is_empty() {
    for raw in ["", " \n", "...", "Assistant:\n</s>"] {
        assert_eq!(read(raw), Parse::Empty, "{raw}");
    }
}

#[test]
fn the_question_again_is_an_echo_and_what_follows_it_counts() {
    assert_eq!(read("What color is the circle?"), Parse::Echo);
    assert_eq!(read("what color is"), Parse::Echo);
    assert_eq!(read("A red star. What color is the circle?"), Parse::Echo);
    assert_eq!(read("What color is the circle? Blue"), chosen(1));
    let place = "Is the circle left or right of the star?";
    let sides = ["left", "right"];
    assert_eq!(parse("Is the circle left", &sides, place, false), Parse::Echo);
    assert_eq!(parse("circle left or right", &sides, place, false), Parse::Echo);
    assert_eq!(parse("Is the circle left or ri", &sides, place, true), Parse::Echo);
    assert_eq!(parse("right of the star", &sides, place, false), chosen(1));
    let instructed = format!("{place}\nAnswer with one word: left, right.");
    assert_eq!(parse(&format!("{place} Left"), &sides, &instructed, false), chosen(0));
    assert_eq!(parse(place, &sides, &instructed, false), Parse::Echo);
    assert_eq!(parse(&instructed, &sides, &instructed, false), Parse::Echo);
}

#[test]
fn a_refusal_is_no_answer_even_where_it_holds_an_option() {
    assert_eq!(yes_no("There is no image."), Parse::Refused);
    assert_eq!(yes_no("I'm sorry, I can’t tell. Perhaps yes."), Parse::Refused);
    assert_eq!(read("I do not know."), Parse::Refused);
    assert_eq!(yes_no("No, I cannot see one."), chosen(1));
}

#[test]
fn a_reply_that_was_cut_off_counts_only_in_complete_sentences() {
    assert_eq!(cut("The circle is dark"), Parse::Truncated);
    assert_eq!(cut("The circle is red"), Parse::Truncated);
    assert_eq!(cut("Red. The circle in the"), chosen(0));
    assert_eq!(cut("Red\nThe circle in"), chosen(0));
    assert_eq!(cut("Red. It may also be blue"), Parse::Ambiguous);
    assert_eq!(cut("3.5 metres of re"), Parse::Truncated);
    assert_eq!(cut("I am sorry, but"), Parse::Refused);
}

#[test]
fn number_words_are_their_digits() {
    let counts = ["0", "1", "2", "10"];
    let count = |raw| parse(raw, &counts, "How many stars are there?", false);
    for (raw, option) in [("None.", 0), ("There is one star", 1), ("2", 2), ("TEN", 3)] {
        assert_eq!(count(raw), chosen(option), "{raw}");
    }
    assert_eq!(count("2.5"), Parse::Unparsed);
    assert_eq!(parse("two", &["one", "two"], "How many?", false), chosen(1));
}

#[test]
fn an_option_without_words_is_never_chosen() {
    assert_eq!(parse("red", &["", "?"], "Which?", false), Parse::Unparsed);
}

#[test]
fn a_description_claims_what_it_states_once_and_does_not_deny() {
    let claims = [vec!["red circle".to_owned(), "circle is red".to_owned()], vec![]];
    assert_eq!(claimed("The circle is red: a red circle.", &claims), Some(0));
    assert_eq!(claimed("There is no red circle.", &claims), None);
    assert_eq!(claimed("A predator circles.", &claims), None);
    assert_eq!(claimed("", &claims), None);
}

#[test]
fn the_most_probable_option_is_one_or_none() {
    assert_eq!(most_probable(&[]), None);
    assert_eq!(most_probable(&[-1.0]), Some(0));
    assert_eq!(most_probable(&[-1.0, f64::NAN]), None);
    assert_eq!(most_probable(&[f64::NEG_INFINITY, -30.0]), Some(1));
}

#[test]
fn an_echoed_prompt_is_told_from_a_description() {
    let prompt = "Describe this image in extreme detail.";
    assert!(is_echo("User: hello\nDescribe this image in extreme detail.", prompt));
    assert!(is_echo("this image in extreme detail", prompt));
    assert!(!is_echo("This image shows a red circle.", prompt) && !is_echo("", prompt));
    assert!(is_empty("</s>\n.") && !is_empty("a"));
}

#[test]
fn an_outcome_says_its_kind_in_json() {
    let json = |parse: Parse| serde_json::to_string(&parse).unwrap();
    assert_eq!(json(chosen(2)), r#"{"kind":"chosen","option":2}"#);
    assert_eq!(json(Parse::Refused), r#"{"kind":"refused"}"#);
}

proptest! {
    #[test]
    fn a_chosen_option_stands_in_the_text_and_no_unrelated_one_does(
        raw in "(red|blue|green|dark|not|the|is|circle|no|sorry| |\\.|,|\n|what color is the circle){0,14}",
        cut_off: bool,
    ) {
        if let Parse::Chosen { option } = parse(&raw, &COLOURS, ASKED, cut_off) {
            let spoken: Vec<_> = words(&raw).into_iter().map(|word| word.text).collect();
            let option: Vec<_> = COLOURS[option].split(' ').collect();
            prop_assert!(spoken.windows(option.len()).any(|window| window == option));
        }
    }

    #[test]
    fn any_text_is_read(raw in "\\PC{0,60}", question in "\\PC{0,20}", option in "\\PC{0,8}", cut_off: bool) {
        let told = parse(&raw, &[option.as_str()], &question, cut_off);
        prop_assert_eq!(told == Parse::Empty, is_empty(&raw));
    }

    #[test]
    fn the_order_of_the_options_does_not_matter(raw in "(red|blue|green|dark| |not){0,8}") {
        let reversed: Vec<_> = COLOURS.into_iter().rev().collect();
        let name = |parse: Parse, options: &[&'static str]| parse.option().map(|at| options[at]);
        let (one, other) = (read(&raw), parse(&raw, &reversed, ASKED, false));
        prop_assert_eq!(name(one, &COLOURS), name(other, &reversed));
        prop_assert_eq!(one.option().is_none().then_some(one), other.option().is_none().then_some(other));
    }
}
