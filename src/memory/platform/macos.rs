//! macOS: `libproc` and `sysctl`. Refreshing a process through sysinfo would list all
//! processes first, so it is asked directly.

use std::{
    ffi::{CStr, c_int, c_void},
    fs, mem, process, ptr,
};

use super::GroupMemory;
use crate::memory::{ProcessMemory, Stall, SystemPressure};

/// Reads this process and the kernel's word for the pressure.
pub(in crate::memory) struct Platform;

impl Platform {
    pub fn new() -> Self {
        Self
    }

    /// This process. The footprint holds GPU memory, the resident bytes do not.
    pub fn process(&self) -> ProcessMemory {
        let usage = usage();
        ProcessMemory {
            footprint_bytes: usage.map(|it| it.ri_phys_footprint),
            resident_bytes: usage.map(|it| it.ri_resident_size),
            threads: threads(),
            descriptors: open_descriptors(),
        }
    }

    /// The kernel's word, in the encoding it gives programs: 1, 2 and 4.
    pub fn pressure(&self) -> Option<SystemPressure> {
        match sysctl(c"kern.memorystatus_vm_pressure_level")? {
            1 => Some(SystemPressure::Normal),
            2 => Some(SystemPressure::Warning),
            4 => Some(SystemPressure::Critical),
            _ => None,
        }
    }

    /// macOS has no control groups.
    pub fn groups(&mut self, _physical_bytes: u64) -> Vec<GroupMemory> {
        Vec::new()
    }

    /// macOS does not say how long processes waited.
    pub fn stall(&self) -> Option<Stall> {
        None
    }
}

/// macOS does not count the processes it killed.
pub fn oom_kills() -> Option<u64> {
    None
}

/// Forgets the process's peak; returns whether the system did. If it did not,
/// [`process_peak`] is that of the process's whole life.
pub fn reset_process_peak() -> bool {
    // SAFETY: the function takes a process id and returns 0 or -1.
    reset_interval().is_some_and(|reset| unsafe { reset(own_id()) } == 0)
}

/// Largest footprint in bytes since [`reset_process_peak`].
pub fn process_peak() -> Option<u64> {
    let usage = usage()?;
    match reset_interval() {
        Some(_) => Some(usage.ri_interval_max_phys_footprint),
        None => Some(usage.ri_lifetime_max_phys_footprint),
    }
}

/// Does nothing: freed memory does not stay with the process here. Returns whether anything was
/// given back.
pub fn trim_heap() -> bool {
    false
}

fn own_id() -> c_int {
    process::id() as c_int
}

fn usage() -> Option<libc::rusage_info_v4> {
    // SAFETY: plain integers, for which zero is a value.
    let mut info: libc::rusage_info_v4 = unsafe { mem::zeroed() };
    // SAFETY: `info` is the structure that flavour 4 fills in.
    let status =
        unsafe { libc::proc_pid_rusage(own_id(), libc::RUSAGE_INFO_V4, (&raw mut info).cast()) };
    (status == 0).then_some(info)
}

fn threads() -> Option<u64> {
    // SAFETY: plain integers, for which zero is a value.
    let mut info: libc::proc_taskinfo = unsafe { mem::zeroed() };
    let size = mem::size_of_val(&info) as c_int;
    // SAFETY: `info` is the structure that this flavour fills in, and `size` its size.
    let written = unsafe {
        libc::proc_pidinfo(own_id(), libc::PROC_PIDTASKINFO, 0, (&raw mut info).cast(), size)
    };
    (written == size).then(|| u64::try_from(info.pti_threadnum).ok())?
}

fn open_descriptors() -> Option<u64> {
    let open = fs::read_dir("/dev/fd").ok()?.count();
    // One of them was open only to count them.
    Some(open.saturating_sub(1) as u64)
}

fn sysctl(name: &CStr) -> Option<c_int> {
    let mut value: c_int = 0;
    let mut size = mem::size_of_val(&value);
    // SAFETY: the kernel writes at most `size` bytes to `value`, and nothing is set.
    let status = unsafe {
        libc::sysctlbyname(
            name.as_ptr(),
            (&raw mut value).cast(),
            &raw mut size,
            ptr::null_mut(),
            0,
        )
    };
    (status == 0 && size == mem::size_of_val(&value)).then_some(value)
}

/// `proc_reset_footprint_interval`, which no header declares: looked up, as it may not be there.
fn reset_interval() -> Option<unsafe extern "C" fn(c_int) -> c_int> {
    // SAFETY: looks a name up among the loaded libraries; the name ends in NUL.
    let found =
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"proc_reset_footprint_interval".as_ptr()) };
    // SAFETY: libproc defines it as `int proc_reset_footprint_interval(pid_t pid)`, and a
    // function pointer has the size of a data pointer.
    (!found.is_null()).then(|| unsafe {
        mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int) -> c_int>(found)
    })
}
