//! The published metric: the known cases, its closed form, and its symmetries.

use proptest::prelude::*;

use super::*;

/// Ten answers from `(how many, answer)` pairs.
fn humans(groups: &[(usize, &str)]) -> Vec<String> {
    groups.iter().flat_map(|(times, answer)| vec![(*answer).to_owned(); *times]).collect()
}

type Row = (&'static str, &'static [(usize, &'static str)], Option<&'static str>, f64);

/// Prediction, human answers, normalised prediction where the gate is open, score in points.
const KNOWN: [Row; 28] = [
    ("yes", &[(10, "yes")], None, 100.0),
    ("Yes", &[(10, "yes")], None, 0.0),
    ("yes.", &[(10, "yes")], None, 0.0),
    ("Yes.", &[(9, "yes"), (1, "no")], Some("yes"), 100.0),
    ("a cat", &[(10, "cat")], None, 0.0),
    ("a cat", &[(9, "cat"), (1, "dog")], Some("cat"), 100.0),
    ("none", &[(1, "none"), (9, "1")], Some("0"), 30.0),
    ("none", &[(5, "0"), (5, "none")], Some("0"), 100.0),
    ("two", &[(9, "2"), (1, "1")], Some("2"), 100.0),
    ("twelve", &[(9, "12"), (1, "11")], Some("twelve"), 0.0),
    ("one on left", &[(9, "1 on left"), (1, "x")], Some("1 on left"), 100.0),
    ("10,000", &[(9, "10000"), (1, "x")], Some("10000"), 100.0),
    ("10,000 t-shirts", &[(9, "10000 t shirts"), (1, "x")], Some("10000 tshirts"), 0.0),
    ("t-shirt", &[(9, "t shirt"), (1, "x")], Some("t shirt"), 100.0),
    ("tshirt", &[(9, "t-shirt"), (1, "x")], Some("tshirt"), 0.0),
    ("red,white", &[(9, "red white"), (1, "x")], Some("red white"), 100.0),
    ("dont walk", &[(9, "don't walk"), (1, "x")], Some("don't walk"), 100.0),
    ("Im here", &[(9, "i'm here"), (1, "x")], Some("im here"), 0.0),
    ("girl's", &[(9, "girls"), (1, "x")], Some("girl's"), 0.0),
    ("2:50pm", &[(9, "2:50 pm"), (1, "x")], Some("2:50pm"), 0.0),
    ("50%", &[(9, "50"), (1, "x")], Some("50%"), 0.0),
    ("U.S.A.", &[(9, "usa"), (1, "x")], Some("usa"), 100.0),
    ("u s a", &[(9, "usa"), (1, "x")], Some("u s"), 0.0),
    ("3.m", &[(9, "3m"), (1, "x")], Some("3m"), 100.0),
    ("2.5", &[(9, "2.5"), (1, "1")], Some("2.5"), 100.0),
    ("It is red.", &[(9, "red"), (1, "x")], Some("it is red"), 0.0),
    ("no", &[(3, "no"), (7, "yes")], Some("no"), 90.0),
    ("yes", &[(3, "no"), (7, "yes")], Some("yes"), 100.0),
];

#[test]
#[expect(clippy::float_cmp, reason = "scores are sums of whole thirds, divided once")]
fn every_known_case_scores_as_published() {
    for (prediction, groups, normalised, points) in KNOWN {
        let answers = humans(groups);
        assert_eq!(answers.len(), 10, "{prediction}");
        let scored = score(prediction, &answers).unwrap();
        assert_eq!(scored.scores.official * 100.0, points, "{prediction} against {groups:?}");
        if let Some(normalised) = normalised {
            assert_eq!(scored.normalised, normalised);
            assert_eq!(scored.scores.normalised, scored.scores.official, "{prediction}");
        }
    }
}

#[test]
fn unanimous_humans_agree_on_more_without_the_gate() {
    for (prediction, answer) in [("Yes", "yes"), ("yes.", "yes"), ("a cat", "cat")] {
        let scores = score(prediction, &humans(&[(10, answer)])).unwrap().scores;
        assert_eq!((scores.official, scores.normalised), (0.0, 1.0), "{prediction}");
        assert_eq!((scores.soft3, scores.exact_match), (1.0, 1.0), "{prediction}");
    }
}

#[test]
fn white_space_around_a_human_answer_does_not_open_the_gate() {
    let answers = humans(&[(9, "Yes"), (1, "\tYes\n")]);
    assert_eq!(vqa_official("yes", &answers), Some(0.0));
    assert_eq!(vqa_official(" Yes ", &answers), Some(1.0));
}

#[test]
fn an_answer_that_normalises_to_nothing_has_no_score() {
    let answers = humans(&[(10, "a")]);
    for prediction in ["", " \n", "a", "The", "?!", "...", "Answer:", "</s>"] {
        assert_eq!(score(prediction, &answers), None, "{prediction:?}");
    }
    assert_eq!(vqa_official("a", &answers), None);
}

#[test]
fn without_human_answers_there_is_no_score() {
    assert_eq!(score("yes", &[]), None);
    assert_eq!(exact_match("yes", &[] as &[&str]), None);
}

#[test]
fn a_human_answer_that_normalises_to_nothing_is_matched_by_none() {
    let answers = humans(&[(6, "the"), (4, "a a")]);
    let scores = score("cat", &answers).unwrap().scores;
    assert_eq!((scores.official, scores.soft3, scores.exact_match), (0.0, 0.0, 0.0));
}

#[test]
fn the_raw_text_is_scored_beside_the_extracted_one() {
    let answers = humans(&[(10, "red")]);
    let scored = score("Answer: red\nBecause it is.", &answers).unwrap();
    assert_eq!(scored.extracted, "red");
    assert_eq!((scored.scores.official, scored.scores.official_unextracted), (1.0, 0.0));
}

#[test]
fn an_answer_as_common_as_another_is_an_exact_match() {
    let answers = humans(&[(4, "red"), (4, "Blue"), (2, "green")]);
    for (prediction, expected) in [("red", 1.0), ("blue", 1.0), ("green", 0.0), ("x", 0.0)] {
        assert_eq!(exact_match(prediction, &answers), Some(expected), "{prediction}");
    }
}

#[test]
fn spellings_of_one_answer_are_counted_together_for_exact_match() {
    let answers = humans(&[(3, "Two"), (3, "2"), (4, "3")]);
    assert_eq!(exact_match("two.", &answers), Some(1.0));
    assert_eq!(exact_match("3", &answers), Some(0.0));
}

#[test]
fn ten_answers_give_three_tenths_for_each_that_agrees() {
    for equal in 0..=10_u32 {
        let answers = humans(&[(equal as usize, "red"), (10 - equal as usize, "blue")]);
        let expected = (3.0 * f64::from(equal) / 10.0).min(1.0);
        assert_eq!(vqa_official("red", &answers), Some(expected), "{equal}");
    }
}

proptest! {
    #[test]
    fn any_number_of_answers_follows_the_closed_form(equal in 0_u32..15, other in 0_u32..15) {
        prop_assume!(equal + other > 0);
        let answers = humans(&[(equal as usize, "red"), (other as usize, "blue")]);
        let (k, rest, n) = (f64::from(equal), f64::from(other), f64::from(equal + other));
        let expected = (k * ((k - 1.0) / 3.0).min(1.0) + rest * (k / 3.0).min(1.0)) / n;
        prop_assert!((vqa_official("red", &answers).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn every_score_is_in_range_and_the_order_of_annotators_does_not_matter(
        raw in "([Aa] |the )?(cat|Cat\\.|dog|two|2|10,0-0|Answer: 2)",
        (answers, shuffled) in prop::collection::vec("(a )?(cat|dog|2|two|Cat|t-shirt)", 1..14)
            .prop_flat_map(|answers| (Just(answers.clone()), Just(answers).prop_shuffle()))
    ) {
        let scored = score(&raw, &answers).unwrap();
        let scores = scored.scores;
        for value in [
            scores.official,
            scores.normalised,
            scores.soft3,
            scores.exact_match,
            scores.official_unextracted,
        ] {
            prop_assert!((0.0..=1.0).contains(&value));
        }
        prop_assert_eq!(score(&raw, &shuffled), Some(scored));
    }

    #[test]
    fn any_text_is_scored_or_is_no_answer_without_a_panic(raw in ".{0,80}", answer in ".{0,20}") {
        if let Some(scored) = score(&raw, &[answer]) {
            prop_assert!(!scored.normalised.is_empty() && raw.contains(&scored.extracted));
        }
    }
}
