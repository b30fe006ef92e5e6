//! `vlm-test describe` through the real binary: what is asked, checked, kept and shown.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checks;
mod choice;
mod console;
mod memory;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
