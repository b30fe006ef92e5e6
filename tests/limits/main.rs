//! Deaths by real limits: a control group that kills, an address space that refuses.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "what is skipped is said")]

mod address_space;
#[path = "../../examples/random_checkpoint/checkpoint/mod.rs"]
mod checkpoint;
mod control_group;
mod governor;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
