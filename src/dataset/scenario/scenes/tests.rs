//! What is asked about a scene is true, stated by its description, and not to be guessed from the question.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::{
    super::super::synthetic::{QuestionType, ask},
    *,
};

fn drawn(seed: u64, scenarios: usize, facts: usize) -> Vec<Scenario> {
    scenes(&SceneOptions { seed, scenarios, facts, distractors: 0 }).unwrap()
}

fn scene(scenario: &Scenario) -> &Scene {
    match &scenario.image {
        ScenarioImage::Drawn(scene) => scene,
        ScenarioImage::File(path) => panic!("{} is not drawn", path.display()),
    }
}

fn kind(topic: &str) -> QuestionType {
    match topic {
        "colour" => QuestionType::Colour,
        "count" => QuestionType::Count,
        "text" => QuestionType::Digit,
        "relation" => QuestionType::Relation,
        "presence" => QuestionType::Presence,
        "position" => QuestionType::Position,
        "shape" => QuestionType::Shape,
        other => panic!("no topic {other}"),
    }
}

/// The options that `text` states in so many words.
fn stated(text: &str, fact: &Fact) -> Vec<usize> {
    let plain = text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " ");
    let text = format!(" {} ", plain.split_whitespace().collect::<Vec<_>>().join(" "));
    let occurs = |phrase: &String| text.contains(&format!(" {phrase} "));
    (0..fact.options.len()).filter(|&k| fact.claims[k].iter().any(occurs)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_question_is_one_of_the_generator_with_its_answer(seed: u64, facts in 1_usize..=8) {
        for scenario in drawn(seed, 2, facts) {
            for fact in &scenario.facts {
                let mut dice = Dice::new(seed, 5);
                let found = (0..60_000)
                    .filter_map(|_| ask(scene(&scenario), kind(&fact.topic), &mut dice))
                    .find(|question| question.text == fact.question);
                let answer = found.map(|question| question.answer);
                prop_assert_eq!(answer.as_ref(), fact.options.get(fact.answer), "{}", fact.question);
            }
        }
    }

    #[test]
    fn the_gold_sentence_states_no_wrong_answer_and_nearly_every_right_one(seed: u64) {
        for scenario in drawn(seed, 6, 8) {
            for fact in &scenario.facts {
                let says = stated(&scenario.gold, fact);
                match fact.topic.as_str() {
                    "count" | "relation" => prop_assert!(says.is_empty()),
                    "presence" if fact.absent == Some(true) => prop_assert!(says.is_empty()),
                    _ => prop_assert_eq!(says, vec![fact.answer], "{:?} {}", fact, scenario.gold),
                }
            }
        }
    }

    #[test]
    fn scenarios_are_well_formed_and_described_differently(seed: u64, facts in 1_usize..=8) {
        let scenarios = drawn(seed, 30, facts);
        let golds: HashSet<_> = scenarios.iter().map(|s| &s.gold).collect();
        prop_assert_eq!((golds.len(), scenarios.len()), (30, 30));
        let all = || scenarios.iter().flat_map(|s| &s.facts);
        prop_assert_eq!(all().map(|fact| fact.id).collect::<HashSet<_>>().len(), 30 * facts);
        for scenario in &scenarios {
            prop_assert!(scene(scenario).objects.len() > 1);
            let questions: HashSet<_> = scenario.facts.iter().map(|f| &f.question).collect();
            prop_assert_eq!(questions.len(), facts);
            let mut absent: Vec<_> = scenario.facts.iter().filter_map(|f| f.absent).collect();
            absent.sort_unstable();
            prop_assert!(facts == 1 || absent == [false, true]);
        }
        for fact in all() {
            let options: HashSet<_> = fact.options.iter().collect();
            prop_assert_eq!((options.len(), fact.claims.len()), (fact.options.len(), fact.options.len()));
            prop_assert_eq!(fact.absent.is_some(), fact.topic == "presence");
            let yes_or_no = fact.absent.map(|absent| if absent { "no" } else { "yes" });
            prop_assert!(yes_or_no.is_none_or(|answer| fact.options[fact.answer] == answer));
            let phrases: Vec<_> = fact.claims.iter().flatten().collect();
            prop_assert_eq!(phrases.iter().collect::<HashSet<_>>().len(), phrases.len());
        }
    }
}

/// The best blind guesser there is: for each question the answer that was most frequent on other scenes.
#[test]
fn who_knows_only_the_questions_guesses_no_better_than_chance() {
    let mut seen: HashMap<String, BTreeMap<usize, usize>> = HashMap::new();
    let mut rates: HashMap<String, (f64, f64, f64)> = HashMap::new();
    for fact in (0..8).flat_map(|seed| drawn(seed, 400, 8)).flat_map(|s| s.facts) {
        *seen.entry(fact.question).or_default().entry(fact.answer).or_default() += 1;
    }
    for fact in (100..108).flat_map(|seed| drawn(seed, 400, 8)).flat_map(|s| s.facts) {
        let Some(answers) = seen.get(&fact.question) else { continue };
        let guess = answers.iter().max_by_key(|(_, count)| **count).map(|(answer, _)| *answer);
        let chance = 1.0 / fact.options.len() as f64;
        let (right, expected, variance) = rates.entry(fact.topic).or_default();
        *right += f64::from(u8::from(guess == Some(fact.answer)));
        *expected += chance;
        *variance += chance * (1.0 - chance);
    }
    assert_eq!(rates.len(), 7);
    for (topic, (right, expected, variance)) in rates {
        let deviation = (right - expected) / variance.sqrt();
        assert!(expected > 200.0, "{topic} is asked in words of its own nearly always");
        assert!(
            deviation.abs() < 3.5,
            "{topic}: {right} right, {expected} by chance, {deviation:.1} σ"
        );
    }
}

#[test]
fn of_every_topic_all_answers_are_about_equally_frequent() {
    let mut counts: HashMap<String, Vec<f64>> = HashMap::new();
    for fact in (20..30).flat_map(|seed| drawn(seed, 400, 8)).flat_map(|s| s.facts) {
        let size = fact.options.len();
        counts.entry(fact.topic).or_insert_with(|| vec![0.0; size])[fact.answer] += 1.0;
    }
    for (topic, counts) in counts {
        let total: f64 = counts.iter().sum();
        let p = 1.0 / counts.len() as f64;
        let spread = (total * p * (1.0 - p)).sqrt();
        let worst = counts.iter().map(|n| (n - total * p).abs() / spread).fold(0.0, f64::max);
        assert!(worst < 4.0, "{topic}: {counts:?}");
    }
}

#[test]
fn topics_take_turns_and_so_do_their_places() {
    let mut places: BTreeMap<String, BTreeMap<usize, usize>> = BTreeMap::new();
    for scenario in drawn(9, 60, 5) {
        for (place, fact) in scenario.facts.into_iter().enumerate() {
            *places.entry(fact.topic).or_default().entry(place).or_default() += 1;
        }
    }
    for (topic, places) in places {
        let total = if topic == "presence" { 120 } else { 30 };
        assert_eq!(places.values().sum::<usize>(), total, "{topic}");
        assert_eq!(places.len(), 5, "{topic} is asked at {places:?} only");
    }
    let single: HashSet<_> = drawn(9, 7, 1).into_iter().map(|s| s.facts[0].topic.clone()).collect();
    assert_eq!(single.len(), 7);
}

#[test]
fn a_smaller_run_is_the_beginning_of_a_larger_one() {
    let options = SceneOptions { seed: 4, scenarios: 9, facts: 5, distractors: 12 };
    let large = scenes(&options).unwrap();
    let small = scenes(&SceneOptions { scenarios: 3, ..options }).unwrap();
    assert_eq!(small, large[..3]);
    let fewer = scenes(&SceneOptions { distractors: 2, ..options }).unwrap();
    for (fewer, more) in fewer.iter().zip(&large) {
        assert_eq!((&fewer.facts, &fewer.distractors[..]), (&more.facts, &more.distractors[..2]));
    }
    assert_ne!(drawn(5, 3, 5), drawn(4, 3, 5));
}

#[test]
fn a_number_out_of_range_is_refused_with_the_range() {
    let refused = |scenarios, facts| {
        let options = SceneOptions { seed: 0, scenarios, facts, distractors: 0 };
        scenes(&options).unwrap_err().to_string()
    };
    assert_eq!(refused(0, 5), "0 scenarios asked for; ask for 1 to 10000");
    assert_eq!(refused(1, 9), "9 facts about each scene asked for; ask for 1 to 8");
}

#[test]
fn the_image_file_holds_the_pixels_of_the_scene() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = &drawn(3, 1, 2)[0];
    let path = scenario.image_file(folder.path()).unwrap();
    assert_eq!(path, folder.path().join("scene_00001.png"));
    let read = image::open(path).unwrap().to_rgb8();
    assert_eq!(read, super::super::super::synthetic::draw(scene(scenario)));
}
