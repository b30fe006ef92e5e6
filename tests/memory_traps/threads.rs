//! Every stream that is made keeps a thread: one is made for all questions.
#![cfg(target_os = "linux")]

use std::fs;

use super::{support_native, turn};

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn two_hundred_questions_start_no_thread() {
    let (_turn, _allocator) = turn();
    let mut model = support_native::load("smolvlm_float32");
    let options = support_native::options(3);
    let mut ask = |number: usize| {
        let question = format!("Question {number}: how many?");
        support_native::ask(&mut model, &support_native::chat(&[number % 3], &question), &options);
    };
    (0..3).for_each(&mut ask);
    let before = threads();
    (3..203).for_each(&mut ask);
    // Where all tests share a process, one of them may begin meanwhile on a thread of its own.
    assert!(threads() <= before + 2, "{before} → {}", threads());
}
