//! A panel's bus under Linux: SPI through spidev, and pins through the GPIO character device.

use std::io::{self, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::line::{Offset, Value};
use spidev::{SpiModeFlags, Spidev, SpidevOptions};

use super::panel::Bus;

/// A bus with the pin that tells commands from their arguments and pixels.
pub struct Spi {
    device: Spidev,
    data: Request,
    /// Kept so that the pin stays as it is.
    _reset: Option<Request>,
}

impl Spi {
    /// Opens the bus at `hertz`, and resets the panel where it has a pin for that. Pins are lines of `chip`.
    ///
    /// # Errors
    /// What the system says, naming the device.
    pub fn open(path: &Path, hertz: u32, chip: &Path, data: Offset, reset: Option<Offset>) -> io::Result<Spi> {
        let named =
            |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let mut device = Spidev::open(path).map_err(|error| named(path, error))?;
        let options = SpidevOptions::new().bits_per_word(8).max_speed_hz(hertz).mode(SpiModeFlags::SPI_MODE_0).build();
        device.configure(&options).map_err(|error| named(path, error))?;
        let pin = |line: Offset| {
            let request = Request::builder()
                .on_chip(chip)
                .with_consumer("retort")
                .with_line(line)
                .as_output(Value::Active)
                .request();
            request.map_err(|error| io::Error::other(format!("{}: line {line}: {error}", chip.display())))
        };
        let (data, reset) = (pin(data)?, reset.map(pin).transpose()?);
        if let Some(reset) = &reset {
            // Both controllers want 10 µs, and 120 ms after it.
            for (value, wait) in [(Value::Inactive, 1), (Value::Active, 120)] {
                reset.set_lone_value(value).map_err(io::Error::other)?;
                sleep(Duration::from_millis(wait));
            }
        }
        Ok(Spi { device, data, _reset: reset })
    }

    fn send(&mut self, what: Value, bytes: &[u8]) -> io::Result<()> {
        self.data.set_lone_value(what).map_err(io::Error::other)?;
        self.device.write_all(bytes)
    }
}

impl Bus for Spi {
    fn command(&mut self, command: u8, arguments: &[u8]) -> io::Result<()> {
        self.send(Value::Inactive, &[command])?;
        if arguments.is_empty() { Ok(()) } else { self.send(Value::Active, arguments) }
    }

    fn pixels(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(Value::Active, bytes)
    }
}
