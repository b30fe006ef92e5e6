//! What MLX says when it cannot allocate, and when a GPU failed.

/// Why an allocation or a limit was refused, in MLX's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "[metal::malloc] Attempting to allocate {bytes} bytes which is greater than the maximum \
         allowed buffer size of {largest_bytes} bytes."
    )]
    TooLarge { bytes: u64, largest_bytes: u64 },
    #[error("[metal::malloc] Resource limit ({buffers}) exceeded.")]
    TooMany { buffers: u64 },
    #[error("[malloc] Unable to allocate {bytes} bytes.")]
    Exhausted { bytes: u64 },
    #[error(
        "[metal::set_wired_limit] Setting a wired limit larger than the maximum working set size \
         is not allowed."
    )]
    TooMuchWired,
}

/// How work fails on a GPU, in the words of Metal. It is found out when the work is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The work did not get the memory it needs.
    #[error(
        "[METAL] Command buffer execution failed: Insufficient Memory \
         (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)."
    )]
    OutOfMemory,
    /// It took longer than the system allows.
    #[error(
        "[METAL] Command buffer execution failed: Caused GPU Timeout Error \
         (00000002:kIOGPUCommandBufferCallbackErrorTimeout)."
    )]
    Timeout,
    /// The process failed too often: nothing it submits is run any more until it ends.
    #[error(
        "[METAL] Command buffer execution failed: Ignored (for causing prior/excessive GPU \
         errors) (00000004:kIOGPUCommandBufferCallbackErrorSubmissionsIgnored)."
    )]
    SubmissionsIgnored,
}
