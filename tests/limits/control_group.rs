//! A run in a memory control group that is too small for one of its questions.

use std::{
    fs, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::support::{Place, Run, each};

const LIMIT: u64 = 200 << 20;

/// A control group below the top of its hierarchy, removed at the end.
pub struct Group(PathBuf);

impl Group {
    /// `None`, with the reason on the terminal, where none may be made.
    pub fn new(name: &str, limit_bytes: u64) -> Option<Self> {
        let made = Self::make(&format!("vlm-test-{name}-{}", std::process::id()), limit_bytes);
        if let Err(error) = &made {
            eprintln!("SKIPPED: no memory control group can be made here: {error}");
        }
        made.ok()
    }

    fn make(name: &str, limit_bytes: u64) -> io::Result<Self> {
        let hierarchies =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        let mut last = io::Error::other("no hierarchy is mounted");
        for (mount, limit) in hierarchies {
            let group = Self(Path::new(mount).join(name));
            let limited = fs::create_dir(&group.0)
                .and_then(|()| fs::write(group.0.join(limit), limit_bytes.to_string()));
            match limited {
                Ok(()) => return Ok(group),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Makes `command` start in the group.
    pub fn hold(&self, command: &mut Command) {
        let members = self.0.join("cgroup.procs");
        // SAFETY: between fork and exec the child opens, writes and closes one file.
        unsafe { command.pre_exec(move || fs::write(&members, "0")) };
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Three questions in the group, over the second of which the worker takes twice its limit.
fn run_in(group: &Group, more: &str) -> (Run, Value, Place) {
    let place = Place::with_questions(3);
    let script = format!(
        "default = 'yes'\n[[answer]]\nquestion = 'question 2?'\ntext = 'yes'\n\
         eats_bytes = {}\n{more}\n",
        2 * LIMIT
    );
    let model = place.scripted("model", &script);
    let arguments = ["vqa", "--dataset", "small", "-n", "3", "--output", "out", "--models", &model];
    let mut command = place.command(&arguments);
    group.hold(&mut command);
    let run = Run::of(&mut command);
    run.assert_no_panic();
    let questions = place.results()["models"][0]["questions"].clone();
    (run, questions, place)
}

#[test]
fn a_worker_that_the_system_kills_for_memory_is_proven_so_and_its_question_asked_once_more() {
    let Some(group) = Group::new("twice", LIMIT) else { return };
    let (run, questions, place) = run_in(&group, "");
    run.ended(1);
    assert_eq!(each(&questions, "outcome"), ["answered", "crashed", "answered"]);
    let crashed = &questions[1];
    let earlier = crashed["earlier"].as_array().unwrap();
    assert_eq!(earlier.len(), 1);
    for attempt in [crashed, &earlier[0]] {
        assert_eq!((&attempt["cause"], &attempt["signal"]), (&json!("out_of_memory"), &json!(9)));
        let evidence = attempt["evidence"].as_str().unwrap();
        assert!(evidence.contains("killed for want of memory rose by 1"), "{evidence}");
    }
    let restarts = place.events_named("worker_restarted");
    assert_eq!(each(&Value::from(restarts), "cause"), ["out_of_memory"; 2]);
}

#[test]
fn a_question_that_fits_the_second_time_is_answered() {
    let Some(group) = Group::new("once", LIMIT) else { return };
    let (run, questions, _place) = run_in(&group, "once = true");
    run.ended(0);
    assert_eq!(questions[1]["earlier"][0]["cause"], "out_of_memory");
}
