//! What a model keeps from one question to the next changes no bit of an answer, only what it
//! costs; and what is asked beside an answer does not change it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod candidates;
mod cost;
mod exactness;
mod pair;
mod random_chats;
#[path = "../support_native/mod.rs"]
mod support_native;
