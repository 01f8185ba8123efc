//! The picture with its boxes and labels, as large as the screen allows, and numbers below it: in what is left of the screen,
//! with the classes there are, or else in a line on the darkened foot of the picture.

use std::fmt::Write as _;

use embedded_graphics::mono_font::iso_8859_1::FONT_6X12;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::Alignment;

use super::{View, frames_a_second, in_short, latency, write};
use crate::contract::{Align, Resize};
use crate::sink::{Findings, Report};
use crate::vision::draw::{Canvas, annotate, class_colour};
use crate::vision::geometry::Mapping;

/// Behind everything.
const GROUND: [u8; 3] = [16, 18, 22];
const TEXT: Rgb888 = Rgb888::new(232, 232, 232);
const QUIET: Rgb888 = Rgb888::new(156, 160, 168);
/// Blocks from one line of text to the next.
const LINE: i32 = 14;
/// Blocks between text and edges.
const MARGIN: i32 = 3;
/// Blocks along a side of the square that has a class's colour.
const SWATCH: i32 = 8;

/// Where things are, in pixels.
struct Places {
    picture: Mapping,
    /// First row of the numbers.
    foot: usize,
    /// Whether they lie on the picture.
    over: bool,
}

impl Places {
    fn new(source: [usize; 2], [width, height]: [usize; 2], block: usize) -> Places {
        let letterbox = |align| Mapping::new(Resize::Letterbox { pad: 0, align }, source, [width, height]);
        let line = (LINE as usize * block).min(height);
        let picture = letterbox(Align::TopLeft);
        let [_, _, across, down] = picture.shown;
        if across == width && height - down >= line {
            return Places { picture, foot: down, over: false };
        }
        Places { picture: letterbox(Align::Centre), foot: height - line, over: true }
    }
}

impl View {
    pub(super) fn draw_picture(&mut self, report: &Report<'_>) {
        let (frame, [width, height]) = (&report.shot.frame, self.size);
        let places = Places::new([frame.width(), frame.height()], self.size, Canvas::block_of(width, height));
        let [left, top, across, down] = places.picture.shown;
        if [across, down] != self.size {
            self.pixels.as_chunks_mut::<3>().0.fill(GROUND);
        }
        self.converter.scaled(frame, [across, down], &mut self.scaled);
        for (y, row) in self.scaled.chunks_exact(across * 3).enumerate() {
            self.pixels[((top + y) * width + left) * 3..][..across * 3].copy_from_slice(row);
        }
        if let Some(canvas) = &mut Canvas::new(&mut self.pixels, width, height) {
            boxes(canvas, &mut self.text, report, &places.picture);
        }
        if places.over {
            for (value, ground) in self.pixels[places.foot * width * 3..].iter_mut().zip(GROUND.iter().cycle()) {
                *value = *value / 4 + ground / 4 * 3;
            }
        }
        self.numbers(report, &places);
    }

    fn numbers(&mut self, report: &Report<'_>, places: &Places) {
        let [width, height] = self.size;
        let Some(canvas) = &mut Canvas::new(&mut self.pixels, width, height) else { return };
        let text = &mut self.text;
        let [across, down] = [canvas.size().width, canvas.size().height].map(|blocks| blocks as i32);
        let mut y = places.foot.div_ceil(Canvas::block_of(width, height)) as i32 + 1;
        in_short(text, report);
        write(canvas, text, Point::new(across - MARGIN, y), &FONT_6X12, TEXT, Alignment::Right);
        let mut x = MARGIN;
        frames_a_second(text, &self.rate);
        if !text.is_empty() {
            x = write(canvas, text, Point::new(x, y), &FONT_6X12, TEXT, Alignment::Left).x + 3 * MARGIN;
        }
        latency(text, report);
        write(canvas, text, Point::new(x, y), &FONT_6X12, QUIET, Alignment::Left);
        // The classes, side by side as far as there is room.
        x = MARGIN;
        y += LINE + 2;
        each_class(text, report, |text, class| {
            let length = SWATCH + MARGIN + FONT_6X12.character_size.width as i32 * text.chars().count() as i32;
            if x > MARGIN && x + length > across {
                x = MARGIN;
                y += LINE;
            }
            if y + LINE > down {
                return;
            }
            let swatch = Rectangle::new(Point::new(x, y + 2), Size::new_equal(SWATCH as u32));
            let Ok(()) = swatch.into_styled(PrimitiveStyle::with_fill(class_colour(class))).draw(canvas);
            write(canvas, text, Point::new(x + SWATCH + MARGIN, y), &FONT_6X12, TEXT, Alignment::Left);
            x += length + 4 * MARGIN;
        });
    }
}

/// Boxes and labels, with scores in per cent: there is little room.
fn boxes(canvas: &mut Canvas<'_>, text: &mut String, report: &Report<'_>, picture: &Mapping) {
    let Findings::Detections(detections) = report.findings else { return };
    annotate(
        canvas,
        detections,
        text,
        |rect| picture.to_input(rect),
        |found, text| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}", report.class(found.class));
            let _ = found.track.map_or(Ok(()), |track| write!(text, " #{track}"));
            let _ = write!(text, " {:.0}", found.score * 100.0);
        },
    );
}

/// Calls `take` with a few words about each class there is, and its number.
fn each_class(text: &mut String, report: &Report<'_>, mut take: impl FnMut(&str, u32)) {
    match report.findings {
        Findings::Detections(all) => {
            for (index, first) in all.iter().enumerate() {
                let same = |other: &&crate::vision::detection::Detection| other.class == first.class;
                if !all[..index].iter().any(|other| same(&other)) {
                    text.clear();
                    let _ = write!(text, "{} {}", all.iter().filter(same).count(), report.class(first.class));
                    take(text, first.class);
                }
            }
        }
        Findings::Classes(ranked) => {
            for entry in ranked {
                text.clear();
                let _ = write!(text, "{} {:.0}%", report.class(entry.class), entry.score * 100.0);
                take(text, entry.class);
            }
        }
    }
}
