//! What is made of models whose memory is known.

use serde_json::{Value, json};

use crate::{
    script::{SMALL, Script, Test, failed_checks, figures},
    support::Place,
};

/// As the program is called without options.
const FULL: Test = Test { scenarios: 12, facts: 5, distractors: ("0,2,6", 6) };
const FACTS: usize = 60;

/// A share of `FACTS`, without its interval.
fn counts(share: &Value) -> (&Value, &Value, &Value) {
    (&share["value"], &share["numerator"], &share["denominator"])
}

/// No figure that only a valid test may have, by either scorer.
#[track_caller]
fn assert_nothing_is_claimed(figures: &Value) {
    for scorer in ["strict", "weighed"] {
        let of = &figures[scorer];
        let retentions = of["decay"].as_array().unwrap().iter().map(|point| &point["retention"]);
        let corrected = of["by_condition"].as_object().unwrap().values();
        let withheld =
            retentions.chain(corrected.map(|condition| &condition["chance_corrected"])).chain(
                ["retention", "context_use", "self_consistency", "contradiction"].map(|it| &of[it]),
            );
        for share in withheld {
            assert!(share["value"].is_null() && share["interval"].is_null(), "{scorer}: {of:#}");
        }
    }
}

#[test]
fn perfect_memory_retains_everything() {
    let (run, place) = FULL.run(Script::of_perfect_memory, &[]);
    let run = run.ended(0);
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), [""; 0]);
    for scorer in ["strict", "weighed"] {
        let of = &figures[scorer];
        let retention = &of["retention"];
        assert_eq!(retention["value"], 1.0);
        assert_eq!(
            (&retention["correct_in_both"], &retention["correct_in_s"]),
            (&json!(FACTS), &json!(FACTS))
        );
        let low = retention["interval"]["low"].as_f64().unwrap();
        assert!(low > 0.7 && low < 1.0, "twelve scenarios are not all of them: {retention}");
        assert_eq!(of["decay"].as_array().unwrap().len(), 3);
        for condition in ["S", "A", "B", "E"] {
            let condition = &of["by_condition"][condition];
            assert_eq!(counts(&condition["accuracy"]), (&json!(1.0), &json!(FACTS), &json!(FACTS)));
        }
        assert_eq!(counts(&of["false_memory"]), (&json!(0.0), &json!(0), &json!(12)));
        assert_eq!(counts(&of["contradiction"]), (&json!(0.0), &json!(0), &json!(FACTS)));
        assert_eq!(of["self_consistency"]["value"], 1.0);
        assert!(of["self_consistency"]["denominator"].as_u64() > Some(20), "{of:#}");
    }
    // Nothing is more probable than anything else to it without the image: words alone tell.
    assert_eq!(figures["strict"]["context_use"]["value"], 1.0);
    assert_eq!(figures["strict"]["by_condition"]["A"]["chance_corrected"]["value"], 1.0);
    assert!(figures["weighed"]["context_use"]["value"].is_null());
    let evidence = &figures["evidence"];
    assert_eq!((&evidence["expected_calls"], &evidence["made_calls"]), (&json!(576), &json!(576)));
    assert_eq!((&evidence["descriptions"], &evidence["repeats"]), (&json!(12), &json!(12)));
    assert!(run.stdout.contains("100.0 %") && !run.stdout.contains("INVALID"), "{run:#?}");
}

#[test]
fn a_model_that_forgets_everything_has_a_low_score_and_a_valid_result() {
    let script =
        |scenes: &[_]| Script::new("Of course.").describing(scenes).knowing("shown", scenes);
    let (run, place) = FULL.run(script, &[]);
    run.ended(0);
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), [""; 0]);
    let retention = &figures["strict"]["retention"];
    assert_eq!((&retention["value"], &retention["correct_in_s"]), (&json!(0.0), &json!(FACTS)));
    let high = retention["interval"]["high"].as_f64().unwrap();
    assert!(high > 0.0 && high < 0.3, "{retention}");
    assert_eq!(figures["strict"]["by_condition"]["S"]["accuracy"]["value"], 1.0);
    let outcomes = &figures["outcomes_by_condition"];
    assert_eq!(
        (&outcomes["A"]["unparsed"], &outcomes["S"]["chosen"]),
        (&json!(3 * FACTS), &json!(FACTS))
    );
}

#[test]
fn a_model_that_ignores_the_image_is_blind_and_has_no_score() {
    let script = |scenes: &[_]| {
        let facts = |scene: &vlm_test::dataset::scenario::Scenario| scene.facts.clone();
        let facts = scenes.iter().flat_map(facts);
        facts.fold(Script::new("Of course.").describing(scenes), |script, fact| {
            script.saying(&[("question", &fact.question)], &fact.options[0])
        })
    };
    let (run, place) = FULL.run(script, &[]);
    let run = run.ended(1);
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), ["blind"]);
    assert_nothing_is_claimed(&figures);
    let accuracy =
        |condition: &str| &figures["strict"]["by_condition"][condition]["accuracy"]["value"];
    assert_eq!(accuracy("S"), accuracy("N"));
    assert!(
        accuracy("S").as_f64() > Some(0.1),
        "it guesses, and the guesses are evidence: {figures:#}"
    );
    assert!(run.stdout.contains("INVALID") && run.stdout.contains("blind: "), "{run:#?}");
}

#[test]
fn a_model_that_says_the_prompt_back_is_no_model_that_forgets() {
    let (run, place) = FULL.run(|_| Script::new("").with(&[], "echo = true"), &[]);
    run.ended(1);
    let figures = figures(&place);
    assert_eq!(
        failed_checks(&figures),
        ["echoed_description", "identical_description", "unreadable"]
    );
    assert_nothing_is_claimed(&figures);
    assert_eq!(figures["outcomes_by_condition"]["A"]["echo"], 3 * FACTS);
}

#[test]
fn a_model_that_always_says_yes_remembers_all_that_never_was_there() {
    let script = |scenes: &[_]| Script::new("yes").describing(scenes);
    let (run, place) = FULL.run(script, &[]);
    run.ended(1);
    let figures = figures(&place);
    let false_memory = &figures["strict"]["false_memory"];
    assert_eq!(counts(false_memory), (&json!(1.0), &json!(12), &json!(12)));
    assert_nothing_is_claimed(&figures);
    let only_presence = Test { scenarios: 6, facts: 2, distractors: ("1", 1) };
    let (run, place) = only_presence.run(script, &[]);
    assert!(run.ended(1).stdout.contains("blind: 50.0 % right with the image, 50.0 % with none"));
    assert_eq!(failed_checks(&self::figures(&place)), ["blind"]);
}

#[test]
fn one_description_for_every_image_makes_the_result_invalid() {
    let script = |scenes: &[_]| {
        Script::new("A picture with shapes.").knowing("image", scenes).reading(scenes)
    };
    let (run, place) = FULL.run(script, &[]);
    let run = run.ended(1);
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), ["identical_description"]);
    assert_nothing_is_claimed(&figures);
    assert_eq!(figures["strict"]["retention"]["correct_in_s"], FACTS);
    assert!(run.stdout.contains("identical: 12 of 12 descriptions"), "{run:#?}");
}

#[test]
fn an_empty_description_makes_the_result_invalid() {
    let script = |scenes: &[_]| {
        let shown = crate::script::image(&scenes[1]);
        let first = Script::new("Of course.")
            .with(&[("shown", &shown), ("question", "Describe")], "empty = true");
        first.describing(scenes).knowing("image", scenes)
    };
    let (run, place) = FULL.run(script, &[]);
    run.ended(1);
    assert_eq!(failed_checks(&figures(&place)), ["empty_description"]);
}

#[test]
fn refusals_are_counted_as_such_and_are_no_low_score() {
    let script =
        |scenes: &[_]| Script::new("I'm sorry, I cannot help with that.").describing(scenes);
    let (run, place) = FULL.run(script, &[]);
    run.ended(1);
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), ["unreadable"]);
    assert_nothing_is_claimed(&figures);
    for (condition, times) in [("S", 1), ("A", 3), ("B", 1), ("E", 1), ("N", 1), ("X", 1)] {
        assert_eq!(
            figures["outcomes_by_condition"][condition]["refused"],
            times * FACTS,
            "{condition}"
        );
    }
}

#[test]
fn what_was_seen_but_left_out_of_the_description_is_lost_with_the_image() {
    let script = |scenes: &[_]| {
        let vague =
            scenes.iter().enumerate().fold(Script::new("Of course."), |script, (n, scene)| {
                let shown = crate::script::image(scene);
                script.saying(
                    &[("shown", &shown), ("question", "Describe")],
                    &format!("Picture {n}."),
                )
            });
        vague.knowing("image", scenes).reading(scenes)
    };
    let (run, place) = FULL.run(script, &[]);
    run.ended(0);
    let figures = figures(&place);
    let accuracy =
        |condition: &str| &figures["strict"]["by_condition"][condition]["accuracy"]["value"];
    assert_eq!(["A", "B", "E"].map(accuracy), [&json!(1.0), &json!(0.0), &json!(1.0)]);
    assert_eq!(figures["strict"]["self_consistency"]["denominator"], 0);
}

#[test]
fn models_are_compared_pair_by_pair_if_their_results_are_valid() {
    let (place, scenes) = (Place::new(), SMALL.scenes());
    let forgets = Script::new("Of course.").describing(&scenes).knowing("shown", &scenes);
    let models = [
        ("keeps", Script::of_perfect_memory(&scenes)),
        ("forgets", forgets),
        ("blind", Script::new("yes").describing(&scenes)),
    ];
    let models = models.map(|(name, script)| place.scripted(name, script.text()));
    let arguments = SMALL.arguments(&models.join(","));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let run = place.run(&arguments).ended(1);
    let expected = json!([{
        "first": "keeps", "second": "forgets", "condition": "A",
        "scenarios": 3, "difference": 1.0, "p": 0.25,
    }]);
    assert_eq!(place.results()["comparisons"], expected);
    assert!(run.stdout.contains("keeps 100.0 points better than forgets"), "{run:#?}");
}
