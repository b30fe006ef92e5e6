//! What an error of MLX means. MLX gives a text and nothing else, so its texts are read here,
//! and nowhere else.

/// What an error of MLX means for the model that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There was no memory for an array or for the work of the GPU.
    OutOfMemory,
    /// One array would have been larger than the device allows.
    BufferTooLarge,
    /// More arrays were alive than Metal allows.
    TooManyBuffers,
    /// The GPU takes nothing from this process any more.
    SubmissionsIgnored,
    /// The GPU was busy for too long in one piece.
    GpuTimeLimit,
    /// Anything else.
    Other,
}

/// Parts of MLX's messages (0.32.2: `metal/allocator.cpp`, `metal/device.cpp`) and of Metal's
/// command-buffer errors in them.
const MEANINGS: [(&str, Failure); 9] = [
    ("SubmissionsIgnored", Failure::SubmissionsIgnored),
    ("Insufficient Memory", Failure::OutOfMemory),
    ("ErrorOutOfMemory", Failure::OutOfMemory),
    ("maximum allowed buffer size", Failure::BufferTooLarge),
    ("Resource limit", Failure::TooManyBuffers),
    ("Unable to allocate", Failure::OutOfMemory),
    ("out of memory", Failure::OutOfMemory),
    ("ErrorTimeout", Failure::GpuTimeLimit),
    ("ErrorImpactingInteractivity", Failure::GpuTimeLimit),
];

impl Failure {
    /// What MLX's `message` means.
    pub fn of(message: &str) -> Self {
        let known = MEANINGS.iter().find(|(part, _)| message.contains(part));
        known.map_or(Self::Other, |(_, failure)| *failure)
    }

    /// Whether less memory would have helped.
    pub fn is_memory(self) -> bool {
        matches!(self, Self::OutOfMemory | Self::BufferTooLarge | Self::TooManyBuffers)
    }

    /// Whether the process is of no use afterwards. A single array that is too large, and an
    /// ordinary error, are refused before anything is computed.
    pub fn ends_process(self) -> bool {
        !matches!(self, Self::BufferTooLarge | Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_of_mlx_and_metal_are_understood() {
        for (message, failure) in [
            (
                "[METAL] Command buffer execution failed: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory).",
                Failure::OutOfMemory,
            ),
            (
                "[METAL] Command buffer execution failed: Ignored (for causing prior/excessive GPU errors) (00000004:kIOGPUCommandBufferCallbackErrorSubmissionsIgnored)",
                Failure::SubmissionsIgnored,
            ),
            (
                "[metal::malloc] Attempting to allocate 134 bytes which is greater than the maximum allowed buffer size of 86 bytes.",
                Failure::BufferTooLarge,
            ),
            ("[metal::malloc] Resource limit (499000) exceeded.", Failure::TooManyBuffers),
            ("[malloc] Unable to allocate 12 bytes.", Failure::OutOfMemory),
            (
                "(0000000e:kIOGPUCommandBufferCallbackErrorImpactingInteractivity)",
                Failure::GpuTimeLimit,
            ),
            ("[broadcast_shapes] Shapes (2) and (3) cannot be broadcast.", Failure::Other),
        ] {
            assert_eq!(Failure::of(message), failure, "{message}");
        }
        assert!(Failure::OutOfMemory.is_memory() && Failure::OutOfMemory.ends_process());
        assert!(Failure::BufferTooLarge.is_memory() && !Failure::BufferTooLarge.ends_process());
        assert!(!Failure::SubmissionsIgnored.is_memory());
        assert!(Failure::SubmissionsIgnored.ends_process() && !Failure::Other.ends_process());
    }
}
