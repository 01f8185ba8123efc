//! Drawings as pixels. Lines and discs are smoothed by how much of a pixel they cover; boxes lie on whole pixels, so
//! that they stay sharp.

use std::convert::Infallible;

use embedded_graphics::mono_font::iso_8859_1::{FONT_8X13, FONT_8X13_BOLD};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::RgbImage;

use super::drawing::{Anchor, Drawing, Mark, Rgb};

/// Pixels of a dash and of the gap after it.
const DASH: [f64; 2] = [7.0, 5.0];

pub(super) fn raster(drawing: &Drawing) -> RgbImage {
    let [width, height] = drawing.size;
    let mut paper = Paper {
        image: RgbImage::from_pixel(width, height, image::Rgb([255; 3])),
        cover: vec![0.0; width as usize * height as usize],
        touched: None,
    };
    for mark in &drawing.marks {
        paper.draw(mark);
    }
    paper.image
}

struct Paper {
    image: RgbImage,
    /// How much of each pixel the current mark covers; 0 between marks.
    cover: Vec<f32>,
    /// The rows and columns that it may cover: left, top, right, bottom.
    touched: Option<[usize; 4]>,
}

impl Paper {
    fn draw(&mut self, mark: &Mark) {
        match mark {
            Mark::Line { points, width, colour, dashed } => {
                let mut along = 0.0;
                for pair in points.windows(2) {
                    if *dashed {
                        self.dashes(pair[0], pair[1], *width, &mut along)
                    } else {
                        self.segment(pair[0], pair[1], *width)
                    }
                }
                self.ink(*colour);
            }
            Mark::Box { at: [x, y], size, colour } => {
                let edge = |at: f64, most: u32| at.round().clamp(0.0, f64::from(most)) as u32;
                let (width, height) = self.image.dimensions();
                for row in edge(*y, height)..edge(y + size[1], height) {
                    for column in edge(*x, width)..edge(x + size[0], width) {
                        self.image.put_pixel(column, row, image::Rgb(*colour));
                    }
                }
            }
            Mark::Disc { at, radius, colour } => {
                self.segment(*at, *at, 2.0 * radius);
                self.ink(*colour);
            }
            Mark::Text { at, text, anchor, colour, bold, upright } => {
                self.text(*at, text, *anchor, *colour, *bold, *upright)
            }
        }
    }

    /// Covers the pixels whose centres lie within half the width of a stretch, and the edge's by their share.
    fn segment(&mut self, from: [f64; 2], to: [f64; 2], width: f64) {
        let half = 0.5 * width;
        let (columns, rows) = (self.image.width() as usize, self.image.height() as usize);
        let span = |a: f64, b: f64, most: usize| {
            let clamp = |value: f64| value.clamp(0.0, most as f64) as usize;
            (clamp((a.min(b) - half - 1.0).floor()), clamp((a.max(b) + half + 2.0).ceil()))
        };
        let ((left, right), (top, bottom)) = (span(from[0], to[0], columns), span(from[1], to[1], rows));
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length2 = dx * dx + dy * dy;
        for row in top..bottom {
            // Pixel centres of a one pixel wide line on whole coordinates are covered wholly.
            let y = row as f64 - from[1];
            for column in left..right {
                let x = column as f64 - from[0];
                let share = if length2 > 0.0 { ((x * dx + y * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
                let distance = (x - share * dx).hypot(y - share * dy);
                let cover = (half + 0.5 - distance).clamp(0.0, 1.0) as f32;
                let cell = &mut self.cover[row * columns + column];
                *cell = cell.max(cover);
            }
        }
        if left < right && top < bottom {
            let [l, t, r, b] = self.touched.unwrap_or([left, top, right, bottom]);
            self.touched = Some([l.min(left), t.min(top), r.max(right), b.max(bottom)]);
        }
    }

    /// A dashed stretch, `along` pixels after the line's start.
    fn dashes(&mut self, from: [f64; 2], to: [f64; 2], width: f64, along: &mut f64) {
        let length = (to[0] - from[0]).hypot(to[1] - from[1]);
        let at = |share: f64| [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
        let period = DASH[0] + DASH[1];
        let mut start = -(*along % period);
        while start < length {
            let (first, last) = (start.max(0.0), (start + DASH[0]).min(length));
            if first < last {
                self.segment(at(first / length), at(last / length), width);
            }
            start += period;
        }
        *along += length;
    }

    /// Blends a colour over what is covered, and uncovers it.
    fn ink(&mut self, colour: Rgb) {
        let Some([left, top, right, bottom]) = self.touched.take() else { return };
        let columns = self.image.width() as usize;
        for row in top..bottom {
            for column in left..right {
                let cover = std::mem::take(&mut self.cover[row * columns + column]);
                if cover > 0.0 {
                    let pixel = self.image.get_pixel_mut(column as u32, row as u32);
                    for (under, over) in pixel.0.iter_mut().zip(colour) {
                        *under = (f32::from(*under) + cover * (f32::from(over) - f32::from(*under))).round() as u8;
                    }
                }
            }
        }
    }

    fn text(&mut self, at: [f64; 2], text: &str, anchor: Anchor, colour: Rgb, bold: bool, upright: bool) {
        let alignment = match anchor {
            Anchor::Start => Alignment::Left,
            Anchor::Middle => Alignment::Center,
            Anchor::End => Alignment::Right,
        };
        let font: &MonoFont<'_> = if bold { &FONT_8X13_BOLD } else { &FONT_8X13 };
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
        let at = Point::new(at[0].round() as i32, at[1].round() as i32);
        let mut target = Letters { image: &mut self.image, at, colour, upright };
        let text = printable(text);
        let written = Text::with_text_style(&text, Point::zero(), MonoTextStyle::new(font, BinaryColor::On), style);
        let Ok(_) = written.draw(&mut target);
    }
}

/// With the fonts' letters (ISO 8859-1) in the place of what they lack.
fn printable(text: &str) -> String {
    let letter = |letter: char| match letter {
        '–' | '—' | '−' | '‐' => '-',
        '…' => '~',
        '‘' | '’' => '\'',
        other if u32::from(other) < 256 && !other.is_control() => other,
        _ => '?',
    };
    text.chars().map(letter).collect()
}

/// Where the fonts draw to: about a point, lying or upright.
struct Letters<'a> {
    image: &'a mut RgbImage,
    at: Point,
    colour: Rgb,
    upright: bool,
}

impl Dimensions for Letters<'_> {
    fn bounding_box(&self) -> embedded_graphics::primitives::Rectangle {
        let all = 1 << 20;
        embedded_graphics::primitives::Rectangle::new(Point::new_equal(-all), Size::new_equal(2 * all as u32))
    }
}

impl DrawTarget for Letters<'_> {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            let turned = if self.upright { Point::new(point.y, -point.x) } else { point };
            let Point { x, y } = self.at + turned;
            if let (true, Ok(x), Ok(y)) = (colour.is_on(), u32::try_from(x), u32::try_from(y))
                && let Some(pixel) = self.image.get_pixel_mut_checked(x, y)
            {
                pixel.0 = self.colour;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(marks: Vec<Mark>) -> RgbImage {
        Drawing { size: [40, 30], marks }.pixels()
    }

    #[test]
    fn a_line_on_whole_pixels_is_sharp_and_a_slanted_one_smooth() {
        let line =
            |to: [f64; 2]| Mark::Line { points: vec![[5.0, 10.0], to], width: 1.0, colour: [0; 3], dashed: false };
        let sharp = drawn(vec![line([30.0, 10.0])]);
        assert_eq!([9, 10, 11].map(|y| sharp.get_pixel(20, y).0[0]), [255, 0, 255]);
        let slanted = drawn(vec![line([30.0, 15.0])]);
        assert!((0..30).any(|y| (60..200).contains(&slanted.get_pixel(18, y).0[0])));
    }

    #[test]
    fn joints_are_no_darker_than_lines() {
        let points = vec![[5.0, 5.5], [20.0, 5.5], [35.0, 5.5]];
        let line = drawn(vec![Mark::Line { points, width: 1.0, colour: [0; 3], dashed: false }]);
        assert_eq!(line.get_pixel(20, 5), line.get_pixel(12, 5));
    }

    #[test]
    fn what_is_off_the_paper_is_left_out() {
        let far = [[-1e9, -1e9], [1e9, 1e9]];
        drawn(vec![
            Mark::Line { points: far.to_vec(), width: 2.0, colour: [0; 3], dashed: false },
            Mark::Box { at: [-50.0, 20.0], size: [1e9, 1e9], colour: [1; 3] },
            Mark::Text {
                at: [39.0, 29.0],
                text: "größer – ☂".into(),
                anchor: Anchor::Start,
                colour: [0; 3],
                bold: true,
                upright: true,
            },
        ]);
    }
}
