//! Bad input through the real binary: each gets one clear sentence and the right exit
//! status, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disk;
mod images;
mod questions;
mod safetensors;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
mod usage;
mod weights;
