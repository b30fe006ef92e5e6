//! Layers. Each is built from a weight scope and computes with `forward(&self)`;
//! whether it is quantised is decided by the checkpoint, module by module.

pub mod activation;
pub mod attention;
pub mod embedding;
pub mod kv_cache;
pub mod linear;
pub mod norm;
pub mod product;
pub mod rope;
pub mod vit;
