//! A model that leaks is found out, and --max-growth makes that a failure.

use crate::asked;

#[test]
fn a_leak_of_a_megabyte_a_question_is_warned_of_by_question_60_and_fails_the_gate() {
    let script = "default = 'yes'\n[memory]\nquestion_bytes = 500_000\nleak_bytes = 1_000_000\n";
    let (run, place) = asked(70, script, &["--max-growth", "100kB"]);
    let alarms = place.events_named("leak_suspected");
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0]["alarm"]["question"].as_u64().unwrap() <= 60, "{alarms:?}");
    assert!(run.stderr.contains("active memory grows by 1.0 MB a question"), "{run:#?}");
    assert!(run.stdout.contains("--max-growth"), "{run:#?}");
    run.ended(1);
}

#[test]
fn a_model_that_leaks_nothing_passes_the_gate() {
    let script = "default = 'yes'\n[memory]\nquestion_bytes = 500_000\n";
    let (run, place) = asked(70, script, &["--max-growth", "100kB"]);
    assert!(place.events_named("leak_suspected").is_empty());
    run.ended(0);
}
