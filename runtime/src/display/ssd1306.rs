//! A screen of lit and dark pixels with an SSD1306 controller, on I²C.
//!
//! The controller's memory is bytes of eight pixels, one below the other, in *pages* of eight rows; a window of columns and
//! pages takes bytes row by row. Commands and windows are in the manual (Solomon Systech, 2008, tables 9-1 and 10.1.3).

use std::io;

use super::{Area, Depth, Screen};

/// Rows of a page.
const PAGE: usize = 8;

/// What follows are commands.
const COMMANDS: u8 = 0x00;
/// What follows are pixels.
const PIXELS: u8 = 0x40;

/// The screen; `write` sends bytes to the controller.
#[derive(Debug)]
pub struct Ssd1306<W> {
    write: W,
    size: [usize; 2],
    bytes: Vec<u8>,
}

impl<W: FnMut(&[u8]) -> io::Result<()>> Ssd1306<W> {
    /// Sets the screen up.
    ///
    /// # Errors
    /// What `write` says, or that the controller has no such size: it has 128 columns, and whole pages of up to 64 rows.
    pub fn new(mut write: W, size: [usize; 2]) -> io::Result<Ssd1306<W>> {
        let [width, height] = size;
        if !(1..=128).contains(&width) || !matches!(height, 16 | 32 | 48 | 64) {
            let problem = "the controller has up to 128 columns, and 16, 32, 48 or 64 rows";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        // Alternate rows of the glass are wired to either side, unless there are few.
        let pins = if matches!(height, 16 | 32) { 0x02 } else { 0x12 };
        write(&[
            COMMANDS,
            0xAE, // off
            0xD5,
            0x80, // the clock as it is after a reset
            0xA8,
            height as u8 - 1, // rows
            0xD3,
            0x00, // the first of them first
            0x40, // of the memory, too
            0x8D,
            0x14, // the charge pump on: most modules have no other source
            0x20,
            0x00, // bytes go to the right, then down
            0xA1,
            0xC8, // the other way round in both directions, as modules are mounted
            0xDA,
            pins,
            0x81,
            0xCF, // contrast
            0xD9,
            0xF1, // for the charge pump
            0xDB,
            0x40,
            0xA4, // show the memory
            0xA6, // a one is lit
            0xAF, // on
        ])?;
        Ok(Ssd1306 { write, size, bytes: Vec::with_capacity(1 + width * height / PAGE) })
    }
}

impl<W: FnMut(&[u8]) -> io::Result<()>> Screen for Ssd1306<W> {
    fn size(&self) -> [usize; 2] {
        self.size
    }

    fn depth(&self) -> Depth {
        Depth::Mono
    }

    fn show(&mut self, area: &Area, pixels: &[u8]) -> io::Result<()> {
        let [width, _] = self.size;
        // Modules with fewer columns than the controller show those in the middle.
        let first = (128 - width) / 2;
        let pages = area.top / PAGE..area.bottom.div_ceil(PAGE);
        let edges = [area.left + first, area.right + first - 1, pages.start, pages.end - 1].map(|edge| edge as u8);
        let [left, right, top, bottom] = edges;
        (self.write)(&[COMMANDS, 0x21, left, right, 0x22, top, bottom])?;
        self.bytes.clear();
        self.bytes.push(PIXELS);
        for page in pages {
            self.bytes.extend((area.left..area.right).map(|x| {
                let lit = |row: usize| pixels[((page * PAGE + row) * width + x) * 3] >= 128;
                (0..PAGE).fold(0, |byte, row| byte | u8::from(lit(row)) << row)
            }));
        }
        (self.write)(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn an_area_is_sent_as_whole_pages() {
        let sent = RefCell::new(Vec::new());
        let write = |bytes: &[u8]| {
            sent.borrow_mut().push(bytes.to_vec());
            Ok(())
        };
        let mut screen = Ssd1306::new(write, [64, 48]).unwrap();
        let set_up = sent.borrow_mut().pop().unwrap();
        assert!(
            set_up.starts_with(&[0, 0xAE]) && set_up.ends_with(&[0xAF]) && set_up.windows(2).any(|w| w == [0xA8, 47])
        );
        let mut pixels = vec![0; 64 * 48 * 3];
        for (x, y) in [(3, 9), (3, 15), (4, 16)] {
            pixels[(y * 64 + x) * 3..][..3].fill(255);
        }
        screen.show(&Area { left: 3, top: 9, right: 5, bottom: 17 }, &pixels).unwrap();
        // Columns 3 and 4 of 64 are 35 and 36 of 128; rows 9 to 16 lie in pages 1 and 2.
        let expected = [vec![0, 0x21, 35, 36, 0x22, 1, 2], vec![0x40, 0b1000_0010, 0, 0, 1]];
        assert_eq!(*sent.borrow(), expected);
    }

    #[test]
    fn other_sizes_are_refused() {
        for size in [[129, 64], [0, 64], [128, 63], [128, 0]] {
            assert!(Ssd1306::new(|_| Ok(()), size).is_err(), "{size:?}");
        }
    }
}
