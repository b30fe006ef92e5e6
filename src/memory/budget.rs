//! How much memory the allocator may keep for reuse.

const MIB: u64 = 1 << 20;

/// The cache limit in bytes for a model of `weight_bytes` on a machine of
/// `physical_bytes`: a quarter of what the weights leave, between 256 MiB and 2 GiB.
///
/// MLX's own default on Metal is 1.5 times the GPU's working set, and it reuses a buffer
/// only for requests of nearly its size, so images of varying sizes would let the cache
/// grow to all memory (ml-explore/mlx#3350, ml-explore/mlx#3129).
///
/// ```
/// use vlm_test::memory::cache_limit;
/// let gib = 1 << 30;
/// assert_eq!(cache_limit(16 * gib, 9 * gib), 7 * gib / 4);
/// assert_eq!(cache_limit(64 * gib, gib), 2 * gib);
/// assert_eq!(cache_limit(8 * gib, 9 * gib), gib / 4);
/// ```
pub fn cache_limit(physical_bytes: u64, weight_bytes: u64) -> u64 {
    (physical_bytes.saturating_sub(weight_bytes) / 4).clamp(256 * MIB, 2048 * MIB)
}
