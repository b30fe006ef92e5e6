//! Ctrl-C and worse in the middle of a run: what was recorded stays, no worker stays.

use std::{
    fs,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::support::Place;

/// Far longer than anything here takes; a test that waits it out fails.
const AMPLE: Duration = Duration::from_mins(1);

const HANGING: &str = "default = 'yes'\n[[answer]]\nquestion = 'question 3?'\nhang = true";

#[track_caller]
pub fn wait_for(mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + AMPLE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A run that hangs over its third question, and its worker.
fn hanging(place: &Place, script: &str) -> (Child, u32) {
    let model = place.scripted("model", script);
    let arguments = ["vqa", "--dataset", "small", "-n", "5", "--output", "out", "--models", &model];
    let run = place.command(&arguments).spawn().unwrap();
    wait_for(|| {
        let events = fs::read_to_string(place.path("out/events.jsonl")).unwrap_or_default();
        events.matches("question_started").count() == 3
    });
    let children = children_of(run.id());
    assert_eq!(children.len(), 1, "one worker");
    (run, children[0])
}

fn children_of(parent: u32) -> Vec<u32> {
    let listed = Command::new("ps").args(["-axo", "pid=,ppid="]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let pairs = listed.lines().filter_map(|line| line.trim().split_once(' '));
    let children = pairs.filter(|(_, ppid)| ppid.trim() == parent.to_string());
    children.map(|(pid, _)| pid.parse().unwrap()).collect()
}

/// Whether a process runs under `pid`; one that has ended but was not reaped does not.
fn runs(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8(state.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

pub fn signal(process: &Child, signal: libc::c_int) {
    // SAFETY: takes two integers; the child is ours and was not reaped.
    assert_eq!(unsafe { libc::kill(process.id() as libc::pid_t, signal) }, 0);
}

#[test]
fn ctrl_c_finishes_the_record_and_leaves_no_worker() {
    for stop in [libc::SIGINT, libc::SIGTERM] {
        let place = Place::with_questions(5);
        let (run, worker) = hanging(&place, HANGING);
        signal(&run, stop);
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert!(!runs(worker));
        let events = place.events();
        let last = events.last().unwrap();
        assert_eq!(
            (&last["event"], &last["status"]),
            (&"run_finished".into(), &"interrupted".into())
        );
        let results = place.results();
        assert_eq!(results["status"], "interrupted");
        let model = &results["models"][0];
        assert_eq!(
            (&model["status"], &model["unfinished_question"]),
            (&"interrupted".into(), &3.into())
        );
        assert_eq!(model["questions"].as_array().unwrap().len(), 2);
        assert_eq!(model["summary"]["outcomes"]["not_asked"], 3);
        let table = String::from_utf8(output.stdout).unwrap();
        assert!(table.contains("model interrupted") && table.contains("3 not asked"), "{table}");
    }
}

#[test]
fn ctrl_c_while_a_model_is_loaded_ends_the_run_as_well() {
    let place = Place::with_questions(5);
    let model = place.scripted("model", "load_hang = true");
    let arguments = ["vqa", "--dataset", "small", "-n", "5", "--output", "out", "--models", &model];
    let run = place.command(&arguments).spawn().unwrap();
    wait_for(|| !children_of(run.id()).is_empty());
    let worker = children_of(run.id())[0];
    signal(&run, libc::SIGINT);
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(130));
    assert!(!runs(worker));
    assert_eq!(place.results()["status"], "interrupted");
}

#[test]
fn a_second_ctrl_c_does_not_wait_and_leaves_no_worker_either() {
    let place = Place::with_questions(5);
    let (run, worker) = hanging(&place, HANGING);
    signal(&run, libc::SIGINT);
    signal(&run, libc::SIGINT);
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(130));
    wait_for(|| !runs(worker));
    assert!(place.events().len() > 5);
}

#[test]
fn a_run_that_is_killed_leaves_a_readable_journal_and_no_worker() {
    let place = Place::with_questions(5);
    let (run, worker) = hanging(&place, HANGING);
    signal(&run, libc::SIGKILL);
    assert_eq!(run.wait_with_output().unwrap().status.code(), None);
    wait_for(|| !runs(worker));
    let events = place.course();
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["question_id"]), (&"question_started".into(), &3.into()));
    assert_eq!(place.events_named("question_finished").len(), 2);
    assert!(!place.path("out/results.json").exists());
}
