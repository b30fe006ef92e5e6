//! Workers that stop or ask to be replaced because the system says that memory is critical.

use serde_json::{Value, json};

use crate::support::{Place, each};

#[test]
fn a_question_that_is_stopped_is_answered_by_a_fresh_worker() {
    let place = Place::with_questions(3);
    // Critical while the question runs, and no more when the fresh worker is asked.
    let script = "default = 'yes'\n[[pressure]]\nfrom_ms = 1500\npressure = 'critical'\n\
                  [[answer]]\nquestion = 'question 2?'\ntext = 'yes'\nonce = true\nslow_ms = 3000";
    place.vqa(&[&place.scripted("model", script)], &["-n", "3"]).ended(0);
    let questions = &place.results()["models"][0]["questions"];
    assert_eq!(each(questions, "outcome"), ["answered"; 3]);
    let [first] = &**questions[1]["earlier"].as_array().unwrap() else { panic!("{questions}") };
    assert_eq!((&first["outcome"], &first["cause"]), (&"error".into(), &"memory".into()));
    assert_eq!(place.events_named("question_retried").len(), 1);
    assert_eq!(place.events_named("worker_restarted").len(), 1);
}

/// The system stays critical, so that the fresh worker is stopped as well, and the one after it.
#[test]
fn a_worker_that_asks_to_be_replaced_is_and_that_is_no_attempt() {
    let place = Place::with_questions(3);
    let script = "default = 'yes'\n[[pressure]]\nfrom_question = 3\npressure = 'critical'";
    place.vqa(&[&place.scripted("model", script)], &["-n", "3"]).ended(1);
    let model = &place.results()["models"][0];
    assert_eq!(model["status"], "completed");
    assert_eq!(each(&model["questions"], "outcome"), ["answered", "answered", "error"]);
    assert_eq!(model["questions"][2]["cause"], "memory");
    assert_eq!(model["questions"][2]["earlier"].as_array().unwrap().len(), 1);
    let restarts = Value::from(place.events_named("worker_restarted"));
    assert_eq!(each(&restarts, "cause"), [&json!("restart_wanted"), &Value::Null]);
}
