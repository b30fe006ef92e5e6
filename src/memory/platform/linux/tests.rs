//! The process as `/proc` has it, and a real control group.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Output},
};

use super::*;
use crate::memory::{MachineSignals, Signals, SystemMemory};

#[test]
fn stalls_are_read_as_the_kernel_writes_them() {
    let text = "some avg10=1.25 avg60=0.50 avg300=0.10 total=11080540\n\
        full avg10=0.75 avg60=0.00 avg300=0.00 total=5338638\n";
    assert_eq!(parse_stall(text), Some(Stall { some: 1.25, full: 0.75 }));
    assert_eq!(parse_stall(""), None);
    assert_eq!(parse_stall("some avg10=x\nfull avg10=1\n"), None);
}

#[test]
fn names_are_told_from_longer_names() {
    let status = "VmRSS:\t   1756 kB\nRssAnon:\t 112 kB\nThreads:\t3\n";
    assert_eq!(kilobytes(status, "RssAnon"), Some(112 << 10));
    assert_eq!([kilobytes(status, "VmRS"), kilobytes(status, "Threads")], [None, None]);
    assert_eq!(field(status, "Threads"), Some("3"));
    assert_eq!(number_after("oom_kill_disable 0\noom_kill 5\n", "oom_kill"), Some(5));
}

#[test]
fn the_peak_is_forgotten_and_begins_anew() {
    let touch = |mib: usize| drop(std::hint::black_box(vec![1u8; mib << 20]));
    touch(200);
    let high = process_peak().unwrap();
    assert!(high >= 200 << 20);
    assert!(reset_process_peak());
    let low = process_peak().unwrap();
    assert!(low < high, "{low} after {high}");
    touch(100);
    let again = process_peak().unwrap();
    assert!(again >= low + (80 << 20) && again < high, "{again} after {low} and {high}");
}

#[cfg(target_env = "gnu")]
#[test]
fn trimming_gives_back_what_was_freed_in_small_pieces() {
    // What is freed below a piece that lives on stays with the process until it is trimmed.
    let mut pieces: Vec<Box<[u8; 4096]>> = (0..16_384).map(|_| Box::new([1; 4096])).collect();
    let last = pieces.pop();
    let resident = || MachineSignals::new().process().resident_bytes.unwrap();
    drop(pieces);
    let before = resident();
    assert!(trim_heap());
    let after = resident();
    assert!(before >= after + (40 << 20), "{before} became {after}");
    drop(last);
}

/// Set in the child that the tests below start.
const CHILD: &str = "VLM_TEST_IN_CONTROL_GROUP";

/// A memory control group below that of this process, removed at the end.
struct Group(PathBuf);

impl Group {
    /// `None`, with the reason on the terminal, where none may be made.
    fn with_limit(name: &str, bytes: u64) -> Option<Self> {
        let made = Self::make(&format!("{name}-{}", std::process::id()), bytes);
        if let Err(reason) = &made {
            eprintln!("SKIPPED: no memory control group can be made here: {reason}");
        }
        made.ok()
    }

    fn make(name: &str, bytes: u64) -> Result<Self, String> {
        let own = ControlGroup::named_in(&membership()).ok_or("this process is in none")?;
        let folder = own.folder.join(name);
        let told = |error: std::io::Error| error.to_string();
        fs::create_dir(&folder).map_err(told)?;
        let group = Self(folder);
        let limits = ["memory.limit_in_bytes", "memory.max"].map(|file| group.0.join(file));
        let limit = limits.iter().find(|file| file.exists());
        fs::write(limit.ok_or("it has no memory controller")?, bytes.to_string()).map_err(told)?;
        Ok(group)
    }

    /// Runs the test `name` of this program once more, in the group.
    fn run(&self, name: &str, role: &str) -> Output {
        let procs = self.0.join("cgroup.procs");
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([name, "--exact", "--nocapture"]).env(CHILD, role);
        // SAFETY: between fork and exec the child opens, writes and closes one file.
        unsafe { child.pre_exec(move || fs::write(&procs, "0")) };
        child.output().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// What follows `label` on a line of its own.
fn line_after<'a>(output: &'a Output, label: &str) -> &'a str {
    let text = str::from_utf8(&output.stdout).unwrap();
    text.split(label).nth(1).unwrap_or_else(|| panic!("{output:?}")).lines().next().unwrap()
}

#[test]
fn the_limit_of_a_real_control_group_is_what_the_machine_has() {
    const LIMIT: u64 = 300 << 20;
    if std::env::var_os(CHILD).is_some() {
        let mut signals = MachineSignals::new();
        let ballast = std::hint::black_box(vec![1u8; 100 << 20]);
        let json = serde_json::to_string(&signals.system()).unwrap();
        println!("\nSYSTEM {json}");
        drop(ballast);
        return;
    }
    let Some(group) = Group::with_limit("vlm-test-limit", LIMIT) else { return };
    let name =
        "memory::platform::linux::tests::the_limit_of_a_real_control_group_is_what_the_machine_has";
    let output = group.run(name, "limit");
    let system: SystemMemory = serde_json::from_str(line_after(&output, "SYSTEM ")).unwrap();
    assert_eq!(system.total_bytes, LIMIT);
    // The ballast is gone from what is left, and little else is.
    let left = system.available_bytes;
    assert!((150 << 20..=200 << 20).contains(&left), "{left}");
    assert_eq!(system.used_bytes, LIMIT - left);
    assert!(SystemMemory::now().unwrap().total_bytes > LIMIT);
}

#[test]
fn a_process_killed_for_want_of_memory_is_counted() {
    let name = "memory::platform::linux::tests::a_process_killed_for_want_of_memory_is_counted";
    match std::env::var(CHILD).as_deref() {
        // Holds on to its group while its child is killed in it.
        Ok("parent") => {
            let before = oom_kills().unwrap();
            let mut child = Command::new(std::env::current_exe().unwrap());
            let status =
                child.args([name, "--exact"]).env(CHILD, "glutton").output().unwrap().status;
            println!("\nKILLS {before} {} {status}", oom_kills().unwrap());
        }
        Ok(_) => drop(std::hint::black_box(vec![1u8; 400 << 20])),
        Err(_) => {
            let Some(group) = Group::with_limit("vlm-test-oom", 100 << 20) else { return };
            let output = group.run(name, "parent");
            assert_eq!(line_after(&output, "KILLS "), "0 1 signal: 9 (SIGKILL)");
        }
    }
}
