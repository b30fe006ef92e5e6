//! Questions that cannot fit are refused with a sentence, and the run goes on.

use serde_json::json;

use crate::asked;

#[test]
fn a_question_whose_keys_and_values_alone_exceed_the_budget_is_refused_before_it_is_computed() {
    let script = "default = 'yes'\n[memory]\nkv_bytes = 2_000_000_000\n";
    let (run, place) = asked(2, script, &["--memory-budget", "1GB"]);
    run.ended(1);
    let question = &place.results()["models"][0]["questions"][0];
    assert_eq!((&question["outcome"], &question["cause"]), (&json!("error"), &json!("memory")));
    let message = question["message"].as_str().unwrap();
    assert!(message.contains("2000 MB") && message.contains("--memory-budget"), "{message}");
    assert_eq!(question.get("earlier"), None);
    assert!(place.events_named("worker_restarted").is_empty());
}

#[test]
fn an_allocation_that_fails_ends_the_worker_and_its_question_is_asked_again() {
    let script = "default = 'yes'\n[memory]\nquestion_bytes = 1000\n\
                  [[answer]]\nquestion = 'question 2?'\nonce = true\nallocation_error = true\n";
    let (run, place) = asked(4, script, &[]);
    run.ended(0);
    let retried = place.events_named("question_retried");
    assert_eq!(retried.len(), 1);
    assert_eq!(
        (&retried[0]["position"], &retried[0]["outcome"]["cause"]),
        (&2.into(), &json!("memory"))
    );
    let question = &place.results()["models"][0]["questions"][1];
    assert_eq!(
        (&question["outcome"], question["earlier"].as_array().unwrap().len()),
        (&json!("answered"), 1)
    );
}

#[test]
fn work_that_fails_late_spoils_its_own_question_and_a_device_that_ignores_all_is_left() {
    let late = "default = 'yes'\n[memory]\nprofile = 'metal'\nquestion_bytes = 1000\n\
                [[answer]]\nquestion = 'question 2?'\nonce = true\ntext = 'garbage'\nlate_error = true\n";
    let (run, place) = asked(4, late, &[]);
    run.ended(0);
    let raw = |at: usize| place.results()["models"][0]["questions"][at]["raw"].clone();
    assert_eq!([0, 1, 2, 3].map(raw), ["yes", "yes", "yes", "yes"]);
    assert_eq!(place.events_named("question_retried").len(), 1);

    let ignored = "default = 'yes'\n[memory]\nprofile = 'metal'\nquestion_bytes = 1000\n\
                   [[answer]]\nquestion = 'question 2?'\nonce = true\nsubmissions_ignored = true\n";
    let (run, place) = asked(4, ignored, &[]);
    run.ended(1);
    let outcomes = &place.results()["models"][0]["summary"]["outcomes"];
    assert_eq!((&outcomes["answered"], &outcomes["error"]), (&3.into(), &1.into()));
    assert_eq!(place.events_named("worker_restarted").len(), 1);
}
