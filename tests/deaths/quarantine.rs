//! A model that cannot be loaded at first, and one that keeps dying.

use crate::support::{Place, each};

#[test]
fn a_model_that_dies_twice_while_loading_is_loaded_at_the_third_attempt() {
    let place = Place::with_questions(2);
    let script = "default = 'yes'\n[[answer]]\nphase = 'load'\nonce = true\ncrash = 'kill'\n\
                  [[answer]]\nphase = 'load'\nonce = true\npanic = 'oh'";
    place.vqa(&[&place.scripted("model", script)], &["-n", "2"]).ended(0);
    let restarts = place.events_named("worker_restarted");
    let causes: Vec<_> = restarts.iter().map(|it| it["cause"].as_str().unwrap()).collect();
    assert_eq!(causes, ["killed", "panicked"]);
}

#[test]
fn a_model_that_hangs_at_every_load_fails_after_three_attempts() {
    let place = Place::with_questions(2);
    let model = place.scripted("model", "load_hang = true");
    place.vqa(&[&model], &["-n", "2", "--load-timeout", "1"]).ended(3);
    assert_eq!(place.events_named("worker_restarted").len(), 2);
    let model = &place.results()["models"][0];
    assert_eq!(model["status"], "failed");
    assert_eq!(model["reason"], "the model was not loaded within 1 s; 3 attempts");
}

#[test]
fn a_model_that_says_why_it_cannot_be_loaded_is_not_tried_again() {
    let place = Place::with_questions(2);
    let model = place.scripted("model", "load_error = 'a tensor is missing'");
    place.vqa(&[&model], &["-n", "2"]).ended(3);
    assert!(place.events_named("worker_restarted").is_empty());
    assert_eq!(place.results()["models"][0]["reason"], "a tensor is missing");
}

/// Deaths while loading and over questions add up.
#[test]
fn the_third_death_of_any_kind_is_the_last() {
    let place = Place::with_questions(5);
    let script = "default = 'yes'\n[[answer]]\nphase = 'load'\nonce = true\ncrash = 'segv'\n\
                  [[answer]]\nquestion = 'question 2?'\nhang = true\n\
                  [[answer]]\nquestion = 'question 4?'\npanic = 'oh'";
    let dying = place.scripted_weighing("dying", 2, script);
    let well = place.scripted_weighing("well", 1, "default = 'yes'");
    place.vqa(&[&dying, &well], &["-n", "5", "--timeout", "3"]).ended(3);
    let results = place.results();
    assert_eq!(results["status"], "failed");
    assert_eq!(each(&results["models"], "status"), ["quarantined", "completed"]);
    let outcomes = each(&results["models"][0]["questions"], "outcome");
    assert_eq!(outcomes, ["answered", "timed_out", "answered", "error", "skipped"]);
    let reason = results["models"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "its worker died 3 times within 5 minutes: the model panicked: oh");
}
