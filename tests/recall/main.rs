//! `vlm-test context --dataset recall` through the real binary: which photos, what is asked, what
//! is found in the replies and how it is shown.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod choice;
mod console;
mod replies;
mod shipped;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
