//! The program: the service of a configuration, and the bell.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use doorbell::bell::{Bell, BellOptions};
use doorbell::line::Pin;
use retort::service::Service;
use retort::sink::Wish;
use retort::source::Stop;

/// Ring a bell when somebody stands at the door
#[derive(Debug, Parser)]
struct Arguments {
    /// The service's configuration.
    config: PathBuf,
    /// The event that rings.
    #[arg(long, value_name = "EVENT", default_value = "stayed:door")]
    on: Wish,
    /// The GPIO line of the bell.
    #[arg(long, value_name = "NAME", default_value = "GPIO17")]
    line: String,
    /// The line is on when there is no voltage, as many relay boards want it.
    #[arg(long)]
    active_low: bool,
    /// How long it rings.
    #[arg(long, value_name = "MS", default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    ring: u64,
    /// For how long it does not ring again.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    quiet: u64,
}

fn main() -> anyhow::Result<()> {
    let Arguments { config, on, line, active_low, ring, quiet } = Arguments::parse();
    let stop = Stop::on_signals().context("no handler for Ctrl-C")?;
    let mut service = Service::open(&config, stop, Arc::default())?;
    let options = BellOptions { on, ring: Duration::from_millis(ring), quiet: Duration::from_secs(quiet) };
    let bell = Bell::start(options, move || Pin::open(&line, active_low)).context("no thread for the bell")?;
    service.add_sink("bell", Box::new(bell));
    service.run(None)?;
    Ok(())
}
