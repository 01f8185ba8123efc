//! Opens the screen that a name stands for.

use std::io;
use std::path::Path;

use super::name::{Kind, Name};
use super::{Framebuffer, Layout, Png, Screen};
use crate::error::Error;

impl Name {
    /// Opens it, for those who draw on it themselves; [`Display`](super::Display) draws reports.
    ///
    /// # Errors
    /// [`Error::Display`] with what the system says, and what could be done.
    pub fn open(&self) -> Result<Box<dyn Screen>, Error> {
        let opened = match &self.kind {
            Kind::Framebuffer { path, layout } => {
                framebuffer(path, *layout).map(|screen| Box::new(screen) as Box<dyn Screen>)
            }
            Kind::Png { folder, size, depth, every } => {
                Png::new(folder, *size, *depth, *every).map(|screen| Box::new(screen) as Box<dyn Screen>)
            }
            kind => on_a_bus(kind),
        };
        opened.map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::PermissionDenied => "; run as root, or as a member of the device's group (`ls -l`)",
                io::ErrorKind::NotFound => self.kind.when_missing(),
                _ => "",
            };
            Error::Display { name: self.to_string(), problem: format!("{error}{remedy}") }
        })
    }
}

fn framebuffer(path: &Path, layout: Option<Layout>) -> io::Result<Framebuffer> {
    let layout = match layout {
        Some(layout) => layout,
        None => Layout::of_device(&Path::new("/sys/class/graphics").join(path.file_name().unwrap_or_default()))?,
    };
    Framebuffer::open(path, layout)
}

#[cfg(target_os = "linux")]
fn on_a_bus(kind: &Kind) -> io::Result<Box<dyn Screen>> {
    use super::{Panel, Ssd1306, i2c, spi::Spi};
    match kind {
        Kind::Panel { controller, path, options, hertz, chip, data, reset } => {
            let bus = Spi::open(path, *hertz, chip, *data, *reset)?;
            Ok(Box::new(Panel::new(*controller, bus, options, &mut Sleep)?))
        }
        Kind::Ssd1306 { path, size, address } => Ok(Box::new(Ssd1306::new(i2c::open(path, *address)?, *size)?)),
        Kind::Framebuffer { .. } | Kind::Png { .. } => unreachable!("these hang on no bus"),
    }
}

#[cfg(not(target_os = "linux"))]
fn on_a_bus(_: &Kind) -> io::Result<Box<dyn Screen>> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this build has no SPI and no I²C; build it for Linux"))
}

/// Waits.
#[cfg(target_os = "linux")]
struct Sleep;

#[cfg(target_os = "linux")]
impl embedded_hal::delay::DelayNs for Sleep {
    fn delay_ns(&mut self, nanoseconds: u32) {
        std::thread::sleep(std::time::Duration::from_nanos(nanoseconds.into()));
    }
}
