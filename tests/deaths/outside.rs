//! A worker that somebody else kills.

use std::{
    fs,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::support::{Place, each};

/// Far longer than anything here takes; a test that waits it out fails.
const AMPLE: Duration = Duration::from_mins(1);

#[track_caller]
fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + AMPLE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A run of three questions whose `question_started` was written `begun` times.
fn running(place: &Place, script: &str, begun: usize) -> Child {
    let model = place.scripted("model", script);
    let arguments = ["vqa", "--dataset", "small", "-n", "3", "--output", "out", "--models", &model];
    let run = place.command(&arguments).spawn().unwrap();
    wait_for(|| {
        let events = fs::read_to_string(place.path("out/events.jsonl")).ok()?;
        (events.matches("question_started").count() == begun).then_some(())
    });
    run
}

fn kill_worker_of(run: &Child, signal: libc::c_int) {
    let listed = Command::new("ps").args(["-axo", "pid=,ppid="]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let pairs = listed.lines().filter_map(|line| line.trim().split_once(' '));
    let mut children = pairs.filter(|(_, parent)| parent.trim() == run.id().to_string());
    let worker: libc::pid_t = children.next().unwrap().0.parse().unwrap();
    // SAFETY: takes two integers; the process is a child of a child of this one that runs.
    assert_eq!(unsafe { libc::kill(worker, signal) }, 0);
}

#[test]
fn costs_the_question_it_was_at_and_is_called_by_its_name() {
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        let place = Place::with_questions(3);
        let hangs = "default = 'yes'\n[[answer]]\nquestion = 'question 2?'\nhang = true";
        let run = running(&place, hangs, 2);
        kill_worker_of(&run, signal);
        assert_eq!(run.wait_with_output().unwrap().status.code(), Some(1));
        let questions = &place.results()["models"][0]["questions"];
        assert_eq!(each(questions, "outcome"), ["answered", "crashed", "answered"]);
        assert_eq!(
            (&questions[1]["cause"], &questions[1]["signal"]),
            (&"killed".into(), &signal.into())
        );
    }
}
