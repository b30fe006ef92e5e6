//! `vlm-test context` through the real binary, with models whose memory is known.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cleanups;
mod console;
mod faults;
mod photos;
mod script;
mod shipped;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
mod usage;
mod verdicts;
