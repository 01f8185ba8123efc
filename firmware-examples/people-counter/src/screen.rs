//! Where the face is shown: an SSD1306 on I²C, or, while one has none, the terminal or a picture.

use std::io::{self, Write};
use std::path::PathBuf;

use linux_embedded_hal::I2cdev;
use ssd1306::mode::{BufferedGraphicsMode, DisplayConfig};
use ssd1306::prelude::{DisplayRotation, DisplaySize128x64, I2CInterface};
use ssd1306::{I2CDisplayInterface, Ssd1306};

use crate::bitmap::Bitmap;

/// Shows pixels.
pub trait Screen {
    /// Shows these instead of what it shows.
    ///
    /// # Errors
    /// What the device says.
    fn show(&mut self, bitmap: &Bitmap) -> io::Result<()>;
}

/// Opens a screen: `terminal`, a file that ends in `.png`, or a bus such as `/dev/i2c-1`.
///
/// # Errors
/// What the system says, with the name.
pub fn open(name: &str) -> io::Result<Box<dyn Screen>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
    Ok(match name {
        "terminal" => Box::new(Terminal),
        _ if name.ends_with(".png") => Box::new(Picture(name.into())),
        _ => Box::new(Oled::open(name).map_err(named)?),
    })
}

/// A module with an SSD1306 at address 0x3C.
struct Oled(Ssd1306<I2CInterface<I2cdev>, DisplaySize128x64, BufferedGraphicsMode<DisplaySize128x64>>);

impl Oled {
    fn open(bus: &str) -> io::Result<Oled> {
        let interface = I2CDisplayInterface::new(I2cdev::new(bus).map_err(io::Error::from)?);
        let display = Ssd1306::new(interface, DisplaySize128x64, DisplayRotation::Rotate0);
        let mut display = display.into_buffered_graphics_mode();
        display.init().map_err(|_| io::Error::other("no display answers at 0x3C; `i2cdetect -y 1` shows what does"))?;
        Ok(Oled(display))
    }
}

impl Screen for Oled {
    fn show(&mut self, bitmap: &Bitmap) -> io::Result<()> {
        bitmap.pixels().for_each(|(x, y, lit)| self.0.set_pixel(x as u32, y as u32, lit));
        self.0.flush().map_err(|_| io::Error::other("the display does not answer"))
    }
}

/// Whatever shows text.
struct Terminal;

impl Screen for Terminal {
    fn show(&mut self, bitmap: &Bitmap) -> io::Result<()> {
        writeln!(io::stdout(), "{}", bitmap.text())
    }
}

/// A file with what was shown last.
struct Picture(PathBuf);

impl Screen for Picture {
    fn show(&mut self, bitmap: &Bitmap) -> io::Result<()> {
        bitmap.save(&self.0)
    }
}
