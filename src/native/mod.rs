//! Native MLX inference.
pub mod chat_template;
pub mod checkpoint;
pub mod image_processor;
pub mod models;
pub mod safetensors_header;
pub mod tokenizer;
