//! Seeded synthetic scenes: plain shapes on a plain background, drawn to an image, with a fact table and questions.
//!
//! A scene is a pure function of `(seed, index)`. Drawing and answering use integers only, so every platform
//! makes the same pixels and the same questions.
mod describe;
mod dice;
mod draw;
mod glyphs;
mod question;
mod scene;
mod vqa_files;
pub(super) mod wording;

pub use describe::describe;
pub use dice::Dice;
pub use draw::draw;
pub use question::{Question, QuestionType, ask, sample_questions};
pub use scene::{Background, Cell, Colour, Digit, Kind, Object, Scene};
pub(super) use vqa_files::save;
pub use vqa_files::{
    DatasetOptions, DatasetSummary, SyntheticError, scene_with_questions, write_dataset,
};
