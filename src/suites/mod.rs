//! How a dataset is asked and how its answers are judged.

pub mod vqa;
