//! `retort compile`: writes the plan of a model, which loads without tract and at once.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::model::ModelArguments;
use crate::model::InputKind;

/// Compile a model to a .plan, which loads in an instant and needs no ONNX reader
///
/// A plan is packed for one set of kernels: those of this processor, or with `--isa` those of a board's: `neon` for Raspberry
/// Pi 3, 4 and Zero 2 W, `neon-dotprod` for Raspberry Pi 5, `portable` for any. Image inputs become the bytes that the model's first QuantizeLinear makes,
/// so that `detect` on a plan is as fast as on the ONNX file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  retort compile student.onnx -o student.plan\n  retort compile student.onnx --isa neon -o student-pi4.plan"
)]
pub struct Compile {
    #[command(flatten)]
    model: ModelArguments,
    /// The file to write
    #[arg(short, long, value_name = "FILE.plan")]
    output: PathBuf,
    /// Keep float inputs as floats
    #[arg(long)]
    float_input: bool,
}

impl Compile {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let input = if self.float_input { InputKind::Float } else { InputKind::Quantised };
        let model = self.model.load_for_any(input)?;
        let bytes = model.plan_bytes()?;
        // Written aside and renamed, so that a reader never sees half a plan.
        let aside = self.output.with_extension("plan.part");
        std::fs::write(&aside, bytes).with_context(|| aside.display().to_string())?;
        std::fs::rename(&aside, &self.output).with_context(|| self.output.display().to_string())?;
        writeln!(
            std::io::stdout(),
            "{}: {} bytes, {} steps, {} kernels, arena {} bytes",
            self.output.display(),
            bytes.len(),
            model.steps().len(),
            model.kernel_set(),
            model.arena_bytes()
        )?;
        Ok(())
    }
}
