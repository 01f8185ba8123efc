//! A line that is on or off: a GPIO pin, or whatever a test takes for one.

use std::io;

use gpiocdev::Request;
use gpiocdev::line::Value;

/// A line that is on or off.
pub trait Line {
    /// Switches it.
    ///
    /// # Errors
    /// What the system says.
    fn set(&mut self, on: bool) -> io::Result<()>;
}

/// A pin, through the kernel's character device; no root is needed for that, but the group `gpio`.
#[derive(Debug)]
pub struct Pin(Request);

impl Pin {
    /// Takes the pin of that name, which is the same on every Raspberry Pi (`GPIO17`; `gpioinfo` lists them), and switches it
    /// off. With `active_low` it is on when there is no voltage, as relay boards often want it.
    ///
    /// # Errors
    /// That there is no such pin, or that it may not be had.
    pub fn open(name: &str, active_low: bool) -> io::Result<Pin> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no such GPIO line; `gpioinfo` lists them");
        let found = gpiocdev::find_named_line(name).ok_or_else(missing)?;
        let mut request = Request::builder();
        request.with_consumer("doorbell").with_found_line(&found);
        if active_low {
            request.as_active_low();
        }
        request.as_output(Value::Inactive).request().map(Pin).map_err(io::Error::other)
    }
}

impl Line for Pin {
    fn set(&mut self, on: bool) -> io::Result<()> {
        self.0.set_lone_value(if on { Value::Active } else { Value::Inactive }).map(drop).map_err(io::Error::other)
    }
}
