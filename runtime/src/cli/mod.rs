//! The `retort` command: one file a subcommand.
//!
//! Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong usage.

mod bench;
#[cfg(all(feature = "camera", target_os = "linux"))]
mod cameras;
mod capture;
mod classify;
mod collect;
mod columns;
mod compile;
mod detect;
mod doctor;
mod inspect;
mod key;
mod limit;
mod look;
mod model;
mod predict;
mod renew;
mod run;
mod run_service;
mod samples;
mod show;
mod stats;
mod threads;
mod verify;
mod watch;

pub use limit::LimitArguments;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Exit code of a command that could not do what it was asked to. Wrong usage is 2, which clap gives.
const FAILED: u8 = 1;

/// Runs compact vision models on small boards, without allocating a byte a frame.
#[derive(Debug, Parser)]
#[command(
    name = "retort",
    version,
    about,
    after_help = "\
Without a command, retort detects on a sample picture with the model that comes with it.

Examples:
  retort detect model.onnx photo.jpg --save out
  retort detect model.onnx photos/ --json --score 0.4"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Find objects in pictures, videos and what cameras see.
    Detect(detect::Detect),
    /// Say what pictures show.
    Classify(classify::Classify),
    Collect(collect::Collect),
    Run(run::Run),
    RunService(run_service::RunService),
    Bench(bench::Bench),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Compile(compile::Compile),
    Doctor(doctor::Doctor),
    #[cfg(all(feature = "camera", target_os = "linux"))]
    Cameras(cameras::Cameras),
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        match self {
            Command::Detect(command) => command.run(),
            Command::Classify(command) => command.run(),
            Command::Collect(command) => command.run(),
            Command::Run(command) => command.run(),
            Command::RunService(command) => command.run(),
            Command::Bench(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Compile(command) => command.run(),
            Command::Doctor(command) => command.run(),
            #[cfg(all(feature = "camera", target_os = "linux"))]
            Command::Cameras(command) => command.run(),
        }
    }
}

/// The command line as it is described to clap, from which completions and man pages are made.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs what the command line says. Errors go to standard error, in one line.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs what a command line says, the program's name first; wrong usage ends the process, as it does for clap's `parse`.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let arguments = Arguments::parse_from(arguments);
    crate::guard::silence_guarded_panics();
    let result = match arguments.command {
        Some(command) => command.run(),
        None => detect::sample(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", describe(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// The error and its causes in one line. Errors of this library say their cause themselves, and so it is not said again.
fn describe(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |line, cause| match cause.to_string() {
        said if line.ends_with(&said) => line,
        first if line.is_empty() => first,
        next => format!("{line}: {next}"),
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| match cause.downcast_ref::<crate::Error>() {
        Some(crate::Error::Io { source, .. }) => broken(source),
        _ => cause.downcast_ref().is_some_and(broken),
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let source = std::io::Error::other("gone");
        let error = Err::<(), _>(crate::Error::Io { path: "a.png".into(), source }).context("picture 3").unwrap_err();
        assert_eq!(describe(&error), "picture 3: a.png: gone");
        assert!(!is_broken_pipe(&error));
        let source = std::io::ErrorKind::BrokenPipe.into();
        assert!(is_broken_pipe(&crate::Error::Io { path: "a".into(), source }.into()));
    }
}
