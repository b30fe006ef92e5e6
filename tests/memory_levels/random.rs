//! Whatever the machine says and when: a run ends, every question has an outcome, and levels do not
//! flutter.

use std::fmt::Write as _;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::{asked, support::Place};

const QUESTIONS: u64 = 6;

/// Up to five moments at which the machine says something else, none of them calm for sure.
fn script(seed: u64) -> String {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut throw = |sides: u64| dice.next_u64() % sides;
    let mut script =
        "default = 'yes'\n[memory]\nquestion_bytes = 9000\nheld_bytes = 50\n".to_owned();
    let mut from = 0;
    for _ in 0..=throw(4) {
        from += 1 + throw(3);
        let said = match throw(5) {
            0 => "pressure = 'critical'".to_owned(),
            1 => "pressure = 'warning'".to_owned(),
            2 => format!("stall_some = {}.0\nstall_full = {}.0", throw(40), throw(20)),
            _ => format!("footprint_bytes = {}", 600_000_000 + throw(400_000_000)),
        };
        writeln!(script, "[[pressure]]\nfrom_question = {from}\n{said}").unwrap();
    }
    script
}

/// Changes of level while one worker lived, but those into critical: such a life is shorter than
/// the half minute that lies between two.
fn changes_of_level(place: &Place) -> Vec<usize> {
    let (mut lives, mut last) = (Vec::new(), None);
    for event in place.events() {
        if event["event"] == "model_loaded" {
            lives.push(0);
            last = None;
        } else if event["event"] == "memory_sampled" {
            let level = event["sample"]["level"].as_str().unwrap().to_owned();
            let changed = last.as_ref().is_some_and(|last| *last != level);
            if let Some(changes) = lives.last_mut() {
                *changes += usize::from(changed && level != "critical");
            }
            last = Some(level);
        }
    }
    lives
}

#[test]
fn every_run_under_random_pressure_ends_with_an_outcome_for_every_question() {
    for seed in 0..24 {
        let script = script(seed);
        let (run, place) = asked(QUESTIONS, &script, &["--memory-budget", "1GB"]);
        let what = format!("seed {seed}: {script}\n{run:#?}");
        assert!(matches!(run.status, Some(0 | 1 | 3)), "{what}");
        let results = place.results();
        let questions = results["models"][0]["questions"].as_array().unwrap();
        assert_eq!(questions.len() as u64, QUESTIONS, "{what}");
        assert!(place.events_named("worker_restarted").len() as u64 <= 3 * QUESTIONS, "{what}");
        let changes = changes_of_level(&place);
        assert!(changes.iter().all(|changes| *changes <= 1), "{changes:?}, {what}");
    }
}
