//! The programs, built from these sources and run as users run it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Outcome {
    /// The exit status; `None` where a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub error: String,
}

/// Runs `retort` with `arguments`.
///
/// # Panics
/// Where it does not build or start: a test can go no further then.
pub fn retort<S: AsRef<OsStr>>(arguments: &[S]) -> Outcome {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let run = Command::new(PROGRAM.get_or_init(|| build("retort"))).args(arguments).output().expect("retort starts");
    Outcome {
        status: run.status.code(),
        output: String::from_utf8_lossy(&run.stdout).into_owned(),
        error: String::from_utf8_lossy(&run.stderr).into_owned(),
    }
}

/// Builds the program in the profile of the running test, which does nothing where it is up to date. Cargo builds a
/// package's program only for that package's own tests, and one left from earlier could be stale.
///
/// # Panics
/// Where it does not build: a test can go no further then.
pub fn build(program: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--bin", program, "--message-format", "json-render-diagnostics"]);
    command.current_dir(crate::data::repository());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let run = command.output().expect("cargo starts");
    assert!(run.status.success(), "{program} does not build:\n{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8_lossy(&run.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the program it built")
}
