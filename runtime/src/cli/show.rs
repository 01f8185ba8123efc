//! Where commands show what they find: a small display.

use clap::Args;

#[cfg(feature = "display")]
use crate::display::{Display, Name};
use crate::sink::Sink;

/// Arguments of commands that can show what they find.
#[derive(Clone, Debug, Default, Args)]
pub struct Show {
    /// Show each frame with its boxes on a small screen: fb:/dev/fb0, st7789:/dev/spidev0.0,dc=25,rst=27,240x240,
    /// ili9341:/dev/spidev0.0,dc=25,rst=27,320x240, ssd1306:/dev/i2c-1,128x64, or as files, png:DIR,240x240. Panels also take
    /// rotate=90, invert=0, bgr=1, mirror=1, x= and y= (first column and row), mhz=32 and chip=/dev/gpiochip0; ssd1306
    /// address=0x3c; png every=30 and mono.
    #[cfg(feature = "display")]
    #[arg(long, value_name = "NAME", value_parser = Name::parse)]
    pub display: Option<Name>,
}

impl Show {
    /// Opens the display that is named, if one is.
    pub fn open(&self) -> Result<Option<Box<dyn Sink>>, crate::Error> {
        #[cfg(feature = "display")]
        return self.display.as_ref().map(|name| Ok(Box::new(Display::open(name)?) as Box<dyn Sink>)).transpose();
        #[cfg(not(feature = "display"))]
        Ok(None)
    }
}
