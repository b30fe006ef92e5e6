//! What is asked.
pub mod synthetic;
