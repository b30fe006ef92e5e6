//! Judging an answer: pure functions from text and human answers to numbers.
//! An answer passes *raw → extracted → normalised → score*, and every stage is
//! kept. Source of the rules: `vqaEval.py` of VQA v2 (GT-Vision-Lab/VQA).

pub mod context;
mod contractions;
pub mod description;
mod extract;
mod normalize;
mod resampling;
mod statistics;
mod vqa_accuracy;

pub use extract::extract_short_answer;
pub use normalize::{normalize, process_digit_article, process_punctuation, strip};
pub use resampling::{bootstrap, paired_permutation};
pub use statistics::{Coverage, Interval, mean, wilson};
pub use vqa_accuracy::{
    Scored, VqaScores, exact_match, score, vqa_normalised, vqa_official, vqa_soft3,
};
