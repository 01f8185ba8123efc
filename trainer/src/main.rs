//! `retort-train`: distils detectors for the Retort runtime.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    retort_trainer::cli::main()
}
