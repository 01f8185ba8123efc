//! Boxes and labels on a picture, legible at any size.
//!
//! Lines and letters grow with the picture: everything is drawn in blocks of `n` × `n` pixels, one for each 480 of
//! the shorter side. A label is dark or light, whichever stands out from its class's colour, and is moved inside the
//! picture where it would leave it.

use std::convert::Infallible;
use std::fmt::Write;

use embedded_graphics::mono_font::iso_8859_1::FONT_7X13_BOLD;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyleBuilder, Rectangle, StrokeAlignment};
use embedded_graphics::text::{Baseline, Text};

use super::detection::Detection;
use super::geometry::Rect;

const FONT: MonoFont<'static> = FONT_7X13_BOLD;
/// Pixels of the shorter side for each pixel of a block.
const SIDE_A_BLOCK: usize = 480;
/// Blocks between a label's text and its edge.
const MARGIN: i32 = 2;
/// Blocks a box's line is wide.
const LINE: u32 = 2;

/// RGB pixels to draw on.
pub struct Canvas<'a> {
    pixels: &'a mut [u8],
    width: usize,
    height: usize,
    block: usize,
}

impl<'a> Canvas<'a> {
    /// Takes rows of RGB without gaps. `None` where `pixels` is not `3 · width · height` long, or is empty.
    pub fn new(pixels: &'a mut [u8], width: usize, height: usize) -> Option<Canvas<'a>> {
        let length = width.checked_mul(height)?.checked_mul(3)?;
        let block = Canvas::block_of(width, height);
        (length > 0 && length == pixels.len()).then_some(Canvas { pixels, width, height, block })
    }

    /// Pixels along a side of the blocks of such a picture.
    pub fn block_of(width: usize, height: usize) -> usize {
        ((width.min(height) + SIDE_A_BLOCK / 2) / SIDE_A_BLOCK).max(1)
    }

    /// Draws the part of a box that is within the picture, in the colour of `class`.
    pub fn outline(&mut self, rect: &Rect, class: u32) {
        let outline = PrimitiveStyleBuilder::new()
            .stroke_color(class_colour(class))
            .stroke_width(LINE)
            .stroke_alignment(StrokeAlignment::Inside)
            .build();
        let Ok(()) = self.area(rect).into_styled(outline).draw(self);
    }

    /// The blocks of the part of a box that is within the picture; at least one.
    pub fn area(&self, rect: &Rect) -> Rectangle {
        let corner = self.block_at(rect.left, rect.top);
        let opposite = self.block_at(rect.right, rect.bottom) - Point::new(1, 1);
        Rectangle::with_corners(corner, opposite.component_max(corner))
    }

    /// The block whose corner is nearest to a place, which is moved into the picture first.
    fn block_at(&self, x: f32, y: f32) -> Point {
        let blocks = |pixels: f32, most: u32| ((pixels / self.block as f32).round() as i32).clamp(0, most as i32);
        let canvas = self.size();
        Point::new(blocks(x, canvas.width), blocks(y, canvas.height))
    }

    /// Writes a filled label in the colour of `class`; it sits on the box's top edge, or as near to it as the picture
    /// allows.
    pub fn label(&mut self, rect: &Rect, class: u32, label: &str) {
        let (corner, colour) = (self.block_at(rect.left, rect.top), class_colour(class));
        let style = MonoTextStyle::new(&FONT, contrast(colour));
        let text = Text::with_baseline(label, Point::zero(), style, Baseline::Top);
        let size = text.bounding_box().size + Size::new(2 * MARGIN as u32, MARGIN as u32);
        let canvas = self.size();
        let inside = |at: i32, length: u32, most: u32| at.min(most as i32 - length as i32).max(0);
        let at = Point::new(
            inside(corner.x, size.width, canvas.width),
            inside(corner.y - size.height as i32 + LINE as i32, size.height, canvas.height),
        );
        let Ok(()) = self.fill_solid(&Rectangle::new(at, size), colour);
        let Ok(_) = text.translate(at + Point::new(MARGIN, MARGIN / 2)).draw(self);
    }

    /// Fills the pixels of one block, as far as they are within the picture.
    fn fill_block(&mut self, at: Point, colour: Rgb888) {
        let (Ok(x), Ok(y)) = (usize::try_from(at.x), usize::try_from(at.y)) else { return };
        let (left, right) = (x * self.block, ((x + 1) * self.block).min(self.width));
        let (top, bottom) = (y * self.block, ((y + 1) * self.block).min(self.height));
        let rgb = [colour.r(), colour.g(), colour.b()];
        for row in top..bottom {
            for column in left..right {
                let start = (row * self.width + column) * 3;
                self.pixels[start..start + 3].copy_from_slice(&rgb);
            }
        }
    }
}

/// In blocks; the last column and row may be cut.
impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        Size::new((self.width / self.block) as u32, (self.height / self.block) as u32)
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            self.fill_block(at, colour);
        }
        Ok(())
    }
}

/// Draws boxes with labels: `place` says where a box is on the canvas, and `label` writes what is to be said of it, after
/// `text` was cleared. Allocates only where that has to grow.
pub fn annotate(
    canvas: &mut Canvas<'_>,
    detections: &[Detection],
    text: &mut String,
    place: impl Fn(&Rect) -> Rect,
    label: impl Fn(&Detection, &mut String),
) {
    // The best on top of the others, and no line through a label.
    for found in detections.iter().rev() {
        canvas.outline(&place(&found.rect), found.class);
    }
    for found in detections.iter().rev() {
        text.clear();
        label(found, text);
        canvas.label(&place(&found.rect), found.class, text);
    }
}

/// The class's name, the track where there is one, and the score: `person #3 0.91`.
pub fn full_label(found: &Detection, class: &str, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{class}");
    let _ = found.track.map_or(Ok(()), |track| write!(text, " #{track}"));
    let _ = write!(text, " {:.2}", found.score);
}

/// A colour for each class: hues a golden angle apart in three tones in turn, so that neighbours differ most.
pub fn class_colour(class: u32) -> Rgb888 {
    const GOLDEN: f32 = 0.618_034;
    const TONES: [(f32, f32); 3] = [(0.85, 1.0), (0.95, 0.8), (0.45, 1.0)];
    let hue = (0.33 + class as f32 * GOLDEN).fract() * 6.0;
    let (saturation, value) = TONES[class as usize % TONES.len()];
    // A channel of HSV: full within a third of the circle about its own hue.
    let channel = |centre: f32| {
        let distance = (hue - centre).abs().min(6.0 - (hue - centre).abs());
        let full = (2.0 - distance).clamp(0.0, 1.0);
        (value * (1.0 - saturation * (1.0 - full)) * 255.0).round() as u8
    };
    Rgb888::new(channel(0.0), channel(2.0), channel(4.0))
}

/// Black or white, whichever has the higher contrast with `ground`: they are even where (L + 0.05)² = 1.05 · 0.05.
fn contrast(ground: Rgb888) -> Rgb888 {
    if luminance(ground) > 0.179 { Rgb888::BLACK } else { Rgb888::WHITE }
}

/// Relative luminance, 0 to 1, as WCAG 2 defines it for sRGB.
fn luminance(colour: Rgb888) -> f32 {
    let linear = |channel: u8| match f32::from(channel) / 255.0 {
        dark if dark <= 0.04045 => dark / 12.92,
        light => ((light + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GROUND: [u8; 3] = [1, 2, 3];

    fn drawn(width: usize, height: usize, rect: Rect) -> Vec<u8> {
        let mut pixels = GROUND.repeat(width * height);
        let mut canvas = Canvas::new(&mut pixels, width, height).unwrap();
        canvas.outline(&rect, 0);
        canvas.label(&rect, 0, "a");
        pixels
    }

    #[test]
    fn a_label_outside_is_moved_inside() {
        // Both boxes begin at the corner, one above the picture: their labels lie in the same place.
        let at_corner = drawn(60, 40, Rect { left: 0.0, top: 0.0, right: 2.0, bottom: 2.0 });
        let above = drawn(60, 40, Rect { left: -9.0, top: -9.0, right: -5.0, bottom: -5.0 });
        assert_eq!(at_corner, above);
        let coloured = at_corner.chunks(3).filter(|pixel| *pixel != GROUND).count();
        // 7 × 13 of the letter with two blocks left and right, one above and below.
        assert_eq!(coloured, 11 * 15);
    }

    #[test]
    fn a_picture_of_twice_the_size_has_blocks_of_twice_the_size() {
        let rect = |n: f32| Rect { left: 100.0 * n, top: 100.0 * n, right: 300.0 * n, bottom: 300.0 * n };
        let (small, large) = (drawn(480, 480, rect(1.0)), drawn(960, 960, rect(2.0)));
        for (y, row) in small.chunks(480 * 3).enumerate() {
            for (x, pixel) in row.chunks(3).enumerate() {
                let start = (2 * y * 960 + 2 * x) * 3;
                assert_eq!(pixel, &large[start..start + 3], "({x}, {y})");
            }
        }
    }

    #[test]
    fn text_stands_out_from_every_class_colour() {
        for class in 0..100 {
            let colour = class_colour(class);
            let (a, b) = (luminance(colour), luminance(contrast(colour)));
            // WCAG 2 asks for 4.5 in body text.
            assert!((a.max(b) + 0.05) / (a.min(b) + 0.05) >= 4.5, "class {class}: {colour:?}");
        }
        assert_ne!(class_colour(0), class_colour(1));
    }

    proptest! {
        #[test]
        fn no_box_is_too_odd_to_draw(
            width in 1usize..40, height in 1usize..40,
            sides in [-1e20f32..1e20, -50f32..90.0, -50f32..90.0, -1e20f32..1e20],
        ) {
            let [left, top, right, bottom] = sides;
            let rect = Rect { left, top, right, bottom };
            prop_assert_eq!(drawn(width, height, rect).len(), width * height * 3);
        }
    }
}
