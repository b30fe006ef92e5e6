//! Six kinds of death in six phases each.

use std::thread;

use serde_json::Value;

use crate::support::Place;

const PHASES: [&str; 6] = ["load", "clean_up", "preprocess", "vision", "prefill", "decode"];
/// A run that hangs waits so long; nothing else here takes a fraction of it.
const TIMEOUT: &str = "5";

/// Has a worker die once in each phase, see [`in_phase`].
fn in_every_phase(fault: &str, cause: &str, is_outcome: impl Fn(&Value) -> bool + Sync) {
    thread::scope(|scope| {
        for phase in PHASES {
            scope.spawn(|| in_phase(phase, fault, cause, &is_outcome));
        }
    });
}

/// Has a worker die once over question 2 of 4, or while loading: one question at most has no
/// answer, and the restart names the cause.
fn in_phase(phase: &str, fault: &str, cause: &str, is_outcome: impl Fn(&Value) -> bool) {
    let place = Place::with_questions(4);
    let condition = if phase == "load" { "" } else { "question = 'question 2?'\n" };
    let script = format!(
        "default = 'yes'\n[[answer]]\n{condition}text = 'yes'\nonce = true\n\
         phase = '{phase}'\n{fault}\n"
    );
    let model = place.scripted("model", &script);
    let limits = ["--timeout", TIMEOUT, "--load-timeout", TIMEOUT, "--cleanup-every", "1"];
    let run = place.vqa(&[&model], &[&["-n", "4"][..], &limits].concat());
    run.assert_no_panic();
    let restarts = place.events_named("worker_restarted");
    let causes: Vec<_> = restarts.iter().map(|event| event["cause"].clone()).collect();
    assert_eq!(causes, [cause], "{phase}: {restarts:#?}");
    let model = &place.results()["models"][0];
    assert_eq!(model["status"], "completed", "{phase}");
    let questions = model["questions"].as_array().unwrap();
    assert_eq!(questions.len(), 4);
    let affected: Vec<_> = questions.iter().filter(|it| it["outcome"] != "answered").collect();
    let expected = usize::from(phase != "load");
    assert_eq!((affected.len(), run.status), (expected, Some(expected as i32)), "{phase}");
    for question in affected {
        assert!(is_outcome(question), "{phase}: {question:#}");
        let told = question.get("phase").is_none_or(|told| told == phase);
        assert!(told, "{phase}: {question:#}");
    }
}

fn crashed_by(cause: &str) -> impl Fn(&Value) -> bool {
    move |question| {
        let evidence = question["evidence"].as_str().unwrap_or_default();
        question["outcome"] == "crashed" && question["cause"] == cause && !evidence.is_empty()
    }
}

#[test]
fn a_segmentation_fault_is_told_in_every_phase() {
    let cause = "segmentation_fault";
    in_every_phase("crash = 'segv'", cause, crashed_by(cause));
}

#[test]
fn an_abort_is_told_in_every_phase() {
    in_every_phase("crash = 'abort'", "aborted", crashed_by("aborted"));
}

#[test]
fn a_kill_is_told_in_every_phase() {
    in_every_phase("crash = 'kill'", "killed", crashed_by("killed"));
}

#[test]
fn an_end_by_the_c_library_is_told_in_every_phase() {
    let cause = "handler_missing";
    in_every_phase("crash = 'exit255'", cause, crashed_by(cause));
}

#[test]
fn a_panic_is_told_in_every_phase() {
    in_every_phase("panic = 'index out of bounds'", "panicked", |question| {
        question["outcome"] == "error" && question["cause"] == "panic"
    });
}

#[test]
fn a_hang_is_told_in_every_phase() {
    in_every_phase("hang = true", "hung", |question| question["outcome"] == "timed_out");
}
