//! What is drawn over the picture, for any target of `embedded-graphics`: frames about objects, a line at the foot, a notice.

use embedded_graphics::geometry::AnchorY;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::iso_8859_1::{FONT_6X12, FONT_9X18_BOLD};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle, StyledDrawable};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};

use crate::status::Notice;

const TEXT: Rgb888 = Rgb888::new(232, 232, 232);
const ALARM: Rgb888 = Rgb888::new(150, 20, 20);
/// Rows of the foot.
pub const FOOT: u32 = 16;
/// Pixels between text and the screen's edges.
const MARGIN: i32 = 4;
/// A corner takes this share of the shorter side of its frame.
const CORNER: i32 = 4;

/// A thin frame with thick corners, as a camera's finder has it.
///
/// # Errors
/// What the target says.
pub fn frame<D: DrawTarget<Color = Rgb888>>(target: &mut D, area: &Rectangle, colour: Rgb888) -> Result<(), D::Error> {
    let Some(last) = area.bottom_right() else { return Ok(()) };
    area.draw_styled(&PrimitiveStyle::with_stroke(colour, 1), target)?;
    let length = (area.size.width.min(area.size.height) as i32 / CORNER).max(1);
    let thick = PrimitiveStyle::with_stroke(colour, 3);
    for (corner, right, down) in [
        (area.top_left, 1, 1),
        (Point::new(last.x, area.top_left.y), -1, 1),
        (Point::new(area.top_left.x, last.y), 1, -1),
        (last, -1, -1),
    ] {
        for side in [Point::new(right * length, 0), Point::new(0, down * length)] {
            Line::new(corner, corner + side).draw_styled(&thick, target)?;
        }
    }
    Ok(())
}

/// Text at the left or at the right of the lowest rows.
///
/// # Errors
/// What the target says.
pub fn foot<D: DrawTarget<Color = Rgb888>>(target: &mut D, text: &str, alignment: Alignment) -> Result<(), D::Error> {
    let area = target.bounding_box();
    let x = if alignment == Alignment::Left { MARGIN } else { area.size.width as i32 - MARGIN };
    let at = Point::new(x, area.size.height as i32 - FOOT as i32 / 2);
    let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
    Text::with_text_style(text, at, MonoTextStyle::new(&FONT_6X12, TEXT), style).draw(target).map(drop)
}

/// A bar across the middle that says why there is no new picture.
///
/// # Errors
/// What the target says.
pub fn notice<D: DrawTarget<Color = Rgb888>>(target: &mut D, notice: Notice) -> Result<(), D::Error> {
    let area = target.bounding_box();
    let bar = area.resized_height(FONT_9X18_BOLD.character_size.height + 2 * MARGIN as u32, AnchorY::Center);
    target.fill_solid(&bar, ALARM)?;
    let style = TextStyleBuilder::new().alignment(Alignment::Center).baseline(Baseline::Middle).build();
    let font = MonoTextStyle::new(&FONT_9X18_BOLD, TEXT);
    Text::with_text_style(notice.words(), bar.center(), font, style).draw(target).map(drop)
}

#[cfg(test)]
mod tests {
    use embedded_graphics::mock_display::MockDisplay;

    use super::*;

    #[test]
    fn a_frame_is_thin_but_for_its_corners() {
        let mut display = MockDisplay::new();
        display.set_allow_overdraw(true);
        frame(&mut display, &Rectangle::new(Point::new(2, 2), Size::new(16, 12)), Rgb888::WHITE).unwrap();
        display.assert_pattern(&[
            "                    ",
            "  WWWW        WWWW  ",
            " WWWWWWWWWWWWWWWWWW ",
            " WWWWW        WWWWW ",
            " WWW            WWW ",
            " WWW            WWW ",
            "  W              W  ",
            "  W              W  ",
            "  W              W  ",
            "  W              W  ",
            " WWW            WWW ",
            " WWW            WWW ",
            " WWWWW        WWWWW ",
            " WWWWWWWWWWWWWWWWWW ",
            "  WWWW        WWWW  ",
        ]);
    }
}
