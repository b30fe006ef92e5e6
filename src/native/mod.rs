//! Native MLX inference of a checkpoint in Hugging Face layout.

pub mod answer;
mod answer_opening;
pub mod candidates;
pub mod chat_images;
pub mod chat_template;
pub mod checkpoint;
pub mod content_hash;
pub mod generate;
pub mod generate_error;
pub mod image_processor;
mod load_error;
mod model;
pub mod models;
pub mod need;
pub mod nn;
pub mod plan;
pub mod prefill;
pub mod prefix_cache;
pub mod safetensors_header;
pub mod sampler;
pub mod segments;
pub mod tokenizer;
pub mod vision_cache;
pub mod weights;

pub use self::{load_error::LoadError, model::NativeModel};
