//! What a run was made with and on, so that it can be told later why two runs differ.

use serde_json::json;

/// Versions, processor and threads, as JSON.
pub fn environment() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor =
        processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, n)| n);
    let environment = json!({
        "retort-train": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "processor": processor,
        "threads": rayon::current_num_threads(),
        "command": std::env::args().collect::<Vec<_>>(),
    });
    format!("{environment:#}\n")
}
