//! The command line: `retort-train distill`, `retort-train data`, `retort-train scenes`.

mod data;
mod distil;
mod scenes;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "retort-train", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a teacher, distil a student from it, and write the student as int8 ONNX
    #[command(after_help = distil::EXAMPLES)]
    Distill(distil::Arguments),
    /// Look at sets of pictures, whatever their format
    Data(data::Arguments),
    /// Draw scenes like those that the shapes recipe learns from
    #[command(after_help = scenes::EXAMPLES)]
    Scenes(scenes::Arguments),
}

/// Runs the command that the process was started with. Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Distill(arguments) => distil::run(&arguments),
        Command::Data(arguments) => data::run(&arguments),
        Command::Scenes(arguments) => scenes::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
