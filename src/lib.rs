//! `vlm-test` asks vision-language models questions about images and judges the answers.
pub mod backend;
pub mod cli;
pub mod dataset;
pub mod embedded;
pub mod memory;
pub mod native;
pub mod report;
pub mod results;
pub mod scoring;
pub mod vlm;
pub mod worker;
