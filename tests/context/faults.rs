//! Steps that fail, and runs that are stopped: what is left is on record and is not called a result.

use std::{fs, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    script::{SMALL, Script, failed_checks, figures, image},
    support::Place,
};

/// Steps of the only model with this outcome.
fn ended(place: &Place, outcome: &str) -> Vec<Value> {
    let results = place.results();
    let steps = results["models"][0]["questions"].as_array().unwrap();
    steps.iter().filter(|step| step["outcome"] == outcome).cloned().collect()
}

#[test]
fn a_probe_over_which_the_model_dies_takes_no_other_step_along() {
    let script = |scenes: &[_]| {
        let (image, fact) = (image(&scenes[1]), &scenes[1].facts[0]);
        let dies = Script::new("Of course.")
            .with(&[("shown", &image), ("question", &fact.question)], "crash = 'kill'");
        dies.describing(scenes).knowing("image", scenes).reading(scenes)
    };
    let (run, place) = SMALL.run(script, &["--conditions", "S,A,N"]);
    let run = run.ended(1);
    let steps = ended(&place, "crashed");
    assert_eq!((steps.len(), ended(&place, "skipped").len()), (1, 0));
    assert_eq!((&steps[0]["condition"], &steps[0]["scenario"]), (&json!("S"), &json!(2)));
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), ["calls"]);
    assert!(figures["strict"]["retention"]["value"].is_null());
    // The fact has no reply under S, so nothing can be said of whether it was retained.
    assert_eq!(figures["strict"]["retention"]["correct_in_s"], 11);
    assert_eq!(figures["outcomes_by_condition"]["S"]["no_reply"], 1);
    assert!(run.stdout.contains("calls: 59 of 60 model calls gave a reply"), "{run:#?}");
}

#[test]
fn a_turn_over_which_the_model_dies_takes_along_what_builds_on_it_and_nothing_else() {
    let script = |scenes: &[_]| {
        let (image, turn) = (image(&scenes[1]), &scenes[1].distractors[0]);
        let dies = Script::new("Of course.")
            .with(&[("image", &image), ("question", turn)], "crash = 'kill'");
        dies.describing(scenes).knowing("image", scenes).reading(scenes)
    };
    let (run, place) = SMALL.run(script, &[]);
    run.ended(1);
    assert_eq!(ended(&place, "crashed").len(), 1);
    let skipped = ended(&place, "skipped");
    // The second turn; four facts under A after it and one again; four under B and E.
    assert_eq!(skipped.len(), 1 + 5 + 4 + 4);
    for step in &skipped {
        assert_eq!(step["scenario"], 2, "{step}");
        let reason = step["reason"].as_str().unwrap();
        assert!(reason.ends_with("incomplete: turn 1 has no reply"), "{reason}");
    }
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), ["calls"]);
    assert_eq!(figures["evidence"]["expected_calls"], 3 * (4 * 7 + 1 + 2 + 1));
    assert_eq!(figures["evidence"]["made_calls"], 3 * 32 - 15);
    let kept = &figures["strict"]["decay"];
    let counts = |point: &Value| point["retention"]["correct_in_s"].clone();
    assert_eq!([counts(&kept[0]), counts(&kept[1])], [12, 8], "{kept}");
    assert_eq!(place.results()["models"][0]["summary"]["restarts"], 1);
}

#[test]
fn a_model_that_cannot_read_an_image_has_no_result() {
    let script = |scenes: &[_]| {
        let unreadable = Script::new("Of course.")
            .with(&[("image", &image(&scenes[0]))], "image_error = 'no such colour space'");
        unreadable.describing(scenes).knowing("image", scenes).reading(scenes)
    };
    let (run, place) = SMALL.run(script, &[]);
    assert!(run.ended(1).stdout.contains("no such colour space"));
    assert_eq!(failed_checks(&figures(&place)), ["calls"]);
    // Under S, as another scene's image under X, and the description.
    assert_eq!(ended(&place, "error").len(), 4 + 4 + 1);
}

#[test]
fn a_backend_that_gives_the_model_less_than_it_was_sent_is_found_out() {
    for (lost, checks) in [
        ("history", &["history", "image_count"][..]),
        ("ends", &["history"]),
        ("pixels", &["substitute_image"]),
        ("images", &["image_count", "identical_description", "unreadable"]),
    ] {
        let script = |scenes: &[_]| Script::of_perfect_memory(scenes).losing(lost);
        let (run, place) = SMALL.run(script, &[]);
        assert!(run.ended(1).stdout.contains("INVALID"), "{lost}");
        let figures = figures(&place);
        assert_eq!(failed_checks(&figures), checks, "{lost}");
        assert!(figures["strict"]["retention"]["value"].is_null(), "{lost}");
    }
}

#[test]
fn a_run_that_is_interrupted_is_on_record_and_is_no_result() {
    let place = Place::new();
    let scenes = SMALL.scenes();
    let hangs = Script::new("Of course.").with(
        &[("image", &image(&scenes[1])), ("question", &scenes[1].distractors[1])],
        "hang = true",
    );
    let script = hangs.describing(&scenes).knowing("image", &scenes).reading(&scenes);
    let model = place.scripted("model", script.text());
    let arguments = SMALL.arguments(&model);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let run = place.command(&arguments).spawn().unwrap();
    // All about the first image; of the second four under X, four under S, its description, four
    // under A and a turn.
    let asked = 32 + 4 + 4 + 1 + 4 + 1;
    for waited in 0.. {
        let events = fs::read_to_string(place.path("out/events.jsonl")).unwrap_or_default();
        if events.matches("question_started").count() == asked + 1 {
            break;
        }
        assert!(waited < 3000, "waited in vain: {events}");
        thread::sleep(Duration::from_millis(20));
    }
    // SAFETY: takes two integers; the child is ours and was not reaped.
    assert_eq!(unsafe { libc::kill(run.id() as libc::pid_t, libc::SIGINT) }, 0);
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let results = place.results();
    assert_eq!(
        (&results["status"], results["models"][0]["questions"].as_array().unwrap().len()),
        (&json!("interrupted"), asked)
    );
    let figures = figures(&place);
    assert_eq!(failed_checks(&figures), ["calls"]);
    assert_eq!(
        (&figures["evidence"]["expected_calls"], &figures["evidence"]["made_calls"]),
        (&json!(96), &json!(asked))
    );
    assert_eq!(place.events().last().unwrap()["event"], "run_finished");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("INVALID") && table.contains("model interrupted"), "{table}");
}
