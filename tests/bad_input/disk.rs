//! A disk that takes no more in the middle of a run. Stood for by the limit on a file's
//! size, which any user may set: writing fails in the same way, at the same places.

use std::process::Command;

use crate::support::{Place, Run};

#[test]
fn a_full_disk_ends_the_run_in_words_and_what_was_recorded_stays() {
    let place = Place::with_questions(30);
    let model = place.scripted("model", "default = 'yes'");
    let run = place.command(&[
        "vqa",
        "--dataset",
        "small",
        "-n",
        "30",
        "--output",
        "out",
        "--models",
        &model,
    ]);
    // 24 blocks of 512 bytes; the limit is told by a signal unless that is ignored.
    let script = "trap '' XFSZ; ulimit -f 24; exec \"$0\" \"$@\"";
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", script]).arg(run.get_program()).args(run.get_args());
    limited.current_dir(run.get_current_dir().unwrap()).env_clear();
    let run = Run::of(&mut limited).ended(3);
    let error = run.error();
    assert!(error.starts_with("cannot write out/events.jsonl: "), "{error}");
    assert!(error.ends_with("what was recorded before stays valid"), "{error}");
    let finished = place.events_named("question_finished").len();
    assert!((1..30).contains(&finished), "{finished}");
    let all = place.events();
    assert_ne!(all.last().unwrap()["event"], "run_finished");
}
