//! Frames of one format, one after another in a stream of bytes.

use std::fmt;
use std::time::Duration;

use crate::vision::frame::{Frame, PixelFormat, Range};

/// What all frames of a stream have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFormat {
    /// How pixels are stored, without gaps.
    pub pixels: PixelFormat,
    /// Of luma and chroma.
    pub range: Range,
    /// Width and height.
    pub size: [usize; 2],
    /// Frames in so many seconds, where the stream says.
    pub rate: Option<(u32, u32)>,
}

/// Longest side. What claims to be larger is refused before memory is taken for it.
const LONGEST_SIDE: usize = 1 << 15;
/// Bytes that a frame may take.
const MOST_BYTES: usize = 1 << 28;

impl StreamFormat {
    /// Bytes of a frame.
    ///
    /// # Errors
    /// That it is too large.
    pub fn bytes(&self) -> Result<usize, String> {
        let [width, height] = self.size;
        let fits = width <= LONGEST_SIDE && height <= LONGEST_SIDE;
        let bytes = self.pixels.picture_bytes(width, height).filter(|&bytes| fits && bytes <= MOST_BYTES);
        bytes.ok_or_else(|| {
            format!(
                "frames of {width}×{height} pixels are too large; the limit is {LONGEST_SIDE} on a side and {MOST_BYTES} bytes a frame"
            )
        })
    }

    /// Wraps the bytes of a frame.
    ///
    /// # Errors
    /// That they are too few.
    pub fn wrap<'a>(&self, bytes: &'a [u8], number: u64, captured: Duration) -> Result<Frame<'a>, String> {
        let [width, height] = self.size;
        let stride = self.pixels.row_bytes(width).unwrap_or(usize::MAX);
        let frame =
            Frame::new(bytes, self.pixels, width, height, stride, captured).map_err(|error| error.to_string())?;
        Ok(frame.numbered(number).ranged(self.range))
    }
}

impl fmt::Display for StreamFormat {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [width, height] = self.size;
        write!(to, "{:?} {width}x{height}", self.pixels)?;
        match self.rate {
            Some((frames, 1)) => write!(to, " {frames}/s"),
            Some((frames, seconds)) => write!(to, " {:.2}/s", f64::from(frames) / f64::from(seconds)),
            None => Ok(()),
        }
    }
}

/// Reads frames.
pub trait FrameReader {
    /// What they have in common.
    fn format(&self) -> StreamFormat;

    /// Reads the next into `frame`, which is resized to it; `false` where there is none. Does not allocate once `frame` is
    /// as large.
    ///
    /// # Errors
    /// What is wrong with the stream. It is then of no more use.
    fn read(&mut self, frame: &mut Vec<u8>) -> Result<bool, String>;
}

/// Frames that follow each other with nothing in between.
pub struct RawFrames<R> {
    input: R,
    format: StreamFormat,
    bytes: usize,
}

impl<R: std::io::Read> RawFrames<R> {
    /// Of this format.
    ///
    /// # Errors
    /// That they are too large.
    pub fn new(input: R, format: StreamFormat) -> Result<RawFrames<R>, String> {
        Ok(RawFrames { input, format, bytes: format.bytes()? })
    }
}

impl<R: std::io::Read> FrameReader for RawFrames<R> {
    fn format(&self) -> StreamFormat {
        self.format
    }

    fn read(&mut self, frame: &mut Vec<u8>) -> Result<bool, String> {
        frame.resize(self.bytes, 0);
        fill(&mut self.input, frame)
    }
}

/// Reads all of `to`; `false` where the stream ends before it.
///
/// # Errors
/// That the stream ends within, or cannot be read.
pub fn fill(input: &mut impl std::io::Read, to: &mut [u8]) -> Result<bool, String> {
    let mut filled = 0;
    while filled < to.len() {
        match input.read(&mut to[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(format!("ends within a frame, after {filled} of its {} bytes", to.len())),
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: StreamFormat =
        StreamFormat { pixels: PixelFormat::Grey8, range: Range::Limited, size: [2, 1], rate: None };

    #[test]
    fn frames_are_cut_off_the_stream() {
        let mut frames = RawFrames::new(&[1, 2, 3, 4, 5][..], TINY).unwrap();
        let mut frame = Vec::new();
        assert_eq!(frames.read(&mut frame), Ok(true));
        assert_eq!(frame, [1, 2]);
        assert_eq!(frames.read(&mut frame), Ok(true));
        assert!(frames.read(&mut frame).unwrap_err().contains("1 of its 2 bytes"));
        assert_eq!(RawFrames::new(&[][..], TINY).unwrap().read(&mut frame), Ok(false));
    }

    #[test]
    fn what_no_memory_holds_is_refused() {
        for size in [[1 << 16, 1], [1, 1 << 16], [1 << 15, 1 << 15], [usize::MAX, usize::MAX]] {
            assert!(StreamFormat { size, ..TINY }.bytes().is_err(), "{size:?}");
        }
    }
}
