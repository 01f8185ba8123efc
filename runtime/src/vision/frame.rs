//! A frame: borrowed pixels, and how they lie in memory.

use std::time::Duration;

use crate::error::Error;

/// How a pixel is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Three bytes: red, green, blue.
    Rgb8,
    /// Three bytes: blue, green, red.
    Bgr8,
    /// One byte of luma.
    Grey8,
}

impl PixelFormat {
    /// Bytes a pixel.
    pub const fn bytes(self) -> usize {
        match self {
            PixelFormat::Rgb8 | PixelFormat::Bgr8 => 3,
            PixelFormat::Grey8 => 1,
        }
    }
}

/// One picture of a source, borrowed for as long as it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    pixels: &'a [u8],
    format: PixelFormat,
    width: usize,
    height: usize,
    row_stride: usize,
    captured: Duration,
}

impl<'a> Frame<'a> {
    /// Wraps pixels: `height` rows of `width` pixels from the top left, `row_stride` bytes from one row's first to the
    /// next's. `captured` is when the picture was taken, since the source began; zero for still pictures.
    ///
    /// # Errors
    /// [`Error::Frame`] where a side is 0, rows overlap, or `pixels` ends before the last row does.
    pub fn new(
        pixels: &'a [u8],
        format: PixelFormat,
        width: usize,
        height: usize,
        row_stride: usize,
        captured: Duration,
    ) -> Result<Self, Error> {
        let refuse = |problem: String| Err(Error::Frame { problem });
        if width == 0 || height == 0 {
            return refuse(format!("{width}×{height} has no pixels"));
        }
        let row = width.checked_mul(format.bytes());
        let needed = row.and_then(|row| row_stride.checked_mul(height - 1)?.checked_add(row));
        match (row, needed) {
            (Some(row), _) if row_stride < row => {
                refuse(format!("a row of {width} pixels takes {row} bytes, but the next begins after {row_stride}"))
            }
            (Some(_), Some(needed)) if needed <= pixels.len() => {
                Ok(Frame { pixels, format, width, height, row_stride, captured })
            }
            _ => refuse(format!(
                "{width}×{height} pixels with rows {row_stride} bytes apart do not fit {} bytes",
                pixels.len()
            )),
        }
    }

    /// Wraps rows of RGB that follow each other without a gap.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn rgb(pixels: &'a [u8], width: usize, height: usize) -> Result<Self, Error> {
        Self::new(pixels, PixelFormat::Rgb8, width, height, width.saturating_mul(3), Duration::ZERO)
    }

    /// How a pixel is stored.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// When the picture was taken, since the source began.
    pub fn captured(&self) -> Duration {
        self.captured
    }

    /// The bytes of row `y`, which must be below the height.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.pixels[y * self.row_stride..][..self.width * self.format.bytes()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_may_lie_apart_but_not_beyond_the_end() {
        let pixels = [1, 2, 0, 3, 4];
        let frame = Frame::new(&pixels, PixelFormat::Grey8, 2, 2, 3, Duration::ZERO).unwrap();
        assert_eq!((frame.row(0), frame.row(1)), (&[1, 2][..], &[3, 4][..]));
        for (width, height, stride) in [(2, 3, 3), (0, 1, 1), (2, 0, 2), (3, 1, 2), (usize::MAX, 2, usize::MAX)] {
            assert!(Frame::new(&pixels, PixelFormat::Grey8, width, height, stride, Duration::ZERO).is_err());
        }
        assert!(Frame::rgb(&pixels, usize::MAX / 2, 2).is_err());
    }
}
