//! `retort verify`: does this machine compute what the exporter did?

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::model::ModelArguments;
use crate::model::golden::{self, SelfTest};
use crate::model::{InputKind, Model};

/// Check that a model computes here what it computed where it was made
///
/// The contract holds checksums of the outputs on a picture that anyone can make again from a number. Integer results are the
/// same bytes on every processor, so for an int8 model any difference is a fault.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  retort verify models/shapes-160.onnx")]
pub struct Verify {
    #[command(flatten)]
    model: ModelArguments,
    /// The model's contract: a TOML file to use instead of what the model carries.
    #[arg(long, value_name = "FILE.toml")]
    contract: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs a model on the golden picture of its contract, which is `sidecar`'s where there is one.
///
/// # Errors
/// Where there is no contract, it does not fit or it promises nothing, or where the run fails.
pub fn self_test(model: &Model, sidecar: Option<&Path>) -> anyhow::Result<SelfTest> {
    let path = model.path();
    let contract = model.find_contract(sidecar)?;
    model.check(&contract)?;
    golden::self_test(model, &contract)?.with_context(|| {
        format!("{}: contract: golden: is missing, so there is nothing to verify against", path.display())
    })
}

impl Verify {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let model = self.model.load(InputKind::Quantised)?;
        let path = &self.model.model;
        let SelfTest { found, promised } = self_test(&model, self.contract.as_deref())?;
        if self.json {
            let object = json!({
                "model": path.display().to_string(),
                "isa": model.kernel_set().name(),
                "input_crc32": format!("{:08x}", found.input_crc32),
                "output_crc32": format!("{:08x}", found.output_crc32),
                "promised_output_crc32": format!("{:08x}", promised.output_crc32),
                "verified": found == promised,
            });
            writeln!(std::io::stdout(), "{object}")?;
        }
        if found != promised {
            bail!(
                "{}: the outputs have checksum {:08x}, the exporter's had {:08x}",
                path.display(),
                found.output_crc32,
                promised.output_crc32
            );
        }
        if !self.json {
            let checksum = found.output_crc32;
            writeln!(std::io::stdout(), "{}: outputs are the exporter's, checksum {checksum:08x}", path.display())?;
        }
        Ok(())
    }
}
