//! What a checkpoint will need of memory, worked out from its files before anything is loaded.

mod activations;
mod numerics;

pub use self::{
    activations::{Activations, Work},
    numerics::Numerics,
};
