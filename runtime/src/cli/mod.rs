//! The `retort` command: one file a subcommand.
//!
//! Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong usage.

mod bench;
mod compile;
mod inspect;
mod model;
mod run;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs compact vision models on small boards.
#[derive(Parser)]
#[command(name = "retort", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Run),
    Bench(bench::Bench),
    Inspect(inspect::Inspect),
    Verify(verify::Verify),
    Compile(compile::Compile),
}

/// Parses the command line, runs the command, and prints what went wrong.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Command::Run(command)) => command.run(),
        Some(Command::Bench(command)) => command.run(),
        Some(Command::Inspect(command)) => command.run(),
        Some(Command::Verify(command)) => command.run(),
        Some(Command::Compile(command)) => command.run(),
        None => Ok(()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
