//! `retort-train report`: the page of a run once more, from what lies in its folder.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::report::{PAGE, RunFolder, write_page};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train report runs/shapes";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder that `distill`, `train`, `family` or `compare` wrote
    run: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.run.is_dir(), "there is no folder {}", arguments.run.display());
    let folder = RunFolder::create(&arguments.run)?;
    let missing = write_page(&folder)?;
    if !missing.is_empty() {
        println!("Missing in {}, and so not on the page: {}", arguments.run.display(), missing.join(", "));
    }
    println!("The page is {}.", folder.file(PAGE).display());
    Ok(())
}
