//! What memory ends is asked once more, and never a third time.

use serde_json::{Value, json};

use crate::support::Place;

/// What a worker prints and does when it is refused memory.
const REFUSED: &str = "noise = \"libc++abi: terminating due to uncaught exception of type \
                       std::bad_alloc\\n\"\ncrash = 'abort'";

/// Three questions, the second of which meets `fault`; the run ends with `status`.
#[track_caller]
fn second_of_three(fault: &str, status: i32) -> (Value, Place) {
    let place = Place::with_questions(3);
    let script =
        format!("default = 'yes'\n[[answer]]\nquestion = 'question 2?'\ntext = 'yes'\n{fault}\n");
    let model = place.scripted("model", &script);
    let run = place.vqa(&[&model], &["-n", "3"]).ended(status);
    run.assert_no_panic();
    let questions = place.results()["models"][0]["questions"].clone();
    for other in [0, 2] {
        assert_eq!(questions[other]["outcome"], "answered");
        assert_eq!(questions[other].get("earlier"), None, "only of what was asked twice");
    }
    (questions[1].clone(), place)
}

#[test]
fn a_question_that_memory_ended_is_answered_by_a_fresh_worker() {
    let (question, place) = second_of_three(&format!("{REFUSED}\nonce = true"), 0);
    assert_eq!(question["outcome"], "answered");
    let [first] = &**question["earlier"].as_array().unwrap() else { panic!("{question}") };
    assert_eq!(
        (&first["outcome"], &first["cause"]),
        (&json!("crashed"), &json!("allocation_failed"))
    );
    let [retried] = &*place.events_named("question_retried") else { panic!("one event") };
    assert_eq!((&retried["position"], &retried["question_id"]), (&json!(2), &json!(2)));
    assert_eq!(&retried["outcome"], first);
    let [restarted] = &*place.events_named("worker_restarted") else { panic!("one restart") };
    assert_eq!(restarted["cause"], "allocation_failed");
    let started = place.events_named("question_started").len();
    assert_eq!((started, place.events_named("question_finished").len()), (3, 3));
}

#[test]
fn the_second_time_is_final_and_both_are_on_record() {
    let (question, place) = second_of_three(REFUSED, 1);
    assert_eq!(
        (&question["outcome"], &question["cause"]),
        (&json!("crashed"), &json!("allocation_failed"))
    );
    assert_eq!(question["earlier"].as_array().unwrap().len(), 1);
    assert_eq!(place.events_named("question_retried").len(), 1);
    assert_eq!(place.events_named("worker_restarted").len(), 2);
}

#[test]
fn what_ends_for_another_reason_is_not_asked_again() {
    for fault in ["crash = 'segv'", "crash = 'kill'", "crash = 'abort'", "panic = 'oh'"] {
        let (question, place) = second_of_three(fault, 1);
        assert_eq!(question.get("earlier"), None, "{fault}");
        assert!(place.events_named("question_retried").is_empty());
    }
}

#[test]
fn a_retry_that_cannot_be_made_leaves_the_first_outcome() {
    let place = Place::with_questions(6);
    let script = format!(
        "default = 'yes'\n[[answer]]\nquestion = 'question 1?'\ncrash = 'segv'\n\
         [[answer]]\nquestion = 'question 2?'\ncrash = 'segv'\n\
         [[answer]]\nquestion = 'question 3?'\n{REFUSED}\n"
    );
    place.vqa(&[&place.scripted("model", &script)], &["-n", "6"]).ended(3);
    let model = &place.results()["models"][0];
    assert_eq!(model["status"], "quarantined");
    let third = &model["questions"][2];
    assert_eq!(
        (&third["outcome"], &third["cause"]),
        (&json!("crashed"), &json!("allocation_failed"))
    );
    assert_eq!(third.get("earlier"), None);
    let rest = &model["questions"].as_array().unwrap()[3..];
    assert!(rest.len() == 3 && rest.iter().all(|it| it["outcome"] == "skipped"), "{rest:#?}");
}
