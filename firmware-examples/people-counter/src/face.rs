//! What the screen shows: 128 × 64 pixels, lit or dark.

use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_10X20};
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle, MonoTextStyleBuilder};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::text::{Baseline, Text};
use embedded_graphics::{Drawable, Pixel};

use crate::counts::Counts;

/// Width and height.
pub const SIZE: [usize; 2] = [128, 64];

/// Something that whoever looks at the screen should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No frames come.
    CameraLost,
    /// The numbers cannot be written down.
    NotSaved,
    /// The program has ended.
    Stopped,
}

impl Fault {
    fn words(self) -> &'static str {
        match self {
            Fault::CameraLost => "CAMERA LOST",
            Fault::NotSaved => "NOT SAVED",
            Fault::Stopped => "STOPPED",
        }
    }
}

/// Everything that the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    /// The numbers.
    pub counts: Counts,
    /// What is wrong.
    pub fault: Option<Fault>,
}

impl Face {
    /// Draws it on a dark target.
    ///
    /// # Errors
    /// What the target says.
    pub fn draw<D: DrawTarget<Color = BinaryColor>>(&self, target: &mut D) -> Result<(), D::Error> {
        let small = MonoTextStyle::new(&FONT_6X10, BinaryColor::On);
        for (label, count, left) in [("IN", self.counts.came, 0), ("OUT", self.counts.went, 66)] {
            write(target, label, [left, 0], small)?;
            number(target, count, [left, 11])?;
        }
        write(target, &format!("INSIDE {}", self.counts.inside), [0, 43], small)?;
        if let Some(fault) = self.fault {
            let dark = MonoTextStyleBuilder::new().font(&FONT_6X10).text_color(BinaryColor::Off);
            let words = format!("{:^21}", fault.words());
            write(target, &words, [1, 54], dark.background_color(BinaryColor::On).build())?;
        }
        Ok(())
    }
}

/// A number in a column of 62 pixels: as large as it fits.
fn number<D: DrawTarget<Color = BinaryColor>>(
    target: &mut D,
    count: u64,
    [left, top]: [i32; 2],
) -> Result<(), D::Error> {
    let style = |font: &'static MonoFont<'static>| MonoTextStyle::new(font, BinaryColor::On);
    match count {
        0..=999 => {
            let mut twice = Twice { target, left, top };
            write(&mut twice, &count.to_string(), [0, -4], style(&FONT_10X20))
        }
        1000..=999_999 => write(target, &count.to_string(), [left, top + 6], style(&FONT_10X20)),
        _ => write(target, ">999999", [left, top + 10], style(&FONT_6X10)),
    }
}

fn write<D: DrawTarget<Color = BinaryColor>>(
    target: &mut D,
    text: &str,
    [x, y]: [i32; 2],
    style: MonoTextStyle<'_, BinaryColor>,
) -> Result<(), D::Error> {
    Text::with_baseline(text, Point::new(x, y), style, Baseline::Top).draw(target).map(drop)
}

/// A target on which everything is twice as large, from a corner on.
struct Twice<'a, D> {
    target: &'a mut D,
    left: i32,
    top: i32,
}

impl<D: DrawTarget<Color = BinaryColor>> OriginDimensions for Twice<'_, D> {
    fn size(&self) -> Size {
        self.target.bounding_box().size / 2
    }
}

impl<D: DrawTarget<Color = BinaryColor>> DrawTarget for Twice<'_, D> {
    type Color = BinaryColor;
    type Error = D::Error;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), D::Error> {
        let (left, top) = (self.left, self.top);
        let four = |Pixel(at, colour): Pixel<BinaryColor>| {
            let corner = Point::new(left + 2 * at.x, top + 2 * at.y);
            [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| Pixel(corner + Point::new(x, y), colour))
        };
        self.target.draw_iter(pixels.into_iter().flat_map(four))
    }
}
