//! Model families: their configuration, prompts and networks.
pub mod config_fields;
pub mod smolvlm;
pub mod text_config;
pub mod vision_config;
