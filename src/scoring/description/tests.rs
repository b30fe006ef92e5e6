//! The checks on texts that models write, and what holds for every text.

use proptest::prelude::*;

use super::*;

const PROMPT: &str = "Describe what you see in this image in detail.";

fn checks(text: &str) -> Checks {
    Checks::of(text, &[PROMPT], false).unwrap()
}

/// One fact per phrase.
fn facts(phrases: &[&str]) -> Vec<Fact> {
    let fact =
        |phrase: &&str| Fact { question: String::new(), stated_by: vec![(*phrase).to_owned()] };
    phrases.iter().map(fact).collect()
}

#[test]
fn a_sound_description_passes_every_check() {
    let text = "There are two shapes: a red circle at the top left and an orange star at the \
                bottom left, with the digit 7 at the bottom right, on a white background.";
    let checks = checks(text);
    assert!(checks.passed(), "{checks:?}");
    assert_eq!(checks.words, 31);
}

#[test]
fn text_without_a_word_is_no_description() {
    for text in ["", " \n\t", "...", "— “”"] {
        assert_eq!(Checks::of(text, &[PROMPT], false), None, "{text:?}");
    }
}

#[test]
fn the_prompt_said_back_is_an_echo_once_twice_or_with_the_template_around_it() {
    let rendered = format!("<|im_start|>User:<image>{PROMPT}<end_of_utterance>\nAssistant:");
    for echo in [PROMPT.to_owned(), format!("{PROMPT} {PROMPT}"), rendered.clone()] {
        let checks = Checks::of(&echo, &[PROMPT, &rendered], false).unwrap();
        assert!(checks.echo && !checks.passed(), "{echo}");
    }
    assert!(checks("describe what you see").echo);
    assert!(checks("Describe").echo);
}

#[test]
fn special_tokens_are_no_words_of_a_prompt_and_other_brackets_are() {
    assert!(is_echo(
        "User: Describe it. Assistant:",
        "<s>User:<image><image>Describe it.</s>\nAssistant:"
    ));
    assert!(!is_echo("is 1 < 2 and 3 > 2", "is 1 2"));
    assert!(is_echo("is 1 < 2 and 3 > 2", "is 1 < 2 and 3 > 2 <image"));
}

#[test]
fn an_answer_in_the_words_of_its_question_is_no_echo() {
    let is_echo = |prompt: &str, text: &str| Checks::of(text, &[prompt], false).unwrap().echo;
    assert!(!is_echo("What is the capital of France?", "The capital of France is Paris."));
    assert!(!is_echo("Is this a cat or a dog?", "A cat"));
    assert!(!is_echo(PROMPT, "In this image, I see a cat."));
    assert!(!is_echo(PROMPT, "A detailed image."));
}

#[test]
fn a_limit_behind_a_letter_cuts_off_and_one_behind_a_sentence_does_not() {
    for (text, ending) in [
        ("A red circle and a blu", Ending::InWord),
        ("A red circle and a blue-", Ending::InWord),
        ("The man's", Ending::InWord),
        ("A red circle and ", Ending::BetweenWords),
        ("A red circle:", Ending::BetweenWords),
        ("A red circle.", Ending::Finished),
        ("A red circle. \n", Ending::Finished),
        ("(A red circle.)", Ending::Finished),
        ("**It is red.**", Ending::Finished),
        ("红色的圆圈。", Ending::Finished),
    ] {
        assert_eq!(Ending::of(text, true), ending, "{text:?}");
        assert_eq!(Ending::of(text, false), Ending::Finished);
    }
}

#[test]
fn loops_of_words_phrases_and_sentences_are_repetitive() {
    for text in [
        "the the the the the the",
        "A street with a sign and a sign and a sign and a sign",
        "The sky is blue. The sky is blue. The sky is blue.",
        "The man is holding a ball in his hand. The man is holding a ball in his hand. The man is \
         holding a ball in his hand. The man",
    ] {
        assert!(checks(text).repetitive, "{text}");
    }
}

#[test]
fn a_word_cut_in_two_does_not_hide_a_loop() {
    let text = "A cat, a dog, a dog, a dog, a do";
    assert!(Checks::of(text, &[PROMPT], true).unwrap().repetitive);
    assert!(!checks(text).repetitive);
}

#[test]
fn what_people_write_is_not_repetitive() {
    for text in [
        "A very, very, very long train.",
        "A red circle at the top left, a red star at the top right and a red cross below.",
        "There is a cat on the left and there is a cat on the right. Both look at the camera.",
        "no no no",
    ] {
        assert!(!checks(text).repetitive, "{text}");
    }
}

#[test]
fn seq_rep_4_is_the_published_figure() {
    // Seven 4-grams, of which the one at the end stands at the beginning too.
    let words = words("a cat and dog with a cat and dog and");
    assert!((repeated_4grams(&words) - 1.0 / 7.0).abs() < 1e-12);
}

#[test]
fn words_that_differ_in_case_and_marks_only_are_identical() {
    let replies = [("a", "A cat!"), ("b", "a cat"), ("c", "dog"), ("d", "a  CAT"), ("e", "Dog.")];
    assert_eq!(identical(replies), [vec![0, 1, 3], vec![2, 4]]);
}

#[test]
fn one_image_described_twice_alike_is_nothing_to_report() {
    assert!(identical([(1, "A cat."), (1, "A cat."), (2, "A dog."), (3, ""), (4, "")]).is_empty());
}

#[test]
fn a_fact_is_mentioned_by_whole_words_in_order() {
    let text = "There are three shapes: two red stars and a cross, at the Top-Left.";
    let recall = |phrases: &[&str]| Recall::of(&mentioned(text, &facts(phrases)));
    let said = ["red", "star", "cross", "crosses", "top left", "three shapes"];
    assert_eq!(recall(&said), Recall { mentioned: 6, facts: 6 });
    let not_said = ["left top", "hap", "blue", "red cross", "t", ""];
    assert_eq!(recall(&not_said), Recall { mentioned: 0, facts: 6 });
    assert_eq!(recall(&[]).share(), None);
    assert_eq!(recall(&["red", "blue"]).share(), Some(0.5));
}

proptest! {
    #[test]
    fn any_text_can_be_checked_and_its_figures_are_in_range(
        text in any::<String>(), prompt in any::<String>(), limited: bool
    ) {
        if let Some(checks) = Checks::of(&text, &[&prompt], limited) {
            prop_assert!((0.0..1.0).contains(&checks.repeated_4grams));
            prop_assert!(checks.words > 0);
            prop_assert!(limited || checks.ending == Ending::Finished);
        }
    }

    #[test]
    fn a_prompt_is_an_echo_of_itself_and_new_words_are_not(
        prompt in prop::collection::vec("[a-m]{1,6}", 1..30), reply in prop::collection::vec("[n-z]{1,6}", 1..30)
    ) {
        let (prompt, reply) = (prompt.join(" "), reply.join(" "));
        prop_assert!(is_echo(&prompt, &prompt));
        prop_assert!(!is_echo(&reply, &prompt));
    }

    #[test]
    fn different_words_never_repeat_and_any_phrase_said_six_times_does(
        start in 0_usize..50, different in 0_usize..60, phrase in prop::collection::vec("[a-z]{1,3}", 1..20)
    ) {
        let words: Vec<_> = (start..start + different).map(|n| n.to_string()).collect();
        prop_assert!(!is_repetitive(&words));
        let looped: Vec<_> = words.into_iter().chain(vec![phrase; 6].concat()).collect();
        prop_assert!(is_repetitive(&looped));
    }

    #[test]
    fn the_loop_at_the_end_is_the_one_a_search_finds(
        words in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..24)
    ) {
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let periodic = |tail: &[String], period: usize| tail.iter().zip(&tail[period..]).all(|(a, b)| a == b);
        let searched = (1..=words.len() / 3).any(|period| {
            let length = (3 * period).max(6);
            length <= words.len() && periodic(&words[words.len() - length..], period)
        });
        prop_assert_eq!(is_repetitive(&words), searched || repeated_4grams(&words) >= 0.5);
    }

    #[test]
    fn every_reply_is_in_one_group_at_most_and_groups_hold_different_images(
        replies in prop::collection::vec((0_u8..4, "[ab]{0,2}"), 0..30)
    ) {
        let groups = identical(replies.clone());
        let mut places: Vec<_> = groups.concat();
        places.sort_unstable();
        let count = places.len();
        places.dedup();
        prop_assert_eq!(places.len(), count);
        for group in groups {
            prop_assert!(group.iter().all(|&place| replies[place].1 == replies[group[0]].1));
            prop_assert!(group.iter().any(|&place| replies[place].0 != replies[group[0]].0));
        }
    }

    #[test]
    fn saying_more_never_loses_a_fact_and_the_fact_itself_is_always_found(
        fact in "[a-z]{1,5}( [a-z]{1,5}){0,2}", text in "[a-z ]{0,40}", more in "[a-z ]{0,40}"
    ) {
        let facts = facts(&[&fact]);
        let longer = format!("{text} {more}");
        prop_assert!(mentioned(&text, &facts) <= mentioned(&longer, &facts));
        let stating = format!("{text} {fact}. {more}");
        prop_assert_eq!(mentioned(&stating, &facts), [true]);
    }
}
