//! `retort-train keygen` and `retort-train sign`: whose a model is.

use std::path::PathBuf;

use anyhow::Result;
use retort::cli::LimitArguments;

use crate::signing::{Protection, Signer, generate};

pub(super) const KEY_EXAMPLES: &str = "Examples:
  retort-train keygen
  retort-train keygen --public-key camera.pub --secret-key camera.key --no-password";

pub(super) const EXAMPLES: &str = "Examples:
  retort-train sign student.onnx --secret-key retort.key
  retort-train sign yolox_nano.onnx yolox_nano.toml --secret-key retort.key
  retort detect student.onnx camera:0 --key retort.pub";

#[derive(clap::Args)]
pub(super) struct KeyArguments {
    /// Where to put the key that verifies, for everybody
    #[arg(long, value_name = "FILE", default_value = "retort.pub")]
    public_key: PathBuf,
    /// Where to put the key that signs, for nobody else
    #[arg(long, value_name = "FILE", default_value = "retort.key")]
    secret_key: PathBuf,
    /// Do not protect the secret key by a password: whoever has the file can sign
    #[arg(long)]
    no_password: bool,
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// What to sign: models, plans, contracts. The signature of FILE is FILE.minisig
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The key to sign with, of `retort-train keygen` or `minisign -G`
    #[arg(long, value_name = "FILE")]
    secret_key: PathBuf,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
}

pub(super) fn run_keygen(arguments: &KeyArguments) -> Result<()> {
    let protection = if arguments.no_password { Protection::None } else { Protection::Ask };
    generate(&arguments.public_key, &arguments.secret_key, protection)?;
    let [public, secret] = [&arguments.public_key, &arguments.secret_key].map(|path| path.display());
    println!("{secret} signs, and is to be kept secret; {public} verifies: `retort detect MODEL --key {public}`.");
    Ok(())
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let signer = Signer::open(&arguments.secret_key, None)?;
    for file in &arguments.files {
        println!("{} is the signature of {}.", signer.sign(file)?.display(), file.display());
    }
    Ok(())
}
