//! x
use clap::Args;
/// x
#[derive(Debug, Args)]
pub struct Inspect {}
impl Inspect { pub fn run(self) -> anyhow::Result<()> { Ok(()) } }
