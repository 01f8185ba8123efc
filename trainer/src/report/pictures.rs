//! Pictures with the boxes that a detector found drawn on them.

use embedded_graphics::mono_font::{MonoTextStyleBuilder, ascii::FONT_6X10};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use image::RgbImage;

use crate::data::{CLASSES, Sample};
use crate::evaluate::Found;

/// One colour a class, told apart with and without colour vision (Okabe and Ito 2008).
const COLOURS: [Rgb888; 6] = [
    Rgb888::new(230, 159, 0),
    Rgb888::new(86, 180, 233),
    Rgb888::new(0, 158, 115),
    Rgb888::new(240, 228, 66),
    Rgb888::new(213, 94, 0),
    Rgb888::new(204, 121, 167),
];

/// A picture to draw on.
pub(super) struct Paper<'a>(pub &'a mut RgbImage);

impl OriginDimensions for Paper<'_> {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Paper<'_> {
    type Color = Rgb888;
    type Error = core::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        for Pixel(point, colour) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y))
                && let Some(pixel) = self.0.get_pixel_mut_checked(x, y)
            {
                pixel.0 = [colour.r(), colour.g(), colour.b()];
            }
        }
        Ok(())
    }
}

/// The picture `zoom` times as large, with boxes and names.
pub fn annotated(sample: &Sample, found: &[Found], zoom: u32) -> RgbImage {
    let (width, height) = (sample.width as u32, sample.height as u32);
    let mut picture = RgbImage::from_fn(width * zoom, height * zoom, |x, y| {
        let at = ((y / zoom * width + x / zoom) * 3) as usize;
        image::Rgb([sample.pixels[at], sample.pixels[at + 1], sample.pixels[at + 2]])
    });
    let mut canvas = Paper(&mut picture);
    for found in found {
        let colour = COLOURS[found.class % COLOURS.len()];
        let [left, top, width, height] = found.bbox;
        let edges = [left, top, left + width, top + height];
        let [left, top, right, bottom] = edges.map(|edge| (edge * f64::from(zoom)).round() as i32);
        let frame = Rectangle::with_corners(Point::new(left, top), Point::new(right - 1, bottom - 1));
        let _ = frame.into_styled(PrimitiveStyle::with_stroke(colour, 2)).draw(&mut canvas);
        let label = format!("{} {:.0}", CLASSES.get(found.class).unwrap_or(&"?"), found.score * 100.0);
        let style =
            MonoTextStyleBuilder::new().font(&FONT_6X10).text_color(Rgb888::BLACK).background_color(colour).build();
        let at = Point::new(left, (top - 10).max(0));
        let _ = Text::with_baseline(&label, at, style, Baseline::Top).draw(&mut canvas);
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_drawn_where_they_are() {
        let sample = Sample::rgb(20, 20, vec![9; 1200]);
        let found = Found { class: 0, score: 0.5, bbox: [5.0, 12.0, 10.0, 7.0] };
        let picture = annotated(&sample, &[found], 2);
        assert_eq!(picture.dimensions(), (40, 40));
        assert_eq!(picture.get_pixel(10, 30).0, [230, 159, 0]);
        assert_eq!(picture.get_pixel(20, 31).0, [9; 3]);
    }
}
