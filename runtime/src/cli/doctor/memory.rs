//! Memory and its limits.

use super::check::Check;
use crate::board::Root;
use crate::board::memory::{Machine, page_bytes};

/// Less free memory than this is soon none: a camera's buffers and a network's arena want some of it.
const SCARCE: u64 = 64 << 20;

/// Checks memory.
pub fn checks(root: &Root) -> Vec<Check> {
    let machine = Machine::read(root);
    vec![memory(&machine), swap(&machine), page(page_bytes(root))]
}

/// A size for people.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

fn memory(machine: &Machine) -> Check {
    let (Some(total), Some(available)) = (machine.total, machine.available) else {
        return Check::ok("memory", "unknown");
    };
    let mut seen = format!("{} of {} available", megabytes(available), megabytes(total));
    if let Some(limit) = machine.limit {
        seen += &format!(", a control group limits it to {}", megabytes(limit));
    }
    if machine.within_limit().is_some_and(|most| most < SCARCE) {
        let advice = "stop what is not needed (a desktop takes 200 MB), or raise MemoryMax of the service";
        return Check::warning("memory", seen, advice);
    }
    Check::ok("memory", seen)
}

fn swap(machine: &Machine) -> Check {
    let Some(swap) = machine.swap.filter(|&swap| swap > 0) else { return Check::ok("swap", "none") };
    let on_disk = swap.saturating_sub(machine.zram);
    let mut parts = Vec::new();
    if machine.zram > 0 {
        parts.push(format!("{} of zram", megabytes(machine.zram)));
    }
    if on_disk > 0 {
        parts.push(format!("{} on disk", megabytes(on_disk)));
    }
    Check::ok("swap", parts.join(", "))
}

fn page(bytes: Option<u64>) -> Check {
    match bytes {
        None => Check::ok("page size", "unknown"),
        Some(4096) => Check::ok("page size", "4096 bytes"),
        Some(other) => Check::ok(
            "page size",
            format!("{other} bytes: programs built for pages of 4096 only do not start; this one does"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::fixtures;
    use crate::cli::doctor::check::Status;

    #[test]
    fn memory_of_a_small_board() {
        let board = fixtures::zero2w();
        let [memory, swap, page] = &checks(&board.root())[..] else { panic!("three checks") };
        assert_eq!((memory.status, memory.seen.as_str()), (Status::Ok, "267 MB of 437 MB available"));
        assert_eq!(swap.seen, "105 MB of zram, 105 MB on disk");
        assert_eq!(page.seen, "unknown");
    }

    #[test]
    fn a_tight_limit_is_a_warning() {
        let board = fixtures::zero2w().with("proc/self/cgroup", "0::/a").with("sys/fs/cgroup/a/memory.max", "33554432");
        let memory = &checks(&board.root())[0];
        assert_eq!(memory.status, Status::Warning);
        assert!(memory.seen.ends_with("a control group limits it to 34 MB"), "{}", memory.seen);
        assert_eq!(checks(&fixtures::bare().root())[0].status, Status::Ok);
    }
}
