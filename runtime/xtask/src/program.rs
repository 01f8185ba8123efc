//! Builds the program for a board, and checks that it needs nothing there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::elf;

/// The most bytes that the program may take, with the reading of ONNX files and without.
const LARGEST: (usize, usize) = (12_000_000, 4_500_000);

/// What the program is built for: a 64-bit Arm board with any Linux.
pub const TARGET: &str = "aarch64-unknown-linux-musl";
/// Debian's name of such boards.
pub const ARCHITECTURE: &str = "arm64";

/// Builds the program and returns its bytes.
///
/// # Errors
/// Where it does not build, needs a dynamic loader, or has outgrown a small board.
pub fn build(plan_only: bool) -> anyhow::Result<Vec<u8>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repository()).stderr(Stdio::inherit());
    command.args(["build", "--profile", "board", "--package", "retort", "--bin", "retort", "--target", TARGET]);
    command.args(["--message-format", "json-render-diagnostics"]);
    if plan_only {
        command.args(["--no-default-features", "--features", "camera,network"]);
    }
    let run = command.output().context("cargo does not start")?;
    if !run.status.success() {
        let compiler = if plan_only { "" } else { ", and the C cross compiler that .cargo/config.toml names" };
        bail!("the program does not build; it needs `rustup target add {TARGET}`{compiler}");
    }
    let path = String::from_utf8_lossy(&run.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .context("cargo does not name the program that it built")?;
    let program = fs::read(&path).with_context(|| path.clone())?;
    ensure!(!elf::needs_loader(&program).with_context(|| path.clone())?, "{path}: is not static");
    let largest = if plan_only { LARGEST.1 } else { LARGEST.0 };
    ensure!(program.len() <= largest, "{path}: takes {} bytes, more than {largest}", program.len());
    Ok(program)
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}
