//! `vlm-test` asks vision-language models questions about images and judges the answers.
pub mod backend;
pub mod cli;
pub mod commands;
pub mod dataset;
pub mod embedded;
pub mod error;
pub mod memory;
pub mod native;
pub mod report;
pub mod results;
pub mod runner;
pub mod scoring;
pub mod suites;
pub mod vlm;
pub mod worker;
