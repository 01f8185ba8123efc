//! The program: the service of a configuration, and the counter.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use people_counter::counter::Counter;
use people_counter::screen;
use retort::service::Service;
use retort::source::Stop;

/// Count who crosses a line, and show it
#[derive(Debug, Parser)]
struct Arguments {
    /// The service's configuration; all its lines count.
    config: PathBuf,
    /// An SSD1306 on a bus, as `retort detect --display` names it; `terminal`, or a file that ends in .png.
    #[arg(long, value_name = "NAME", default_value = "ssd1306:/dev/i2c-1,128x64")]
    screen: String,
    /// Where the numbers are kept.
    #[arg(long, value_name = "FILE", default_value = "counts.json")]
    counts: PathBuf,
    /// End after this many frames.
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let stop = Stop::on_signals().context("no handler for Ctrl-C")?;
    let mut service = Service::open(&arguments.config, stop, Arc::default())?;
    let (name, meters) = (arguments.screen, service.meters().clone());
    let counter = Counter::start(arguments.counts, move || screen::open(&name), move || meters.lock().is_lost)?;
    service.add_sink("counter", Box::new(counter));
    service.run(arguments.frames)?;
    Ok(())
}
