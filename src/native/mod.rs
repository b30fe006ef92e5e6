//! Native MLX inference.
pub mod image_processor;
