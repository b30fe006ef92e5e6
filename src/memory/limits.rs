//! What a user lets the run have.

use serde::{Deserialize, Serialize};

use super::MemoryBudget;

/// What a user lets the run have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MemoryLimits {
    /// What may be used in all; by default what the device and the machine recommend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<MemoryBudget>,
    /// Keep up to so many bytes resident on the GPU; by default nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wired_bytes: Option<u64>,
}
