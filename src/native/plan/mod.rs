//! What a checkpoint will need of memory, worked out from its files before anything is loaded.

mod activations;
mod numerics;
mod planned;
mod weights;

pub use self::{
    activations::{Activations, Work},
    numerics::Numerics,
    planned::{PlannedBytes, PlannedModel, PlannedPrompt, PlannedQuestion},
    weights::{Form, WeightPlan},
};
