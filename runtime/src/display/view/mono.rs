//! A sketch for screens without shades: the frame and its boxes as lines, with as much of each name as its box has room for, and
//! numbers beside it.

use embedded_graphics::mono_font::iso_8859_1::{FONT_4X6, FONT_5X8, FONT_10X20};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyleBuilder, Rectangle, StrokeAlignment};
use embedded_graphics::text::Alignment;

use std::fmt::Write as _;

use super::{View, frames_a_second, in_short, latency, write};
use crate::contract::{Align, Resize};
use crate::sink::{Findings, Report};
use crate::vision::draw::Canvas;
use crate::vision::geometry::Mapping;

/// Columns beside the sketch: nine letters.
const NUMBERS: usize = 46;

impl View {
    pub(super) fn draw_sketch(&mut self, report: &Report<'_>) {
        let [width, height] = self.size;
        self.pixels.fill(0);
        let Some(canvas) = &mut Canvas::new(&mut self.pixels, width, height) else { return };
        let field = [width.saturating_sub(NUMBERS).max(1), height];
        let frame = &report.shot.frame;
        let resize = Resize::Letterbox { pad: 0, align: Align::TopLeft };
        let sketch = Mapping::new(resize, [frame.width(), frame.height()], field);
        let [_, _, across, down] = sketch.shown;
        outline(canvas, Point::zero(), Point::new(across as i32, down as i32));
        if let Findings::Detections(detections) = report.findings {
            for found in detections.iter().rev() {
                let rect = sketch.to_input(&found.rect);
                let corner = Point::new(rect.left.round() as i32, rect.top.round() as i32);
                let opposite = Point::new(rect.right.round() as i32, rect.bottom.round() as i32);
                let most = Point::new(across as i32, down as i32);
                let corner = corner.component_max(Point::zero()).component_min(most);
                let opposite = opposite.component_max(corner).component_min(most);
                outline(canvas, corner, opposite);
                // The letters that fit between the sides, with a pixel left free all around.
                let (room, letter) = (opposite - corner - Point::new(3, 3), FONT_4X6.character_size);
                let name = report.class(found.class);
                let letters = (room.x / letter.width as i32).max(0) as usize;
                let end = name.char_indices().nth(letters).map_or(name.len(), |(end, _)| end);
                if room.y >= letter.height as i32 {
                    write(canvas, &name[..end], corner + Point::new(2, 2), &FONT_4X6, Rgb888::WHITE, Alignment::Left);
                }
            }
        }
        let text = &mut self.text;
        let (x, mut y) = (across as i32 + 4, 0);
        let big = if let Findings::Detections(all) = report.findings { Some(all.len()) } else { None };
        if let Some(count) = big {
            text.clear();
            let _ = write!(text, "{count}");
            write(canvas, text, Point::new(x, -2), &FONT_10X20, Rgb888::WHITE, Alignment::Left);
            y = 17;
        }
        in_short(text, report);
        // The number is there already.
        let words = text.split_once(' ').filter(|_| big.is_some()).map_or(text.as_str(), |(_, words)| words);
        write(canvas, words, Point::new(x, y), &FONT_5X8, Rgb888::WHITE, Alignment::Left);
        frames_a_second(text, &self.rate);
        write(canvas, text, Point::new(x, height as i32 - 18), &FONT_5X8, Rgb888::WHITE, Alignment::Left);
        latency(text, report);
        write(canvas, text, Point::new(x, height as i32 - 8), &FONT_5X8, Rgb888::WHITE, Alignment::Left);
    }
}

/// The border within two corners, on a dark ground.
fn outline(canvas: &mut Canvas<'_>, corner: Point, opposite: Point) {
    let size = opposite - corner;
    let rectangle = Rectangle::new(corner, Size::new(size.x.max(1) as u32, size.y.max(1) as u32));
    let style = PrimitiveStyleBuilder::new().stroke_color(Rgb888::WHITE).stroke_width(1);
    let Ok(()) = rectangle.into_styled(style.stroke_alignment(StrokeAlignment::Inside).build()).draw(canvas);
}
