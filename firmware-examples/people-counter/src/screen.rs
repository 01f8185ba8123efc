//! Where the face is shown: an SSD1306 on I²C, or, while one has none, the terminal or a picture.

use std::io::{self, Write};
use std::path::PathBuf;

use retort::display::{self, Changes, Name};

use crate::bitmap::Bitmap;
use crate::face::SIZE;

/// Shows pixels.
pub trait Screen {
    /// Shows these instead of what it shows.
    ///
    /// # Errors
    /// What the device says.
    fn show(&mut self, bitmap: &Bitmap) -> io::Result<()>;
}

/// Opens a screen: `terminal`, a file that ends in `.png`, or a display such as `ssd1306:/dev/i2c-1`.
///
/// # Errors
/// What the system says, with the name.
pub fn open(name: &str) -> io::Result<Box<dyn Screen>> {
    Ok(match name {
        "terminal" => Box::new(Terminal),
        _ if name.ends_with(".png") => Box::new(Picture(name.into())),
        _ => Box::new(Small::open(name)?),
    })
}

/// A display with just as many pixels.
struct Small {
    screen: Box<dyn display::Screen>,
    changes: Changes,
}

impl Small {
    fn open(name: &str) -> io::Result<Small> {
        let screen = Name::parse(name).and_then(|name| name.open()).map_err(io::Error::other)?;
        if screen.size() != SIZE {
            let [[width, height], [across, down]] = [screen.size(), SIZE];
            let problem = format!("{name}: has {width} × {height} pixels, not {across} × {down}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        Ok(Small { screen, changes: Changes::new(SIZE) })
    }
}

impl Screen for Small {
    fn show(&mut self, bitmap: &Bitmap) -> io::Result<()> {
        let pixels: Vec<u8> = bitmap.pixels().flat_map(|(_, _, lit)| [if lit { 255 } else { 0 }; 3]).collect();
        self.changes.of(&pixels).iter().try_for_each(|area| self.screen.show(area, &pixels))?;
        self.screen.end()
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
