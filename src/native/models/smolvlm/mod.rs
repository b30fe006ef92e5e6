//! `SmolVLM` and Idefics3.
pub mod config;
pub mod prompt;
