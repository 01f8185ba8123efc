//! The pixels of a screen in memory: to be compared, printed, written as a picture, or sent.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Size};
use embedded_graphics::pixelcolor::BinaryColor;

use crate::face::{Face, SIZE};

const WIDTH: usize = SIZE[0];
const HEIGHT: usize = SIZE[1];

/// Pixels of a picture along each side of one of these.
const SCALE: usize = 4;

/// The pixels.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitmap([[bool; WIDTH]; HEIGHT]);

impl Bitmap {
    /// What a screen shows of a face.
    pub fn of(face: &Face) -> Bitmap {
        let mut bitmap = Bitmap([[false; WIDTH]; HEIGHT]);
        let Ok(()) = face.draw(&mut bitmap);
        bitmap
    }

    /// Column, row and whether it is lit, of each pixel.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize, bool)> {
        self.0.iter().enumerate().flat_map(|(y, row)| row.iter().enumerate().map(move |(x, &lit)| (x, y, lit)))
    }

    /// As a text: a character has one pixel above another.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for [upper, lower] in self.0.as_chunks::<2>().0 {
            let line: String = upper.iter().zip(lower).map(|(&upper, &lower)| half_blocks(upper, lower)).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// As a PNG, four times as large and a little blue.
    ///
    /// # Errors
    /// That it cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let picture = image::RgbImage::from_fn((WIDTH * SCALE) as u32, (HEIGHT * SCALE) as u32, |x, y| {
            let lit = self.0[y as usize / SCALE][x as usize / SCALE];
            image::Rgb(if lit { [190, 225, 255] } else { [8, 10, 16] })
        });
        picture.save(path).map_err(io::Error::other)
    }
}

fn half_blocks(upper: bool, lower: bool) -> char {
    match (upper, lower) {
        (false, false) => ' ',
        (true, false) => '▀',
        (false, true) => '▄',
        (true, true) => '█',
    }
}

impl OriginDimensions for Bitmap {
    fn size(&self) -> Size {
        Size::new(WIDTH as u32, HEIGHT as u32)
    }
}

impl DrawTarget for Bitmap {
    type Color = BinaryColor;
    type Error = Infallible;

    /// Like a screen, it has nothing beyond its edges.
    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            let (x, y) = (usize::try_from(at.x), usize::try_from(at.y));
            let pixel = x.ok().zip(y.ok()).and_then(|(x, y)| self.0.get_mut(y)?.get_mut(x));
            if let Some(pixel) = pixel {
                *pixel = colour.is_on();
            }
        }
        Ok(())
    }
}
