//! Pictures with the boxes that a detector found drawn on them.

use embedded_graphics::mono_font::{MonoTextStyleBuilder, ascii::FONT_6X10};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use image::RgbImage;

use crate::data::{Label, Sample};

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
pub(super) struct Canvas(pub RgbImage);

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
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

/// A picture's shorter side is made at least so many pixels long, or what is written on it could not be read.
const READABLE: usize = 320;

/// The picture, enlarged if it is small, with boxes, the names of their classes and their scores in percent.
pub fn annotated(sample: &Sample, found: &[Label], classes: &[String]) -> RgbImage {
    let zoom = READABLE.div_ceil(sample.width.min(sample.height).max(1)) as u32;
    let (width, height) = (sample.width as u32, sample.height as u32);
    let mut canvas = Canvas(RgbImage::from_fn(width * zoom, height * zoom, |x, y| {
        let at = (y / zoom * width + x / zoom) as usize * sample.channels;
        image::Rgb(std::array::from_fn(|i| sample.pixels[at + i.min(sample.channels - 1)]))
    }));
    for found in found {
        let colour = COLOURS[found.class % COLOURS.len()];
        let [left, top, right, bottom] = found.bounds.map(|edge| (edge * zoom as f32).round() as i32);
        let frame = Rectangle::with_corners(Point::new(left, top), Point::new(right - 1, bottom - 1));
        let _ = frame.into_styled(PrimitiveStyle::with_stroke(colour, 2)).draw(&mut canvas);
        let name = classes.get(found.class).map_or("?", String::as_str);
        let label = format!("{name} {:.0}", found.score * 100.0);
        let style =
            MonoTextStyleBuilder::new().font(&FONT_6X10).text_color(Rgb888::BLACK).background_color(colour).build();
        let at = Point::new(left, (top - 10).max(0));
        let _ = Text::with_baseline(&label, at, style, Baseline::Top).draw(&mut canvas);
    }
    canvas.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_drawn_where_they_are() {
        let sample = Sample::rgb(200, 160, vec![9; 200 * 160 * 3]);
        let found = Label { score: 0.5, ..Label::new(0, [5.0, 32.0, 15.0, 49.0]) };
        let picture = annotated(&sample, &[found], &[]);
        assert_eq!(picture.dimensions(), (400, 320));
        assert_eq!(picture.get_pixel(10, 80).0, [230, 159, 0]);
        assert_eq!(picture.get_pixel(20, 81).0, [9; 3]);
    }
}
