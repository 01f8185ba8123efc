//! Small screens that show what was found: the picture with its boxes, and a line of numbers.
//!
//! A [`View`] draws each frame for a screen's size and depth; [`Changes`] compares it with what the screen shows, and only
//! rectangles that differ are sent. A [`Screen`] takes them: a Linux framebuffer, a panel with an ST7789 or ILI9341
//! controller on SPI, an SSD1306 on I²C, or a folder of PNG files, which stands for any of these in tests. A [`Name`] says
//! which. [`Display`] holds it all, as a [`Sink`]; after its first frame it allocates nothing (but for PNG).
//!
//! ```text
//! Report ─ View ─► RGB of the screen's size ─ Changes ─► areas ─ Screen ─► pixels on a wire
//! ```

mod framebuffer;
#[cfg(target_os = "linux")]
mod i2c;
mod name;
mod open;
mod panel;
mod png;
#[cfg(target_os = "linux")]
mod spi;
mod ssd1306;
mod view;

use std::io;

use crate::error::Error;
use crate::sink::{Report, Sink};

pub use framebuffer::{Framebuffer, Layout};
pub use name::{Kind, Name};
pub use panel::{Bus, Controller, Panel, PanelOptions};
pub use png::Png;
pub use retort_vision::changes::{Area, Changes};
pub use retort_vision::depth::Depth;
pub use ssd1306::Ssd1306;
pub use view::View;

/// Something that shows pixels.
pub trait Screen {
    /// Width and height in pixels.
    fn size(&self) -> [usize; 2];

    /// What a pixel can be.
    fn depth(&self) -> Depth;

    /// Shows an area of `pixels`, which are rows of red, green and blue of the whole screen, without gaps.
    ///
    /// # Errors
    /// What the system says of the device.
    fn show(&mut self, area: &Area, pixels: &[u8]) -> io::Result<()>;

    /// Is called when all areas of a frame were shown.
    ///
    /// # Errors
    /// As [`show`](Self::show).
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A screen that shows reports.
pub struct Display {
    name: String,
    screen: Box<dyn Screen>,
    view: View,
    changes: Changes,
}

impl Display {
    /// Opens the screen of that name.
    ///
    /// # Errors
    /// [`Error::Display`].
    pub fn open(name: &Name) -> Result<Display, Error> {
        Ok(Display::on(&name.to_string(), name.open()?))
    }

    /// Shows on `screen`, which errors call `name`.
    pub fn on(name: &str, screen: Box<dyn Screen>) -> Display {
        let (size, depth) = (screen.size(), screen.depth());
        Display { name: name.into(), screen, view: View::new(size, depth), changes: Changes::new(size) }
    }
}

impl Sink for Display {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let pixels = self.view.draw(report);
        let shown = self.changes.of(pixels).iter().try_for_each(|area| self.screen.show(area, pixels));
        shown.and_then(|()| self.screen.end()).map_err(|error| {
            // What the screen shows now nobody knows.
            self.changes.forget();
            Error::Display { name: self.name.clone(), problem: format!("cannot be written to: {error}") }
        })
    }
}

#[cfg(test)]
mod tests;
