//! Memory: this process's, the machine's, and the limits in between.

use serde::Serialize;

use super::Root;

/// What this process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Bytes that lie in memory now (the resident set).
    pub rss_bytes: Option<u64>,
    /// The most that there have been.
    pub peak_rss_bytes: Option<u64>,
    /// Those of the resident bytes that are no part of a file and no camera's: heap and stacks.
    pub anonymous_bytes: Option<u64>,
}

impl Process {
    /// Reads `/proc/self/status`.
    pub fn read(root: &Root) -> Process {
        let status = root.text("proc/self/status").unwrap_or_default();
        Process {
            rss_bytes: kilobytes(&status, "VmRSS"),
            peak_rss_bytes: kilobytes(&status, "VmHWM"),
            anonymous_bytes: kilobytes(&status, "RssAnon"),
        }
    }
}

/// What the machine has, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Memory.
    pub total: Option<u64>,
    /// What a program could get of it without swapping.
    pub available: Option<u64>,
    /// Swap space of all kinds.
    pub swap: Option<u64>,
    /// That part of the swap space which is compressed memory.
    pub zram: u64,
    /// The least limit of the control groups that this process is in; `None` where none limits it.
    pub limit: Option<u64>,
}

impl Machine {
    /// Reads `/proc/meminfo`, `/proc/swaps` and the control groups.
    pub fn read(root: &Root) -> Machine {
        let info = root.text("proc/meminfo").unwrap_or_default();
        let swaps = root.text("proc/swaps").unwrap_or_default();
        let zram = swaps.lines().filter(|line| line.starts_with("/dev/zram")).filter_map(|line| {
            let kilobytes: u64 = line.split_whitespace().nth(2)?.parse().ok()?;
            kilobytes.checked_mul(1024)
        });
        let total = kilobytes(&info, "MemTotal");
        Machine {
            total,
            available: kilobytes(&info, "MemAvailable"),
            swap: kilobytes(&info, "SwapTotal"),
            zram: zram.fold(0, u64::saturating_add),
            // Groups without a limit of their own have a huge one in version 1.
            limit: limit(root).filter(|&limit| total.is_none_or(|total| limit < total)),
        }
    }

    /// What this process could get.
    pub fn within_limit(&self) -> Option<u64> {
        self.available.into_iter().chain(self.limit).min()
    }
}

/// The value of `key: 123 kB` in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The least limit of this process's control groups, of either version of them.
fn limit(root: &Root) -> Option<u64> {
    let groups = root.text("proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (mount, file) = match parts.next() {
            Some("") => ("sys/fs/cgroup", "memory.max"),
            Some(controllers) if controllers.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        // The group and those around it. Inside a container its own lies at the mount.
        let group = parts.next().unwrap_or("/").trim_matches('/');
        let around = std::iter::successors(Some(group), |group| {
            (!group.is_empty()).then(|| group.rsplit_once('/').map_or("", |(outer, _)| outer))
        });
        around.filter_map(|group| root.number::<u64>(&format!("{mount}/{group}/{file}"))).collect()
    });
    limits.min()
}

/// Bytes of a page, from the auxiliary vector that the kernel gives every process.
pub fn page_bytes(root: &Root) -> Option<u64> {
    /// The key of the page size (`AT_PAGESZ` in elf.h).
    const PAGE_SIZE: usize = 6;
    let vector = root.bytes("proc/self/auxv")?;
    let (words, _) = vector.as_chunks::<{ size_of::<usize>() }>();
    let (pairs, _) = words.as_chunks::<2>();
    let value = pairs.iter().find_map(|[key, value]| (usize::from_ne_bytes(*key) == PAGE_SIZE).then_some(value))?;
    Some(usize::from_ne_bytes(*value) as u64)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn memory_of_a_board_is_read() {
        let board = fixtures::zero2w();
        let root = board.root();
        let machine = Machine::read(&root);
        assert_eq!(machine.total, Some(426_880 * 1024));
        assert_eq!((machine.swap, machine.zram), (Some(204_796 * 1024), 102_400 * 1024));
        assert_eq!(machine.limit, None);
        assert_eq!(machine.within_limit(), machine.available);
        let process = Process::read(&root);
        assert_eq!((process.rss_bytes, process.peak_rss_bytes), (Some(5120 * 1024), Some(6144 * 1024)));
    }

    #[test]
    fn a_bare_machine_tells_nothing() {
        let bare = fixtures::bare();
        let root = bare.root();
        assert_eq!(Machine::read(&root), Machine::default());
        assert_eq!(Process::read(&root), Process::default());
        assert_eq!(page_bytes(&root), None);
    }

    #[test]
    fn the_tightest_group_around_the_process_limits_it() {
        let machine = fixtures::bare()
            .with("proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 900000 kB\n")
            .with("proc/self/cgroup", "0::/system.slice/retort.service\n")
            .with("sys/fs/cgroup/system.slice/memory.max", "67108864\n")
            .with("sys/fs/cgroup/system.slice/retort.service/memory.max", "max\n");
        assert_eq!(Machine::read(&machine.root()).limit, Some(64 << 20));
        assert_eq!(Machine::read(&machine.root()).within_limit(), Some(64 << 20));
        let version_1 = machine
            .with("proc/self/cgroup", "4:memory:/a\n3:cpu:/\n")
            .with("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "33554432")
            .with("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
        assert_eq!(Machine::read(&version_1.root()).limit, Some(32 << 20));
    }

    #[test]
    fn the_page_size_is_in_the_auxiliary_vector() {
        let words = [3usize, 0x40, 6, 16384, 0, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(page_bytes(&fixtures::bare().with_bytes("proc/self/auxv", &bytes).root()), Some(16384));
        assert_eq!(page_bytes(&fixtures::bare().with_bytes("proc/self/auxv", &bytes[..20]).root()), None);
    }
}
