//! Frames made up for tests and benches: shapes that move over a gradient, the same in every run.

use std::time::Duration;

use super::{Shot, Source};
use crate::error::Error;
use crate::vision::frame::{Frame, PixelFormat};

/// Longest side.
const LONGEST_SIDE: usize = 8192;
/// Frames a second that the times of frames go by. Frames come as fast as they are asked for.
const RATE: u64 = 30;

/// An endless film of a square and a disc that wander over a gradient, as RGB.
#[derive(Debug)]
pub struct Synthetic {
    name: String,
    size: [usize; 2],
    pixels: Vec<u8>,
    number: u64,
}

impl Synthetic {
    /// Frames of `size`, which is written as `640x480`. `name` is what the source is called.
    ///
    /// # Errors
    /// [`Error::Source`] where it is not so written, or out of bounds.
    pub fn open(name: &str, size: &str) -> Result<Synthetic, Error> {
        let size = super::parse_size(size).filter(|size| size.iter().all(|&side| side <= LONGEST_SIDE));
        let Some(size) = size else {
            let problem = format!("needs a width and height of 1 to {LONGEST_SIDE}, as synthetic:640x480");
            return Err(Error::Source { name: name.into(), problem });
        };
        Ok(Synthetic { name: name.into(), size, pixels: vec![0; size[0] * size[1] * 3], number: 0 })
    }

    fn draw(&mut self) {
        let [width, height] = self.size;
        let side = (width.min(height) / 4).max(1);
        let square = wander(self.number, 3, [width, height], side);
        let disc = wander(self.number, 2, [height, width], side);
        let centre = [disc[1] + side / 2, disc[0] + side / 2];
        let rows = self.pixels.chunks_exact_mut(width * 3).enumerate();
        for (y, row) in rows {
            for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let in_square = x.wrapping_sub(square[0]) < side && y.wrapping_sub(square[1]) < side;
                let from_centre = x.abs_diff(centre[0]).pow(2) + y.abs_diff(centre[1]).pow(2);
                *pixel = if in_square {
                    [220, 40, 40]
                } else if 4 * from_centre < side * side {
                    [40, 60, 220]
                } else {
                    [(x * 200 / width) as u8, (y * 200 / height) as u8, 90]
                };
            }
        }
    }
}

/// The corner of something that goes to and fro along both axes, `step` pixels a frame, and never leaves the picture.
fn wander(number: u64, step: u64, size: [usize; 2], side: usize) -> [usize; 2] {
    size.map(|length| {
        let room = (length - side.min(length)) as u64;
        let at = (number * step) % (2 * room).max(1);
        at.min((2 * room).saturating_sub(at)) as usize
    })
}

impl Source for Synthetic {
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error> {
        self.draw();
        let [width, height] = self.size;
        let captured = Duration::from_micros(self.number * 1_000_000 / RATE);
        let frame = Frame::new(&self.pixels, PixelFormat::Rgb8, width, height, width * 3, captured)?;
        let frame = frame.numbered(self.number);
        self.number += 1;
        Ok(Some(Shot::new(&self.name, frame)))
    }

    fn count(&self) -> Option<usize> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_move_and_are_the_same_in_every_run() {
        let film = |name: &str| {
            let mut source = Synthetic::open(name, name).unwrap();
            let mut frame = || {
                let shot = source.next_shot().unwrap().unwrap();
                (0..shot.frame.height()).flat_map(|y| shot.frame.row(y).to_vec()).collect::<Vec<_>>()
            };
            [frame(), frame()]
        };
        let first = film("40x30");
        assert_ne!(first[0], first[1]);
        assert_eq!(first, film("40x30"));
        for tiny in ["1x1", "1x7", "2x1"] {
            film(tiny);
        }
    }

    #[test]
    fn sizes_out_of_bounds_are_refused() {
        for wrong in ["", "640", "0x4", "4x0", "x", "9000x2", "99999999999999999999x1", "-1x1"] {
            assert!(Synthetic::open("synthetic", wrong).is_err(), "{wrong}");
        }
    }
}
