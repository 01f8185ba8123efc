//! Draws a report: the middle of the frame as large as it covers the screen, framed objects with their names, and a line at the
//! foot.

use std::fmt::Write as _;

use embedded_graphics::text::Alignment;
use retort::contract::Resize;
use retort::display::Depth;
use retort::sink::{Findings, Report};
use retort::vision::convert::Converter;
use retort::vision::draw::{Canvas, class_colour};
use retort::vision::geometry::Mapping;

use crate::overlay::{self, FOOT};
use crate::status::{Notice, Status};

/// A screen's picture, drawn in memory that it keeps.
#[derive(Debug)]
pub struct Picture {
    size: [usize; 2],
    depth: Depth,
    converter: Converter,
    /// Rows of red, green and blue without gaps.
    pixels: Vec<u8>,
    text: String,
}

impl Picture {
    /// For a screen of that width and height in pixels.
    pub fn new(size: [usize; 2], depth: Depth) -> Picture {
        let pixels = Vec::with_capacity(size[0] * size[1] * 3);
        Picture { size, depth, converter: Converter::default(), pixels, text: String::with_capacity(64) }
    }

    /// Whether it is for such a screen.
    pub fn is_for(&self, size: [usize; 2], depth: Depth) -> bool {
        (self.size, self.depth) == (size, depth)
    }

    /// The pixels that were drawn last, in exchange for as much memory as they took.
    pub fn exchange(&mut self, memory: &mut Vec<u8>) {
        std::mem::swap(&mut self.pixels, memory);
    }

    /// Draws a report; the pixels are such as a screen of that depth has. Does not allocate once it has seen a frame of the
    /// size and names as long.
    pub fn draw(&mut self, report: &Report<'_>, status: &Status) -> &[u8] {
        let frame = &report.shot.frame;
        let mapping = Mapping::new(Resize::CentreCrop { crop: 1.0 }, [frame.width(), frame.height()], self.size);
        self.converter.mapped(frame, &mapping, &mut self.pixels);
        let [width, height] = self.size;
        if let Some(canvas) = &mut Canvas::new(&mut self.pixels, width, height) {
            objects(canvas, &mut self.text, report, &mapping);
        }
        darken_foot(&mut self.pixels, self.size);
        if let Some(canvas) = &mut Canvas::new(&mut self.pixels, width, height) {
            foot(canvas, &mut self.text, report, status);
        }
        self.depth.round(&mut self.pixels);
        &self.pixels
    }
}

/// Puts a notice over pixels of a screen.
pub fn put_notice(pixels: &mut [u8], [width, height]: [usize; 2], depth: Depth, notice: Notice) {
    if let Some(canvas) = &mut Canvas::new(pixels, width, height) {
        let Ok(()) = overlay::notice(canvas, notice);
    }
    depth.round(pixels);
}

/// Halves the light twice where the foot's text will stand.
fn darken_foot(pixels: &mut [u8], [width, height]: [usize; 2]) {
    let first = height.saturating_sub(FOOT as usize * Canvas::block_of(width, height));
    pixels[first * width * 3..].iter_mut().for_each(|value| *value /= 4);
}

// Writing to a string cannot fail, and neither can drawing on a canvas.

fn objects(canvas: &mut Canvas<'_>, text: &mut String, report: &Report<'_>, mapping: &Mapping) {
    let Findings::Detections(detections) = report.findings else { return };
    let [_, _, width, height] = mapping.shown.map(|side| side as f32);
    let visible = || {
        // The best on top of the others; some lie beside the middle of the frame.
        let placed = detections.iter().rev().map(|found| (found, mapping.to_input(&found.rect)));
        placed.filter(|(_, at)| at.right > 0.0 && at.left < width && at.bottom > 0.0 && at.top < height)
    };
    // No line through a label.
    for (found, at) in visible() {
        let area = canvas.area(&at);
        let Ok(()) = overlay::frame(canvas, &area, class_colour(found.class));
    }
    for (found, at) in visible() {
        text.clear();
        let _ = write!(text, "{}", report.class(found.class));
        let _ = found.track.map_or(Ok(()), |track| write!(text, " #{track}"));
        canvas.label(&at, found.class, text);
    }
}

fn foot(canvas: &mut Canvas<'_>, text: &mut String, report: &Report<'_>, status: &Status) {
    text.clear();
    let _ = match report.findings {
        Findings::Detections([_]) => write!(text, "1 object"),
        Findings::Detections(all) => write!(text, "{} objects", all.len()),
        Findings::Classes(ranked) => ranked
            .first()
            .map_or(Ok(()), |best| write!(text, "{} {:.0}%", report.class(best.class), best.score * 100.0)),
    };
    let Ok(()) = overlay::foot(canvas, text, Alignment::Left);
    text.clear();
    if status.rate > 0.0 {
        let _ = write!(text, "{:.1} fps", status.rate);
    }
    let _ = status.temperature.map_or(Ok(()), |celsius| write!(text, "  {celsius:.0} °C"));
    let Ok(()) = overlay::foot(canvas, text, Alignment::Right);
}
