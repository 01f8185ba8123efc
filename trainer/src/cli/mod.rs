//! The command line: what `retort-train` can be asked to do.

mod budget;
mod camera;
mod compare;
mod data;
mod distil;
mod evaluate;
mod family;
mod foreign;
mod label;
mod plan;
mod prune;
mod quantize;
mod recipe;
mod report;
mod scenes;
mod sign;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use retort::cli::LimitArguments;

use crate::limits;

#[derive(Parser)]
#[command(name = "retort-train", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Distil a student from a teacher, by a recipe or for a camera, and write it as int8 ONNX
    #[command(after_help = distil::EXAMPLES)]
    Distill(Box<distil::Arguments>),
    /// Train a network on labels alone, and write it as int8 ONNX
    #[command(after_help = distil::TRAIN_EXAMPLES)]
    Train(recipe::RunArguments),
    /// Teach a student for each budget, from one teacher, and draw accuracy over cost
    #[command(after_help = family::EXAMPLES)]
    Family(family::Arguments),
    /// Try every loss by itself against the same control
    #[command(after_help = compare::EXAMPLES)]
    Compare(compare::Arguments),
    /// Let the teacher answer, on one machine or a share on each of several
    #[command(after_help = label::EXAMPLES)]
    Label(label::Arguments),
    /// Say what a recipe's networks will cost on a board, before anything is trained
    #[command(after_help = plan::EXAMPLES)]
    Plan(plan::Arguments),
    /// Measure a model file on labelled pictures
    #[command(after_help = evaluate::EXAMPLES)]
    Evaluate(evaluate::Arguments),
    /// Make an int8 model of a finished float one, with pictures to calibrate by
    #[command(after_help = quantize::EXAMPLES)]
    Quantize(quantize::Arguments),
    /// Make a network narrower by whole channels: the student of a run, which is taught on, or any float model
    #[command(after_help = prune::EXAMPLES)]
    Prune(Box<prune::Arguments>),
    /// Write the page of a run again, from what lies in its folder
    #[command(after_help = report::EXAMPLES)]
    Report(report::Arguments),
    /// Make a pair of keys: one to sign models with, one to verify them
    #[command(after_help = sign::KEY_EXAMPLES)]
    Keygen(sign::KeyArguments),
    /// Sign models, plans and contracts, so that `retort --key` knows whose they are
    #[command(after_help = sign::EXAMPLES)]
    Sign(sign::Arguments),
    /// Look at sets of pictures, whatever their format
    Data(data::Arguments),
    /// Draw scenes like those that the shapes recipe learns from
    #[command(after_help = scenes::EXAMPLES)]
    Scenes(scenes::Arguments),
}

impl Command {
    /// How large the models and pictures of a command that reads any may be.
    fn limits(&self) -> Option<&LimitArguments> {
        match self {
            Command::Distill(arguments) => Some(&arguments.run.recipe.limits),
            Command::Train(arguments) => Some(&arguments.recipe.limits),
            Command::Family(arguments) => Some(&arguments.run.recipe.limits),
            Command::Compare(arguments) => Some(&arguments.run.recipe.limits),
            Command::Label(arguments) => Some(&arguments.recipe.limits),
            Command::Plan(arguments) => Some(&arguments.recipe.limits),
            Command::Evaluate(arguments) => Some(&arguments.limits),
            Command::Quantize(arguments) => Some(&arguments.limits),
            Command::Prune(arguments) => Some(&arguments.limits),
            Command::Data(arguments) => Some(arguments.limits()),
            Command::Sign(arguments) => Some(&arguments.limits),
            Command::Report(_) | Command::Scenes(_) | Command::Keygen(_) => None,
        }
    }
}

/// The command line as it is described to clap, against which what is written about it can be checked.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command that the process was started with. Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if let Some(given) = command.limits() {
        // Nothing else in this process sets any.
        let _ = limits::accept(given.limits());
    }
    let result = match command {
        Command::Distill(arguments) => distil::run_distil(&arguments),
        Command::Train(arguments) => distil::run_train(&arguments),
        Command::Family(arguments) => family::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Label(arguments) => label::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Quantize(arguments) => quantize::run(&arguments),
        Command::Prune(arguments) => prune::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Keygen(arguments) => sign::run_keygen(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
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
