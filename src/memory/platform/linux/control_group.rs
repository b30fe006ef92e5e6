//! The memory control group of this process, version 1 or 2.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{number_after, parse_stall};
use crate::memory::{Stall, platform::GroupMemory};

/// The two hierarchies, which name the same things differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// A memory control group: its folder, and the folder where its hierarchy is mounted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ControlGroup {
    version: Version,
    pub folder: PathBuf,
    mount: PathBuf,
}

impl ControlGroup {
    /// The group named in the text of `/proc/self/cgroup`. Where version 1 has the memory
    /// controller, version 2 has not.
    pub fn named_in(membership: &str) -> Option<Self> {
        Self::resolve(membership, &fs::read_to_string("/proc/self/mountinfo").ok()?)
    }

    /// `mounts` is the text of `/proc/self/mountinfo`.
    fn resolve(membership: &str, mounts: &str) -> Option<Self> {
        let lines =
            || membership.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        let first = lines().find(|(controllers, _)| has(controllers, "memory"));
        let (version, path) = match first {
            Some((_, path)) => (Version::One, path),
            None => (Version::Two, lines().find(|(controllers, _)| controllers.is_empty())?.1),
        };
        let (mount, folder) = mounts.lines().find_map(|line| version.folder(path, line))?;
        Some(Self { version, folder, mount })
    }

    /// The limits of the group and of those above it, as far as they are below `physical_bytes`.
    pub fn limits_below(&self, physical_bytes: u64) -> Vec<GroupMemory> {
        let limits = self.family().filter_map(|folder| {
            let limit_bytes = self.version.limit(folder)?;
            (limit_bytes < physical_bytes)
                .then(|| GroupMemory { limit_bytes, held_bytes: self.version.held(folder) })
        });
        limits.collect()
    }

    /// How long the processes of the group waited for memory: only version 2 says it, and not of
    /// the group that holds all.
    pub fn stall(&self) -> Option<Stall> {
        parse_stall(&fs::read_to_string(self.folder.join("memory.pressure")).ok()?)
    }

    /// How many of its processes were killed for want of memory.
    pub fn oom_kills(&self) -> Option<u64> {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        number_after(&fs::read_to_string(self.folder.join(file)).ok()?, "oom_kill")
    }

    /// The group's folder and those above it, up to the mount.
    fn family(&self) -> impl Iterator<Item = &Path> {
        self.folder.ancestors().take_while(|folder| folder.starts_with(&self.mount))
    }
}

impl Version {
    /// The mount and the folder of the group `path`, if `line` of mountinfo is the mount of this
    /// hierarchy and the group lies in what it shows.
    fn folder(self, path: &str, line: &str) -> Option<(PathBuf, PathBuf)> {
        // "36 35 0:30 /root /mount/point options [optional…] - type source super-options"
        let (mount, kind) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (unescaped(mount.next()?), unescaped(mount.next()?));
        let mut kind = kind.split(' ');
        let is_ours = match (self, kind.next()?) {
            (Self::One, "cgroup") => has(kind.nth(1)?, "memory"),
            (Self::Two, "cgroup2") => true,
            _ => false,
        };
        let inside = Path::new(path).strip_prefix(&root).ok().filter(|_| is_ours)?;
        Some((PathBuf::from(&point), Path::new(&point).join(inside)))
    }

    /// The least that limits the group itself; above `memory.high` processes are stopped until
    /// memory was taken from them, so that counts too.
    fn limit(self, folder: &Path) -> Option<u64> {
        let read = |file: &str| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok();
        match self {
            Self::One => read("memory.limit_in_bytes"),
            Self::Two => [read("memory.max"), read("memory.high")].into_iter().flatten().min(),
        }
    }

    /// Bytes that only swapping could take from the group.
    fn held(self, folder: &Path) -> u64 {
        let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let [anonymous, shared] = match self {
            Self::One => ["total_rss", "total_shmem"],
            Self::Two => ["anon", "shmem"],
        };
        let bytes = |name| number_after(&stat, name).unwrap_or_default();
        bytes(anonymous) + bytes(shared)
    }
}

/// Whether `name` is one of `list`, which commas separate.
fn has(list: &str, name: &str) -> bool {
    list.split(',').any(|one| one == name)
}

/// A path of mountinfo, where a blank is `\040`.
fn unescaped(path: &str) -> String {
    path.replace("\\040", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "4:memory:/jobs/one\n1:cpu:/\n0::/\n";
    const V1_MOUNTS: &str = "30 23 0:25 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
        31 23 0:26 / /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup rw,memory\n\
        32 23 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    fn group(version: Version, folder: &str, mount: &str) -> Option<ControlGroup> {
        Some(ControlGroup { version, folder: folder.into(), mount: mount.into() })
    }

    #[test]
    fn the_hierarchy_with_the_memory_controller_is_found() {
        let first = group(Version::One, "/sys/fs/cgroup/memory/jobs/one", "/sys/fs/cgroup/memory");
        assert_eq!(ControlGroup::resolve(V1, V1_MOUNTS), first);
        let mounts = "24 1 0:20 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let second = group(Version::Two, "/sys/fs/cgroup/user.slice/a b", "/sys/fs/cgroup");
        assert_eq!(ControlGroup::resolve("0::/user.slice/a b\n", mounts), second);
        assert_eq!(ControlGroup::resolve(V1, mounts), None);
        assert_eq!(ControlGroup::resolve("", V1_MOUNTS), None);
    }

    #[test]
    fn a_container_sees_the_part_of_the_hierarchy_that_is_mounted() {
        let mounts = "24 1 0:20 /docker/ab\\040c /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let found = ControlGroup::resolve("0::/docker/ab c/job\n", mounts);
        assert_eq!(found, group(Version::Two, "/sys/fs/cgroup/job", "/sys/fs/cgroup"));
        assert_eq!(ControlGroup::resolve("0::/elsewhere\n", mounts), None);
    }

    #[test]
    fn limits_of_all_groups_above_count_but_none_that_is_no_limit() {
        let mount = tempfile::tempdir().unwrap();
        let folder = mount.path().join("outer/inner");
        fs::create_dir_all(&folder).unwrap();
        let write = |file: &str, text: &str| fs::write(mount.path().join(file), text).unwrap();
        write("outer/memory.max", "500\n");
        write("outer/memory.high", "300\n");
        write("outer/memory.stat", "anon 200\nfile 90\nshmem 10\nanon_thp 7\n");
        write("outer/inner/memory.max", "max\n");
        write("outer/inner/memory.events", "oom 3\noom_kill 2\noom_group_kill 1\n");
        let stall =
            "some avg10=1.50 avg60=0 avg300=0 total=1\nfull avg10=0.25 avg60=0 avg300=0 total=1\n";
        write("outer/inner/memory.pressure", stall);
        let group =
            ControlGroup { version: Version::Two, folder, mount: mount.path().to_path_buf() };
        let outer = GroupMemory { limit_bytes: 300, held_bytes: 210 };
        assert_eq!(group.limits_below(1000), [outer]);
        assert_eq!(group.limits_below(300), []);
        assert_eq!(group.oom_kills(), Some(2));
        assert_eq!(group.stall(), Some(Stall { some: 1.5, full: 0.25 }));
    }
}
