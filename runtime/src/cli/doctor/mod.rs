//! `retort doctor`: is this machine set up so that a camera and a model run well on it, and if not, what is to do?
//!
//! | file | what it checks |
//! |---|---|
//! | `check` | what a check says |
//! | `machine` | processor and kernels, governor, throttling, temperature, load |
//! | `memory` | memory, its limits, pages |
//! | `camera` | devices, permissions, the programs that reach other cameras |
//! | `network` | a model: does it load, compute what it promises, and fit? |

mod camera;
mod check;
mod machine;
mod memory;
mod network;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::check::{Check, Status};
use super::key::KeyArguments;
use super::limit::LimitArguments;
use super::model::{kernel_set, shape};
use crate::board::Root;
use crate::model::{InputKind, LoadOptions};
use retort_core::kernels::KernelSet;

/// Check cameras, clock, supply, memory and kernels of this machine, and say what to do
///
/// With a model, also that it computes here what it promises, and that it fits. Exit status 1 where there is a problem; a
/// warning is none.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  retort doctor\n  retort doctor model.onnx\n  retort doctor --json")]
pub struct Doctor {
    /// A model to test: an ONNX file or a compiled plan.
    model: Option<PathBuf>,
    /// Fix the shape of an input with dynamic axes, as NAME=1,3,320,320 (may be repeated).
    #[arg(long = "shape", value_name = "NAME=N,C,H,W", value_parser = shape)]
    shapes: Vec<(String, Vec<usize>)>,
    /// Test the model on this set of kernels instead of the best that the processor has.
    #[arg(long, value_name = "SET", value_parser = kernel_set)]
    isa: Option<KernelSet>,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    key: KeyArguments,
    /// The model's contract: a TOML file to use instead of what the model carries.
    #[arg(long, value_name = "FILE.toml")]
    contract: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let root = Root::system();
        let mut checks = machine::checks(&root, usize::BITS);
        checks.extend(memory::checks(&root));
        checks.extend(camera::checks(&root));
        if let Some(model) = &self.model {
            let options = LoadOptions {
                shapes: self.shapes.clone(),
                input: InputKind::Quantised,
                kernel_set: self.isa,
                limits: self.limits.limits(),
                key: self.key.key.clone(),
                ..LoadOptions::default()
            };
            checks.extend(network::checks(&root, model, &options, self.contract.as_deref()));
        }
        let count = |status| checks.iter().filter(|check| check.status == status).count();
        let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", json!({"checks": checks, "problems": problems, "warnings": warnings}))?;
        } else {
            print(&mut out, &checks)?;
            if problems == 0 {
                writeln!(out, "no problem, {warnings} warning(s)")?;
            }
        }
        let names: Vec<&str> =
            checks.iter().filter(|check| check.status == Status::Problem).map(|check| check.name).collect();
        anyhow::ensure!(problems == 0, "{problems} problem(s): {}; {warnings} warning(s)", names.join(", "));
        Ok(())
    }
}

/// A check a line, and below it what to do.
fn print(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for Check { name, status, seen, advice } in checks {
        writeln!(out, "{:<8} {name:<width$}  {seen}", status.name())?;
        for line in advice.iter().flat_map(|advice| advice.lines()) {
            writeln!(out, "{:<8} {:<width$}  → {line}", "", "")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_stands_below_what_was_seen() {
        let checks = [
            Check::ok("a", "fine"),
            Check::warning("governor", "ondemand", "do this\nthen that"),
            Check::problem("b", "x", "y"),
        ];
        let mut text = Vec::new();
        print(&mut text, &checks).unwrap();
        let expected = "\
ok       a         fine
warning  governor  ondemand
                   → do this
                   → then that
problem  b         x
                   → y
";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
