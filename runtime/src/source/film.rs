//! Every frame of a stream, in order: of a file, or of standard input.

use std::time::{Duration, Instant};

use super::frames::FrameReader;
use super::{Shot, Source, Stop};
use crate::error::Error;

/// Frames of a reader.
pub struct Film<F> {
    name: String,
    reader: F,
    frame: Vec<u8>,
    number: u64,
    began: Instant,
    ended: bool,
    stop: Stop,
}

impl<F: FrameReader> Film<F> {
    /// All frames of `reader`; `name` is what the source is called.
    pub fn new(name: &str, reader: F, stop: Stop) -> Film<F> {
        Film { name: name.into(), reader, frame: Vec::new(), number: 0, began: Instant::now(), ended: false, stop }
    }
}

impl<F: FrameReader> Source for Film<F> {
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let refuse = |problem: String| Error::Source { name: self.name.clone(), problem };
        match self.reader.read(&mut self.frame) {
            Ok(true) => {}
            Ok(false) => {
                self.ended = true;
                return Ok(None);
            }
            Err(problem) => {
                // Nobody knows where the next frame begins.
                self.ended = true;
                return if self.stop.is_raised() { Ok(None) } else { Err(refuse(problem)) };
            }
        }
        let (number, format) = (self.number, self.reader.format());
        self.number += 1;
        let captured = match format.rate {
            Some((frames, seconds)) => Duration::from_secs_f64(number as f64 * f64::from(seconds) / f64::from(frames)),
            None => self.began.elapsed(),
        };
        let frame = format.wrap(&self.frame, number, captured).map_err(refuse)?;
        Ok(Some(Shot::new(&self.name, frame)))
    }

    fn format(&self) -> Option<String> {
        Some(self.reader.format().to_string())
    }

    fn count(&self) -> Option<usize> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::y4m::Y4m;

    #[test]
    fn frames_have_numbers_and_times_and_damage_ends_the_film() {
        let reader = Y4m::open(&b"YUV4MPEG2 W1 H1 F4:1 Cmono\nFRAME\naFRAME\nbFRAME\n"[..]).unwrap();
        let mut film = Film::new("-", reader, Stop::default());
        for (number, luma) in [(0, b'a'), (1, b'b')] {
            let shot = film.next_shot().unwrap().unwrap();
            assert_eq!((shot.frame.sequence(), shot.frame.row(0)), (number, &[luma][..]));
            assert_eq!(shot.frame.captured(), Duration::from_millis(250 * number));
        }
        assert_eq!(film.next_shot().unwrap_err().to_string(), "-: ends after the line of a frame");
        assert!(film.next_shot().unwrap().is_none());
    }
}
