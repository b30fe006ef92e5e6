//! What a run may use of the memory, and how much of that the allocator may keep for reuse.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{DeviceMemory, SizeError, SystemMemory, parse_size, size::print_size};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A budget up to this is that of a machine with 16 GB, whose cache is kept small.
const SMALL_BUDGET_BYTES: u64 = 12 * GIB;

/// What a user allows: `8GB`, `7.5GiB` or `75%` of the machine's memory.
///
/// ```
/// use vlm_test::memory::MemoryBudget;
/// assert_eq!("8GB".parse(), Ok(MemoryBudget::Bytes(8_000_000_000)));
/// assert_eq!("7.5 gib".parse(), Ok(MemoryBudget::Bytes(15 << 29)));
/// assert_eq!("75%".parse(), Ok(MemoryBudget::Share(75)));
/// assert_eq!(MemoryBudget::Bytes(15 << 29).to_string(), "7680MiB");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum MemoryBudget {
    /// So many bytes.
    Bytes(u64),
    /// So many percent, 1 to 100, of the physical memory or of the control group's limit.
    Share(u8),
}

impl FromStr for MemoryBudget {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let Some(share) = text.trim().strip_suffix('%') else {
            return parse_size(text).map(Self::Bytes);
        };
        let share = share.trim_end().parse().ok().filter(|share| (1..=100).contains(share));
        share.map(Self::Share).ok_or_else(|| SizeError::Share(text.trim().to_owned()))
    }
}

impl TryFrom<String> for MemoryBudget {
    type Error = SizeError;

    fn try_from(text: String) -> Result<Self, SizeError> {
        text.parse()
    }
}

impl From<MemoryBudget> for String {
    fn from(budget: MemoryBudget) -> Self {
        budget.to_string()
    }
}

/// As it can be read back, exactly.
impl fmt::Display for MemoryBudget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Share(percent) => write!(formatter, "{percent}%"),
            Self::Bytes(bytes) => formatter.write_str(&print_size(bytes)),
        }
    }
}

/// What a run may use, in bytes: what was `asked` for, else what leaves room for everything
/// else on the machine.
///
/// Where the `device` knows its working set (Metal): nine tenths of it, and at most the memory
/// less 4 GiB or 15 %, whichever is more (but never more than half of it, for small machines).
/// Elsewhere: four fifths of what is available to the process, whose own `footprint_bytes` count
/// as available. `u64::MAX` where nothing is known.
///
/// ```
/// use vlm_test::memory::{DeviceMemory, MemoryBudget, SystemMemory, budget_bytes};
/// let gib = 1 << 30;
/// let system = |total_bytes, available_bytes| {
///     Some(SystemMemory { total_bytes, available_bytes, ..SystemMemory::default() })
/// };
/// let mac = |gib: u64| DeviceMemory { working_set_bytes: Some(gib << 30), ..DeviceMemory::default() };
/// assert_eq!(budget_bytes(None, mac(20), system(24 * gib, gib), 0), 18 * gib);
/// assert_eq!(budget_bytes(None, mac(30), system(24 * gib, gib), 0), 20 * gib);
/// let cpu = DeviceMemory::default();
/// assert_eq!(budget_bytes(None, cpu, system(32 * gib, 9 * gib), gib), 8 * gib);
/// let share = Some(MemoryBudget::Share(25));
/// assert_eq!(budget_bytes(share, cpu, system(32 * gib, gib), 0), 8 * gib);
/// ```
pub fn budget_bytes(
    asked: Option<MemoryBudget>,
    device: DeviceMemory,
    system: Option<SystemMemory>,
    footprint_bytes: u64,
) -> u64 {
    let total = system.map(|it| it.total_bytes);
    match (asked, device.working_set_bytes) {
        (Some(MemoryBudget::Bytes(bytes)), _) => bytes,
        (Some(MemoryBudget::Share(share)), working_set) => {
            total.or(working_set).map_or(u64::MAX, |all| percent(all, share))
        }
        (None, Some(working_set)) => {
            percent(working_set, 90).min(total.map_or(u64::MAX, |total| total - reserve(total)))
        }
        (None, None) => system.map_or(u64::MAX, |system| {
            let available = system.available_bytes.saturating_add(footprint_bytes);
            percent(system.total_bytes.min(available), 80)
        }),
    }
}

/// What is left to everything else on a machine with `total` bytes.
fn reserve(total: u64) -> u64 {
    (4 * GIB).max(percent(total, 15)).min(total / 2)
}

/// `share` percent of `bytes`, at most 100, rounded down.
fn percent(bytes: u64, share: u8) -> u64 {
    (u128::from(bytes) * u128::from(share) / 100) as u64
}

/// How much the allocator may keep for reuse, in bytes: a quarter of what the weights and the
/// keys and values leave of the budget, between 256 MiB and 2 GiB; at most 512 MiB on machines
/// with 16 GB, and never more than a quarter of the budget.
///
/// MLX's own default on Metal is 1.5 times the GPU's working set, and it reuses a buffer
/// only for requests of nearly its size, so images of varying sizes would let the cache
/// grow to all memory (ml-explore/mlx#3350, ml-explore/mlx#3129).
///
/// ```
/// use vlm_test::memory::cache_limit;
/// let (mib, gib) = (1 << 20, 1 << 30);
/// assert_eq!(cache_limit(16 * gib, 9 * gib, 3 * gib), gib);
/// assert_eq!(cache_limit(64 * gib, gib, 0), 2 * gib);
/// assert_eq!(cache_limit(10 * gib, gib, 0), gib / 2);
/// assert_eq!(cache_limit(8 * gib, 9 * gib, 0), gib / 4);
/// assert_eq!(cache_limit(800 * mib, 700 * mib, 0), 200 * mib);
/// ```
pub fn cache_limit(budget_bytes: u64, weight_bytes: u64, kv_bytes: u64) -> u64 {
    let left = budget_bytes.saturating_sub(weight_bytes).saturating_sub(kv_bytes);
    let most = if budget_bytes <= SMALL_BUDGET_BYTES { 512 * MIB } else { 2 * GIB };
    (left / 4).clamp(256 * MIB, most).min(budget_bytes / 4)
}

#[cfg(test)]
mod tests;
