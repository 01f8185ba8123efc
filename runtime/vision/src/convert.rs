//! A whole frame as red, green and blue, for those who draw on it or save it.

use super::frame::Frame;
use super::geometry::Mapping;
use super::lines::Lines;
use super::order::Order;
use super::sample::Grid;
use crate::contract::{Colour, Interpolation, Resize};

/// Converts frames of any format, in memory that it keeps.
#[derive(Debug, Default)]
pub struct Converter {
    grid: Grid,
    lines: Lines,
}

impl Converter {
    /// The same in another size, `rgb` having `3 · width · height` bytes then; bilinear, so that a picture made much smaller is
    /// a little rough.
    pub fn scaled(&mut self, frame: &Frame<'_>, [width, height]: [usize; 2], rgb: &mut Vec<u8>) {
        let mapping = Mapping::new(Resize::Stretch, [frame.width(), frame.height()], [width, height]);
        self.mapped(frame, &mapping, rgb);
    }

    /// The part of the frame that the mapping shows, `rgb` having three bytes for each pixel of [`Mapping::shown`] then;
    /// bilinear, as [`scaled`](Self::scaled).
    #[inline(never)]
    pub fn mapped(&mut self, frame: &Frame<'_>, mapping: &Mapping, rgb: &mut Vec<u8>) {
        if mapping.is_exact() {
            return self.rgb(frame, rgb);
        }
        rgb.clear();
        self.grid.fill(mapping, Interpolation::Linear, frame);
        self.lines.fit(frame, &self.grid);
        let [_, _, _, height] = mapping.shown;
        for y in 0..height {
            rgb.extend_from_slice(self.lines.resized(y, frame, &self.grid, Colour::Rgb));
        }
    }

    /// Puts the frame's pixels into `rgb` as rows without gaps. Allocates only where `rgb` or the rows must grow.
    #[inline(never)]
    pub fn rgb(&mut self, frame: &Frame<'_>, rgb: &mut Vec<u8>) {
        rgb.clear();
        let size = [frame.width(), frame.height()];
        if Order::of(frame.format()).is_none() {
            self.grid.fill(&Mapping::new(Resize::Stretch, size, size), Interpolation::Linear, frame);
            self.lines.fit(frame, &self.grid);
        }
        for y in 0..frame.height() {
            rgb.extend_from_slice(match Order::of(frame.format()) {
                Some(order) => self.lines.arranged(frame.row(y), order, Colour::Rgb),
                None => self.lines.resized(y, frame, &self.grid, Colour::Rgb),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::frame::{PixelFormat, Range};

    fn rgb(pixels: &[u8], format: PixelFormat, width: usize, height: usize, range: Range) -> Vec<u8> {
        let stride = format.row_bytes(width).unwrap();
        let frame = Frame::new(pixels, format, width, height, stride, Duration::ZERO).unwrap().ranged(range);
        let mut rgb = Vec::new();
        Converter::default().rgb(&frame, &mut rgb);
        rgb
    }

    #[test]
    fn every_format_of_a_picture_has_its_colours() {
        use PixelFormat::*;
        // Luma 81, Cb 90, Cr 240 is BT.601's red of the limited range.
        let red = [254, 0, 0].repeat(8);
        for (format, pixels) in [
            (Rgb8, [254, 0, 0].repeat(8)),
            (Bgr8, [0, 0, 254].repeat(8)),
            (Yuyv, [81, 90, 81, 240].repeat(4)),
            (Uyvy, [90, 81, 240, 81].repeat(4)),
            (Nv12, [vec![81; 8], [90, 240].repeat(2)].concat()),
            (I420, [vec![81; 8], vec![90; 2], vec![240; 2]].concat()),
            (I422, [vec![81; 8], vec![90; 4], vec![240; 4]].concat()),
            (I444, [vec![81; 8], vec![90; 8], vec![240; 8]].concat()),
        ] {
            assert_eq!(rgb(&pixels, format, 4, 2, Range::Limited), red, "{format:?}");
        }
        assert_eq!(rgb(&[7, 9], Grey8, 1, 2, Range::Limited), [7, 7, 7, 9, 9, 9]);
    }

    #[test]
    fn chroma_lies_left_in_video_and_between_in_jpeg() {
        // Grey of luma 128, Cr rising from 128 by 64: red rises with it.
        let pixels = [128, 128, 128, 128, 128, 128, 128, 192];
        let reds =
            |range| rgb(&pixels, PixelFormat::Yuyv, 4, 1, range).chunks(3).map(|p| i32::from(p[0])).collect::<Vec<_>>();
        // Full: 1.402 · 64 · {0, 1/4, 3/4, 1}.
        assert_eq!(reds(Range::Full), [128, 150, 195, 218]);
        // Limited: (128 - 16) · 255 / 219 and 1.596 · 64 · {0, 1/2, 1, 1}.
        assert_eq!(reds(Range::Limited), [130, 181, 233, 233]);
    }

    #[test]
    fn a_smaller_picture_of_any_format_has_its_colours() {
        for (format, pixels, colour) in [
            (PixelFormat::Bgr8, [1, 2, 3].repeat(32), [3, 2, 1]),
            (PixelFormat::Grey8, vec![9; 32], [9; 3]),
            (PixelFormat::Yuyv, [81, 90, 81, 240].repeat(16), [254, 0, 0]),
        ] {
            let frame = Frame::new(&pixels, format, 8, 4, format.row_bytes(8).unwrap(), Duration::ZERO).unwrap();
            let mut rgb = vec![7];
            Converter::default().scaled(&frame, [4, 2], &mut rgb);
            assert_eq!(rgb, colour.repeat(8), "{format:?}");
        }
    }

    #[test]
    fn a_square_shows_the_middle_of_a_wide_picture() {
        let row = [10, 20, 30, 40].iter().flat_map(|&grey| [grey; 3]).collect::<Vec<u8>>();
        let pixels = row.repeat(2);
        let mapping = Mapping::new(Resize::CentreCrop { crop: 1.0 }, [4, 2], [4, 4]);
        let mut rgb = Vec::new();
        Converter::default().mapped(&Frame::rgb(&pixels, 4, 2).unwrap(), &mapping, &mut rgb);
        // Twice as large: columns 1 and 2, and a quarter and three quarters of the way from each to the next.
        let expected = [[18; 3], [23; 3], [28; 3], [33; 3]].concat();
        assert_eq!(rgb, expected.repeat(4));
    }

    #[test]
    fn odd_sides_are_covered_by_the_last_chroma() {
        let pixels = [vec![81; 9], vec![90; 4], vec![240; 4]].concat();
        assert_eq!(rgb(&pixels, PixelFormat::I420, 3, 3, Range::Limited), [254, 0, 0].repeat(9));
    }
}
