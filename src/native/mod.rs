//! Native MLX inference of a checkpoint in Hugging Face layout.

pub mod chat_template;
pub mod checkpoint;
pub mod generate;
pub mod image_processor;
mod load_error;
mod model;
pub mod models;
pub mod nn;
pub mod safetensors_header;
pub mod sampler;
pub mod tokenizer;
pub mod weights;

pub use self::{load_error::LoadError, model::NativeModel};
