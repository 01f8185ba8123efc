//! x
use clap::Args;
/// x
#[derive(Debug, Args)]
pub struct Bench {}
impl Bench { pub fn run(self) -> anyhow::Result<()> { Ok(()) } }
