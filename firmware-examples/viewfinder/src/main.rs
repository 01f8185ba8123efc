//! The program: the service of a configuration, and the viewfinder.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use retort::display::Name;
use retort::service::Service;
use retort::source::Stop;
use viewfinder::status::Status;
use viewfinder::viewfinder::Viewfinder;

/// Show the live picture with its objects on a small display
#[derive(Debug, Parser)]
struct Arguments {
    /// The service's configuration.
    config: PathBuf,
    /// The display, as `retort detect --display` names it: st7789:…, ili9341:…, fb:/dev/fb0, png:DIR,240x240.
    #[arg(long, value_name = "NAME", value_parser = Name::parse)]
    #[arg(default_value = "st7789:/dev/spidev0.0,dc=25,rst=27,240x240,mhz=62")]
    screen: Name,
    /// End after this many frames.
    #[arg(long, value_name = "N")]
    frames: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { config, screen, frames } = Arguments::parse();
    let stop = Stop::on_signals().context("no handler for Ctrl-C")?;
    let mut service = Service::open(&config, stop, Arc::default())?;
    let meters = service.meters().clone();
    let ask = move || {
        let meters = meters.lock();
        Status { rate: meters.rate, temperature: meters.vitals.temperature, is_lost: meters.is_lost }
    };
    let viewfinder = Viewfinder::start(move || screen.open(), ask).context("no thread for the display")?;
    service.add_sink("viewfinder", Box::new(viewfinder));
    service.run(frames)?;
    Ok(())
}
