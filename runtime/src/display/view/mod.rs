//! Draws a report for a screen: as a picture where it has colours, as a sketch where a pixel is only on or off.

mod colour;
mod mono;
mod rate;

use std::fmt::Write as _;

use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyle, TextStyleBuilder};

use super::Depth;
use crate::sink::{Findings, Report};
use crate::vision::convert::Converter;
use crate::vision::draw::Canvas;
use crate::vision::latency::milliseconds;
use rate::Rate;

/// Draws reports in memory that it keeps.
#[derive(Debug)]
pub struct View {
    size: [usize; 2],
    depth: Depth,
    converter: Converter,
    /// The frame as large as it is shown.
    scaled: Vec<u8>,
    rate: Rate,
    pixels: Vec<u8>,
    text: String,
}

impl View {
    /// For a screen of `size`, width and height in pixels.
    pub fn new(size: [usize; 2], depth: Depth) -> View {
        View {
            size,
            depth,
            converter: Converter::default(),
            scaled: Vec::new(),
            rate: Rate::default(),
            pixels: vec![0; size[0] * size[1] * 3],
            text: String::new(),
        }
    }

    /// Rows of red, green and blue without gaps, as [`Depth::round`] makes them. Does not allocate once it has seen a frame of
    /// the size and names as long.
    pub fn draw(&mut self, report: &Report<'_>) -> &[u8] {
        self.rate.add(report.shot.frame.captured());
        match self.depth {
            Depth::Mono => self.draw_sketch(report),
            Depth::Rgb565 | Depth::Rgb888 => self.draw_picture(report),
        }
        self.depth.round(&mut self.pixels);
        &self.pixels
    }
}

/// Writes text, its place being the left, middle or right end of its top edge; returns where it ends.
fn write(canvas: &mut Canvas<'_>, text: &str, at: Point, font: &MonoFont<'_>, colour: Rgb888, to: Alignment) -> Point {
    let style: TextStyle = TextStyleBuilder::new().alignment(to).baseline(Baseline::Top).build();
    let Ok(end) = Text::with_text_style(text, at, MonoTextStyle::new(font, colour), style).draw(canvas);
    end
}

// Writing to a string cannot fail, so that its results are passed over.

/// Frames a second, where that is known.
fn frames_a_second(text: &mut String, rate: &Rate) {
    text.clear();
    if let Some(rate) = rate.frames_a_second() {
        let _ = if rate < 99.95 { write!(text, "{rate:.1} fps") } else { write!(text, "{rate:.0} fps") };
    }
}

/// How long it took to see.
fn latency(text: &mut String, report: &Report<'_>) {
    text.clear();
    let time = milliseconds(report.latency.total());
    let _ = if time < 99.95 { write!(text, "{time:.1} ms") } else { write!(text, "{time:.0} ms") };
}

/// What there is in short: how many objects, or the likeliest class.
fn in_short(text: &mut String, report: &Report<'_>) {
    text.clear();
    let _ = match report.findings {
        Findings::Detections([]) => write!(text, "nothing"),
        Findings::Detections([_]) => write!(text, "1 object"),
        Findings::Detections(all) => write!(text, "{} objects", all.len()),
        Findings::Classes([]) => Ok(()),
        Findings::Classes([best, ..]) => write!(text, "{} {:.0}%", report.class(best.class), best.score * 100.0),
    };
}
