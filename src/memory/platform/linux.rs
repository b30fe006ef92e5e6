//! Linux: `/proc` and control groups. What is missing there is `None`, never an error: a
//! container may hide any of it.

mod control_group;

use std::fs;

use self::control_group::ControlGroup;
use super::GroupMemory;
use crate::memory::{ProcessMemory, Stall, SystemPressure};

/// Reads this process and its control group. Where the group lies is worked out again only
/// when the process was moved.
pub(in crate::memory) struct Platform {
    membership: String,
    group: Option<ControlGroup>,
}

impl Platform {
    pub fn new() -> Self {
        let membership = membership();
        Self { group: ControlGroup::named_in(&membership), membership }
    }

    /// This process.
    pub fn process(&self) -> ProcessMemory {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let swapped = kilobytes(&status, "VmSwap").unwrap_or_default();
        ProcessMemory {
            footprint_bytes: kilobytes(&status, "RssAnon").map(|anonymous| anonymous + swapped),
            resident_bytes: kilobytes(&status, "VmRSS"),
            threads: field(&status, "Threads").and_then(|text| text.parse().ok()),
            descriptors: open_descriptors(),
        }
    }

    /// Linux has no word of its own for it.
    pub fn pressure(&self) -> Option<SystemPressure> {
        None
    }

    /// The limits of the control groups that this process is in, on a machine of
    /// `physical_bytes`. A limit above that is none.
    pub fn groups(&mut self, physical_bytes: u64) -> Vec<GroupMemory> {
        self.follow();
        self.group.as_ref().map_or_else(Vec::new, |group| group.limits_below(physical_bytes))
    }

    /// How long processes waited: those of the control group if it says so, else all.
    pub fn stall(&self) -> Option<Stall> {
        let of_group = self.group.as_ref().and_then(ControlGroup::stall);
        of_group.or_else(|| parse_stall(&fs::read_to_string("/proc/pressure/memory").ok()?))
    }

    fn follow(&mut self) {
        let membership = membership();
        if membership != self.membership {
            *self = Self { group: ControlGroup::named_in(&membership), membership };
        }
    }
}

/// How many processes were killed for want of memory: in the control group of this process, or
/// on the whole machine where there is no such group. It only ever rises.
pub fn oom_kills() -> Option<u64> {
    let of_group = ControlGroup::named_in(&membership()).and_then(|group| group.oom_kills());
    of_group.or_else(|| number_after(&fs::read_to_string("/proc/vmstat").ok()?, "oom_kill"))
}

/// Forgets the process's peak; returns whether the system did.
pub fn reset_process_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Most bytes that the process had in physical memory since [`reset_process_peak`].
pub fn process_peak() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM")
}

/// Gives the system back what the C library keeps of freed memory: without it the process
/// stays as large as it once was. Returns whether anything was given back.
pub fn trim_heap() -> bool {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: takes no pointer and may be called at any time from any thread.
        unsafe { libc::malloc_trim(0) == 1 }
    }
    #[cfg(not(target_env = "gnu"))]
    {
        false
    }
}

fn open_descriptors() -> Option<u64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them was open only to count them.
    Some(open.saturating_sub(1) as u64)
}

/// The control groups of this process as the system lists them.
fn membership() -> String {
    fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
}

/// The value of `name: value` in `/proc/self/status`.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let number: u64 = field(status, name)?.strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(number * 1024)
}

/// The number in the line `name number`.
fn number_after(table: &str, name: &str) -> Option<u64> {
    let number = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    table.lines().find_map(number)
}

/// `some avg10=0.12 avg60=…` and the same for `full`.
fn parse_stall(text: &str) -> Option<Stall> {
    let average = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
        line.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?.parse().ok()
    };
    Some(Stall { some: average("some ")?, full: average("full ")? })
}

#[cfg(test)]
mod tests;
