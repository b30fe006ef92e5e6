//! Who answers: opens the model that a manifest describes.

pub mod manifest;
