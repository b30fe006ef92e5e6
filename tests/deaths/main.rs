//! Workers that die in every way at every moment, through the real binary: the run goes on, the
//! cause is named, and what can be saved is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod causes;
mod outside;
mod pressure;
mod quarantine;
mod retry;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
mod waiting;
