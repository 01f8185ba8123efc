//! `retort run-service`: watches a camera for as long as it is let.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use clap::Args;
use signal_hook::consts::SIGHUP;

use crate::service::{Config, Ended, Service};
use crate::source::Stop;

/// Watch a camera for as long as it is let: zones, lines, events, metrics, all from one configuration.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  retort run-service retort.toml
  retort run-service retort.toml --check           is the file right?
  kill -HUP $(pidof retort)                        read it anew; with a slip in it, all goes on as before

The least configuration:
  source = \"camera:0\"
  [model]
  file = \"model.onnx\"
  [to.json]")]
pub struct RunService {
    /// The configuration: a TOML file.
    config: PathBuf,
    /// Check the configuration, then end.
    #[arg(long)]
    check: bool,
    /// End after this many frames.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Print at the end, as one object of JSON on standard error: frames, drops, age of frames, allocations, memory.
    #[arg(long)]
    stats: bool,
}

impl RunService {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        if self.check {
            Config::read(&self.config)?;
            println!("{}: well formed", self.config.display());
            return Ok(());
        }
        let stop = Stop::on_signals().context("no handler for Ctrl-C")?;
        let reload = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGHUP, Arc::clone(&reload)).context("no handler for SIGHUP")?;
        let mut service = Service::open(&self.config, stop, reload)?;
        let ended = service.run(self.frames)?;
        if self.stats {
            eprintln!("{}", serde_json::json!({ "summary": service.summary() }));
        }
        match ended {
            Ended::Stopped | Ended::Enough | Ended::NoMoreFrames => Ok(()),
        }
    }
}
