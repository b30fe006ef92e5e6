//! How many processes of a worker's control group the system killed for want of memory.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the hierarchies are mounted, and what their counter lies in: version 2, then 1.
const HIERARCHIES: [(&str, &str); 2] =
    [("/sys/fs/cgroup", "memory.events"), ("/sys/fs/cgroup/memory", "memory.oom_control")];

/// The counter of a process's control group, and what it said when the process was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) struct OomKills {
    counter: PathBuf,
    before: u64,
}

impl OomKills {
    /// That of process `pid`; `None` where there are no control groups for memory.
    pub(in crate::worker) fn of(pid: u32) -> Option<Self> {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let counter = counters(&groups).into_iter().find(|counter| count(counter).is_some())?;
        Some(Self { before: count(&counter)?, counter })
    }

    /// By how much it has risen.
    pub(in crate::worker) fn since(&self) -> u64 {
        count(&self.counter).map_or(0, |now| now.saturating_sub(self.before))
    }

    /// `known`, or that of another group if process `pid` has moved there meanwhile.
    pub(in crate::worker) fn followed(known: Option<Self>, pid: u32) -> Option<Self> {
        let now = Self::of(pid);
        let moved = now.as_ref().map(|it| &it.counter) != known.as_ref().map(|it| &it.counter);
        if moved { now } else { known }
    }
}

/// Where the counter may lie by a `/proc/PID/cgroup`, which has lines `ID:CONTROLLERS:PATH`. In
/// a container the path may be that outside of it; the mounted root is its own group then.
fn counters(groups: &str) -> Vec<PathBuf> {
    let path_of = |wanted: &str| {
        groups.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            controllers.split(',').any(|it| it == wanted).then(|| path.trim_start_matches('/'))
        })
    };
    let paths = [path_of(""), path_of("memory")];
    let of = |((root, file), path): ((&str, &str), Option<&str>)| {
        path.map(|path| [Path::new(root).join(path).join(file), Path::new(root).join(file)])
    };
    HIERARCHIES.into_iter().zip(paths).filter_map(of).flatten().collect()
}

fn count(counter: &Path) -> Option<u64> {
    let text = fs::read_to_string(counter).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_in_both_versions() {
        let counters = |groups| {
            let found = counters(groups).into_iter();
            found.map(|it| it.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            counters("0::/user.slice/a\n"),
            ["/sys/fs/cgroup/user.slice/a/memory.events", "/sys/fs/cgroup/memory.events"]
        );
        assert_eq!(
            counters("5:cpu,cpuacct:/x\n4:memory:/a/b\n0::/\n"),
            [
                "/sys/fs/cgroup/memory.events",
                "/sys/fs/cgroup/memory.events",
                "/sys/fs/cgroup/memory/a/b/memory.oom_control",
                "/sys/fs/cgroup/memory/memory.oom_control",
            ]
        );
        assert!(counters("").is_empty() && counters("nonsense").is_empty());
    }

    #[test]
    fn what_is_counted_is_what_happened_since() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let write = |text: &str| fs::write(file.path(), text).unwrap();
        write("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
        let kills =
            OomKills { counter: file.path().to_owned(), before: count(file.path()).unwrap() };
        assert_eq!((kills.before, kills.since()), (7, 0));
        write("low 0\nhigh 3\nmax 4\noom 2\noom_kill 9\noom_group_kill 5\n");
        assert_eq!(kills.since(), 2);
        write("nothing");
        assert_eq!(kills.since(), 0);
    }
}
