//! Models of known character, and what the figures must say of them.

use proptest::prelude::*;

use super::*;
use crate::scoring::context::Invalid;

const SCENARIOS: u64 = 12;
const FACTS: u64 = 5;
/// Distractor turns of a conversation.
const TURNS: [usize; 3] = [0, 2, 6];

/// A fact as it is planned. Facts 0 and 1 ask for something that is there, and that is not.
fn planned(scenario: u64, fact: u64, condition: Condition, distractors: usize) -> Observation {
    let expected = if fact < 2 { fact as usize } else { ((scenario + fact) % 4) as usize };
    Observation {
        scenario,
        fact,
        condition,
        distractors,
        absent: (fact < 2).then_some(fact == 1),
        expected,
        parse: None,
        weighed: None,
        claimed: None,
    }
}

/// A whole run of a model that replies with `option`.
fn run(option: impl Fn(&Observation) -> usize) -> Vec<Observation> {
    let mut observations = Vec::new();
    for scenario in 0..SCENARIOS {
        for fact in 0..FACTS {
            for condition in Condition::ALL {
                let turns: &[usize] = match condition {
                    Condition::A => &TURNS,
                    Condition::B | Condition::E => &TURNS[2..],
                    _ => &TURNS[..1],
                };
                for &distractors in turns {
                    let mut probe = planned(scenario, fact, condition, distractors);
                    let option = option(&probe);
                    probe.parse = Some(Parse::Chosen { option });
                    probe.weighed = Some(option);
                    probe.claimed = Some(probe.expected);
                    observations.push(probe);
                }
            }
        }
    }
    observations
}

/// A fixed guess: yes, or the first of four.
fn guess(_: &Observation) -> usize {
    0
}

fn without_image(probe: &Observation) -> bool {
    matches!(probe.condition, Condition::N | Condition::X)
}

fn perfect(probe: &Observation) -> usize {
    if without_image(probe) { guess(probe) } else { probe.expected }
}

fn figures(observations: &[Observation]) -> ContextFigures {
    ContextFigures::of(observations, Evidence::default(), 5)
}

fn counts(share: Proportion) -> (usize, usize) {
    (share.numerator, share.denominator)
}

#[test]
fn a_perfect_memory_has_full_marks_by_both_scorers() {
    let figures = figures(&run(perfect));
    assert_eq!((figures.scenarios, &figures.validity), (12, &vec![]));
    for scorer in [&figures.strict, &figures.weighed] {
        let retention = scorer.retention;
        let told = (retention.value, retention.correct_in_both, retention.correct_in_s);
        assert_eq!(told, (Some(1.0), 60, 60));
        // Twelve scenarios that agree leave room for others that do not.
        let interval = retention.interval.unwrap();
        assert!(interval.low < 0.8 && interval.high == 1.0, "{interval:?}");
        assert_eq!(scorer.context_use.value, Some(1.0));
        assert!(scorer.context_use.interval.unwrap().low < 0.8);
        assert_eq!(scorer.self_consistency.value, Some(1.0));
        assert_eq!(counts(scorer.false_memory), (0, 12));
        assert_eq!(counts(scorer.contradiction), (0, 60));
        assert!(scorer.decay.iter().map(|decay| decay.distractors).eq(TURNS));
    }
}

#[test]
fn scenarios_that_agree_on_a_share_between_leave_room_for_others_too() {
    // Of each scenario the last of five facts is forgotten.
    let forget_one = |probe: &Observation| {
        let forgotten = probe.condition == Condition::A && probe.fact == FACTS - 1;
        if forgotten { 9 } else { perfect(probe) }
    };
    let strict = figures(&run(forget_one)).strict;
    let kept = strict.by_condition[&Condition::A];
    for (value, interval) in [
        (strict.retention.value, strict.retention.interval),
        (kept.accuracy.value, kept.accuracy.interval),
        (kept.chance_corrected.value, kept.chance_corrected.interval),
    ] {
        let (value, interval) = (value.unwrap(), interval.unwrap());
        assert!(interval.low < value - 0.1 && interval.high > value + 0.1, "{value} {interval:?}");
    }
}

#[test]
fn a_model_that_forgets_has_no_retention_and_is_valid() {
    let forget = |probe: &Observation| {
        if probe.condition == Condition::A && probe.distractors > 0 { 9 } else { perfect(probe) }
    };
    let figures = figures(&run(forget));
    assert_eq!(figures.validity, []);
    let strict = figures.strict;
    assert_eq!(strict.retention.value, Some(0.0));
    assert!(strict.decay.iter().map(|d| d.retention.value).eq([Some(1.0), Some(0.0), Some(0.0)]));
    assert_eq!(strict.by_condition[&Condition::A].accuracy.value, Some(0.0));
    assert_eq!(strict.contradiction.value, Some(1.0));
    assert_eq!(strict.self_consistency.value, Some(0.0));
}

#[test]
fn a_model_that_ignores_the_image_is_blind_and_has_no_score() {
    let figures = figures(&run(guess));
    let [Invalid::Blind { seen, guessed, floor: Condition::N }] = figures.validity[..] else {
        panic!("{:?}", figures.validity);
    };
    assert_eq!(seen, guessed);
    let strict = figures.strict;
    assert_eq!((strict.retention.value, strict.retention.interval), (None, None));
    assert!(strict.decay.iter().all(|decay| decay.retention.value.is_none()));
    assert_eq!(strict.context_use, Corrected::default());
    assert!(strict.by_condition.values().all(|c| c.chance_corrected.value.is_none()));
    assert!((strict.self_consistency.value, strict.contradiction.value) == (None, None));
    // Evidence stays.
    assert_eq!(strict.by_condition[&Condition::S].accuracy.value, Some(seen));
    assert_eq!(strict.false_memory.value, Some(1.0));
    assert_eq!(figures.outcomes_by_condition[&Condition::A].chosen, 180);
}

#[test]
fn a_model_that_says_yes_to_everything_has_false_memories_only() {
    let affirm = |probe: &Observation| if probe.absent.is_some() { 0 } else { perfect(probe) };
    let figures = figures(&run(affirm));
    assert_eq!((&figures.validity, counts(figures.strict.false_memory)), (&vec![], (12, 12)));
}

#[test]
fn sight_no_better_than_with_another_scenes_image_is_blindness_too() {
    let mut observations = run(guess);
    for probe in observations.iter_mut().filter(|probe| probe.condition == Condition::N) {
        probe.parse = Some(Parse::Refused);
    }
    let figures = figures(&observations);
    assert!(matches!(figures.validity[..], [Invalid::Blind { floor: Condition::X, .. }]));
}

#[test]
fn replies_that_name_no_option_are_unreadable_and_not_blindness() {
    let mut observations = run(perfect);
    for probe in &mut observations {
        probe.parse = Some(Parse::Unparsed);
    }
    let figures = figures(&observations);
    assert_eq!(figures.validity, [Invalid::Unreadable { found: 0, of: 60 }]);
    assert_eq!(figures.outcomes_by_condition[&Condition::S].unparsed, 60);
    assert_eq!(counts(figures.weighed.by_condition[&Condition::S].accuracy), (60, 60));
}

#[test]
fn retention_is_undefined_below_ten_facts_right_under_s() {
    let see = |right: u64| {
        move |probe: &Observation| {
            let seen = probe.fact == 2 && probe.scenario < right;
            if probe.condition == Condition::S && !seen { 9 } else { probe.expected }
        }
    };
    let nine = Table::new(&run(see(9)), written, 5).retention(6);
    assert_eq!(nine, Retention { correct_in_both: 9, correct_in_s: 9, ..Retention::default() });
    assert_eq!(Table::new(&run(see(10)), written, 5).retention(6).value, Some(1.0));
}

#[test]
fn a_missing_reply_is_in_no_denominator_but_is_counted() {
    let mut observations = run(perfect);
    for probe in observations.iter_mut().filter(|probe| probe.scenario == 0) {
        (probe.parse, probe.weighed) = (None, None);
    }
    let figures = figures(&observations);
    for scorer in [figures.strict, figures.weighed] {
        assert_eq!(scorer.retention.correct_in_s, 55);
        assert_eq!(counts(scorer.by_condition[&Condition::A].accuracy), (55, 55));
    }
    let outcomes = figures.outcomes_by_condition[&Condition::S];
    assert_eq!((outcomes.no_reply, outcomes.replies()), (5, 55));
}

#[test]
fn conditions_that_were_not_asked_leave_their_figures_undefined() {
    let mut observations = run(perfect);
    observations.retain(|probe| matches!(probe.condition, Condition::S | Condition::B));
    let figures = figures(&observations);
    assert_eq!(figures.validity, []);
    assert_eq!(figures.strict.retention, Retention::default());
    assert_eq!(figures.strict.context_use, Corrected::default());
    assert_eq!(figures.strict.false_memory, Proportion::default());
    assert!(figures.strict.decay.is_empty());
    assert!(figures.strict.by_condition.keys().eq(&[Condition::S, Condition::B]));
    let nothing = ContextFigures::of(&[], Evidence::default(), 5);
    assert_eq!((nothing.scenarios, nothing.strict.retention), (0, Retention::default()));
}

#[test]
fn one_number_of_turns_cannot_contradict_itself() {
    let mut observations = run(perfect);
    observations.retain(|probe| probe.condition != Condition::A || probe.distractors == 6);
    let strict = figures(&observations).strict;
    assert_eq!((strict.contradiction, strict.decay.len()), (Proportion::default(), 1));
    assert_eq!(strict.retention.value, Some(1.0));
}

#[test]
fn corrected_accuracy_is_zero_at_the_floor_and_one_at_the_top() {
    let corrected = |observations: &[Observation], condition| {
        Table::new(observations, written, 5).corrected(condition).value
    };
    let observations = run(perfect);
    assert_eq!(corrected(&observations, Condition::E), Some(1.0));
    assert_eq!(corrected(&observations, Condition::X), Some(0.0));
    let never_wrong = run(|probe| probe.expected);
    assert_eq!(corrected(&never_wrong, Condition::E), None);
}

#[test]
fn a_failed_check_is_a_reason_and_withholds_the_score() {
    let evidence = Evidence { expected_calls: 2, made_calls: 1, ..Evidence::default() };
    let figures = ContextFigures::of(&run(perfect), evidence, 5);
    assert_eq!(figures.validity, [Invalid::Calls { made: 1, expected: 2 }]);
    let retention = figures.strict.retention;
    assert_eq!((retention.value, retention.correct_in_both), (None, 60));
}

#[test]
fn figures_survive_their_json_form() {
    let before = figures(&run(|probe| perfect(probe) % 2));
    let json = serde_json::to_string(&before).unwrap();
    assert!(json.contains(r#""by_condition":{"S":{"accuracy":{"value":"#));
    assert_eq!(serde_json::from_str::<ContextFigures>(&json).unwrap(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_share_is_its_counts_and_lies_in_its_interval(options in prop::collection::vec(0_usize..4, 97)) {
        let reply = |probe: &Observation| {
            let at = probe.scenario * 31 + probe.fact * 7 + probe.distractors as u64;
            options[(at as usize + probe.condition as usize) % options.len()]
        };
        let observations = run(reply);
        let strict = Table::new(&observations, written, 5).figures();
        let shares = strict.by_condition.values().map(|figures| figures.accuracy);
        let others = [strict.self_consistency, strict.false_memory, strict.contradiction];
        for share in shares.chain(others) {
            let value = share.value.unwrap();
            prop_assert_eq!(value, share.numerator as f64 / share.denominator as f64);
            let interval = share.interval.unwrap();
            prop_assert!(interval.low <= value && value <= interval.high);
        }
        for corrected in strict.by_condition.values().map(|figures| figures.chance_corrected) {
            if let (Some(value), Some(interval)) = (corrected.value, corrected.interval) {
                prop_assert!(value <= 1.0 && interval.low <= value && value <= interval.high);
            }
        }
    }

    #[test]
    fn the_order_of_observations_does_not_matter(turn in 0_usize..360) {
        let mut observations = run(|probe| perfect(probe) % 3);
        let before = figures(&observations);
        observations.rotate_left(turn);
        prop_assert_eq!(figures(&observations), before);
    }
}
