//! The program: the service of a configuration, and what keeps doubtful frames.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bird_feeder::doubt::{Doubt, DoubtOptions};
use clap::Parser;
use retort::service::{Config, Service};
use retort::source::Stop;

/// Watch a bird feeder, and keep the frames that the model is unsure about
#[derive(Debug, Parser)]
struct Arguments {
    /// The service's configuration, which says `model.score`.
    config: PathBuf,
    /// The folder for frames to learn from.
    #[arg(long, value_name = "DIR", default_value = "kept")]
    out: PathBuf,
    /// Megabytes that it may take.
    #[arg(long, value_name = "MB", default_value_t = 500)]
    quota: u64,
    /// Scores that are nearer to `model.score` than this are doubtful.
    #[arg(long, value_name = "S", default_value_t = 0.15)]
    band: f32,
    /// Seconds from one frame that is kept to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    every: u64,
    /// End after this many frames.
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { config: path, out, quota, band, every, frames } = Arguments::parse();
    let stop = Stop::on_signals().context("no handler for Ctrl-C")?;
    let threshold = Config::read(&path)?.model.score;
    let threshold =
        threshold.with_context(|| format!("{}: model.score: say it, for doubt begins there", path.display()))?;
    let quota = quota.saturating_mul(1_000_000);
    let doubt = Doubt::start(DoubtOptions { folder: out, quota, threshold, band, every: Duration::from_secs(every) })?;
    let mut service = Service::open(&path, stop, Arc::default())?;
    service.add_sink("doubt", Box::new(doubt));
    service.run(frames)?;
    Ok(())
}
