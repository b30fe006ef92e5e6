//! Models that fail in every way, and what is left of the run then.

use serde_json::{Value, json};

use crate::support::{Place, each};

/// A script that says yes, and fails at question 2 of 3.
fn failing(fault: &str) -> String {
    format!("default = 'yes'\n[[answer]]\nquestion = 'question 2?'\n{fault}\n")
}

/// The second of three questions, the other two of which were answered.
#[track_caller]
fn second_of_three(fault: &str, more: &[&str], status: i32) -> (Value, Place) {
    let place = Place::with_questions(3);
    let model = place.scripted("model", &failing(fault));
    let run = place.vqa(&[&model], &[&["-n", "3"], more].concat()).ended(status);
    run.assert_no_panic();
    let results = place.results();
    let questions = &results["models"][0]["questions"];
    for other in [0, 2] {
        assert_eq!(questions[other]["outcome"], "answered", "{fault}: {questions}");
    }
    assert_eq!(results["status"], "completed");
    (questions[1].clone(), place)
}

/// What has no answer has no score, and counts as not covered.
#[track_caller]
fn assert_no_score(question: &Value, place: &Place) {
    assert_eq!(question.get("scores"), None, "{question}");
    let summary = &place.results()["models"][0]["summary"];
    assert_eq!(summary["accuracy"]["official"], 1.0, "over the two answers alone");
    let coverage = &summary["coverage"];
    assert_eq!((&coverage["answered"], &coverage["total"]), (&json!(2), &json!(3)));
    assert!(coverage["worst"].as_f64() < coverage["best"].as_f64());
}

#[test]
fn after_a_crash_the_next_question_is_answered() {
    let deaths = [
        ("segv", json!(11), Value::Null),
        ("abort", json!(6), Value::Null),
        ("kill", json!(9), Value::Null),
    ];
    for (crash, signal, code) in deaths.into_iter().chain([("exit255", Value::Null, json!(255))]) {
        let (question, place) = second_of_three(&format!("crash = '{crash}'"), &[], 1);
        assert_eq!(question["outcome"], "crashed");
        assert_eq!((&question["signal"], &question["exit_code"]), (&signal, &code));
        assert_no_score(&question, &place);
        assert_eq!(place.events_named("worker_restarted").len(), 1);
        assert_eq!(place.results()["models"][0]["summary"]["restarts"], 1);
    }
}

#[test]
fn after_a_hang_the_next_question_is_answered() {
    let (question, place) = second_of_three("hang = true", &["--timeout", "1"], 1);
    assert_eq!((&question["outcome"], &question["limit_ms"]), (&"timed_out".into(), &json!(1000)));
    assert_no_score(&question, &place);
}

#[test]
fn a_panic_is_an_error_outcome_in_words() {
    let (question, place) = second_of_three("panic = 'index 7 is out of bounds'", &[], 1);
    assert_eq!(question["outcome"], "error");
    assert_eq!(question["message"], "the model panicked: index 7 is out of bounds");
    assert_no_score(&question, &place);
}

#[test]
fn errors_and_empty_answers_have_no_score_and_keep_the_worker() {
    let faults = [
        ("error = 'singular matrix'", "error"),
        ("image_error = 'a.png is damaged'", "error"),
        ("empty = true", "empty"),
        ("text = ' . '", "empty"),
    ];
    for (fault, outcome) in faults {
        let (question, place) = second_of_three(fault, &[], 1);
        assert_eq!(question["outcome"], outcome, "{fault}");
        assert_no_score(&question, &place);
        assert!(place.events_named("worker_restarted").is_empty());
    }
}

#[test]
fn noise_of_a_model_disturbs_nobody() {
    let noise =
        "noise = \"Fetching: 100%\\n@vlm-test {}\\n{\\\"reply\\\":1}\\nno end\"\ntext = 'yes'";
    let (question, _) = second_of_three(noise, &[], 0);
    assert_eq!((&question["outcome"], &question["raw"]), (&"answered".into(), &"yes".into()));
}

#[test]
fn a_crash_over_the_last_question_restarts_nothing() {
    let place = Place::with_questions(2);
    let model = place.scripted("model", &failing("crash = 'segv'"));
    place.vqa(&[&model], &["-n", "2"]).ended(1);
    assert!(place.events_named("worker_restarted").is_empty());
}

#[test]
fn a_model_that_keeps_dying_is_given_up_and_the_others_run() {
    let place = Place::with_questions(9);
    let dying = place.scripted_weighing("dying", 9, "[[answer]]\ncrash = 'segv'");
    let well = place.scripted_weighing("well", 1, "default = 'yes'");
    let run = place.vqa(&[&dying, &well], &["-n", "9"]).ended(3);
    run.assert_no_panic();
    let results = place.results();
    assert_eq!(each(&results["models"], "status"), ["quarantined", "completed"]);
    let dead = &results["models"][0];
    let reason = dead["reason"].as_str().unwrap();
    let expected = "its worker died 3 times within 5 minutes: segmentation fault";
    assert!(reason.starts_with(expected) && reason.contains("(signal 11, SIGSEGV"), "{reason}");
    let outcomes = each(&dead["questions"], "outcome");
    assert_eq!(outcomes, [["crashed"; 3].as_slice(), &["skipped"; 6]].concat());
    assert_eq!(dead["questions"][8]["reason"], reason);
    assert_eq!(dead["summary"]["outcomes"]["skipped"], 6);
    assert!(dead["summary"]["accuracy"].is_null());
    assert!(run.stderr.contains(&format!("warning: dying given up: {reason}")), "{run:#?}");
    assert!(run.stdout.contains("dying quarantined"), "{run:#?}");
    assert!(each(&results["models"][1]["questions"], "outcome").iter().all(|it| *it == "answered"));
}

#[test]
fn a_model_that_dies_now_and_then_gets_all_its_questions() {
    let place = Place::with_questions(5);
    let model = place.scripted("model", "default = 'yes'\n[[answer]]\nat = 2\ncrash = 'abort'");
    place.vqa(&[&model], &["-n", "5"]).ended(1);
    let counts = &place.results()["models"][0]["summary"]["outcomes"];
    assert_eq!((&counts["answered"], &counts["crashed"]), (&json!(3), &json!(2)));
}

#[test]
fn a_model_that_cannot_be_loaded_is_skipped_in_words_and_the_others_run() {
    let faults = [
        ("load_error = 'tensor lm_head is missing'", "tensor lm_head is missing"),
        (
            "load_crash = 'segv'",
            "segmentation fault while loading the model (signal 11, SIGSEGV); 3 attempts",
        ),
    ];
    for (fault, reason) in faults {
        let place = Place::with_questions(2);
        let broken = place.scripted_weighing("broken", 9, fault);
        let well = place.scripted("well", "default = 'yes'");
        let run = place.vqa(&[&broken, &well], &["-n", "2"]).ended(3);
        run.assert_no_panic();
        assert!(run.stderr.contains(&format!("warning: broken failed: {reason}")), "{run:#?}");
        let models = &place.results()["models"];
        assert_eq!(each(models, "status"), ["failed", "completed"]);
        assert_eq!((&models[0]["reason"], &models[1]["reason"]), (&reason.into(), &Value::Null));
        assert_eq!(each(&models[0]["questions"], "outcome"), ["skipped", "skipped"]);
    }
}

#[test]
fn a_model_that_is_not_here_is_skipped_and_the_others_run() {
    let place = Place::with_questions(1);
    let well = place.scripted("well", "default = 'yes'");
    place.vqa(&["smolvlm_2b", &well], &["-n", "1"]).ended(3);
    let models = &place.results()["models"];
    let skipped = models.as_array().unwrap().iter().find(|it| it["name"] == "smolvlm_2b").unwrap();
    assert_eq!(skipped["status"], "skipped");
    assert!(skipped["reason"].as_str().unwrap().contains("without --offline"), "{skipped}");
    let answered = models.as_array().unwrap().iter().find(|it| it["name"] == "well").unwrap();
    assert_eq!(answered["status"], "completed");
}
