//! `vlm-test vqa` through the real binary: what a run does, keeps, shows and survives.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod choice;
mod console;
mod faults;
mod interrupt;
mod memory;
mod record;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
