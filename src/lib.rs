//! `vlm-test` asks vision-language models questions about images and judges the answers.
pub mod dataset;
pub mod native;
pub mod scoring;
pub mod vlm;
