//! `vlm-test memory`: one set of questions under several policies.

use serde_json::{Value, json};

use crate::support::{Place, TINY};

fn compared(place: &Place, more: &[&str]) -> (crate::Run, Value) {
    let fixed = ["memory", "--dataset", "small", "-n", "7", "--output", "out", "--max-tokens", "2"];
    let run = place.run(&[&fixed[..], more].concat());
    run.assert_no_panic();
    let json = std::fs::read_to_string(place.path("out/policies.json")).unwrap();
    (run, serde_json::from_str(&json).unwrap())
}

#[test]
fn answers_are_the_same_under_every_policy_and_each_has_a_record_of_its_own() {
    let place = Place::with_questions(7);
    let model = place.checkpoint(TINY);
    let (run, report) = compared(&place, &["--models", model.to_str().unwrap()]);
    assert!(run.stdout.contains("the same under every policy"), "{run:#?}");
    let model = &report["models"][0];
    assert_eq!(model["differing"], json!([]));
    let of = |field: &str| -> Vec<Value> {
        model["policies"].as_array().unwrap().iter().map(|it| it[field].clone()).collect()
    };
    assert_eq!(
        of("policy"),
        [
            json!("off"),
            json!({"every_questions": 5}),
            json!({"every_questions": 1}),
            json!("adaptive")
        ]
    );
    assert_eq!(of("cleanups"), [1, 2, 7, 1]);
    assert!(of("peak_used_bytes").iter().all(|it| it.as_u64() > Some(700_000)));
    for folder in ["off", "periodic", "each", "adaptive"] {
        assert!(place.path(&format!("out/{folder}/results.json")).is_file());
    }
}

#[test]
fn an_answer_that_differs_under_one_policy_fails_the_comparison() {
    let place = Place::with_questions(7);
    let script =
        "default = 'yes'\n[[answer]]\nquestion = 'question 3?'\nonce = true\ntext = 'no'\n";
    let model = place.scripted("model", script);
    let (run, report) = compared(&place, &["--models", &model, "--policies", "off,each"]);
    assert_eq!(report["models"][0]["differing"], json!([3]));
    assert!(run.stdout.contains("1 question(s) were not answered alike"), "{run:#?}");
    run.ended(1);
}

#[test]
fn one_policy_is_no_comparison() {
    let place = Place::with_questions(1);
    let run = place.run(&["memory", "--dataset", "small", "--cleanup", "off"]).ended(2);
    assert!(run.stderr.contains("--policies"), "{run:#?}");
}
