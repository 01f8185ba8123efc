//! What the channels of a row are, and a row with those of another order.

use super::frame::PixelFormat;
use crate::contract::Colour;

/// What the channels of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Rgb,
    Bgr,
    Grey,
}

impl Order {
    /// Whether these are the channels of a model's input.
    pub fn is(self, colour: Colour) -> bool {
        matches!((self, colour), (Order::Rgb, Colour::Rgb) | (Order::Bgr, Colour::Bgr) | (Order::Grey, Colour::Grey))
    }

    /// Of a frame's own rows. `None` where they are not colours yet.
    pub fn of(format: PixelFormat) -> Option<Order> {
        match format {
            PixelFormat::Rgb8 => Some(Order::Rgb),
            PixelFormat::Bgr8 => Some(Order::Bgr),
            PixelFormat::Grey8 => Some(Order::Grey),
            _ => None,
        }
    }
}

/// Grey levels as colours.
pub(super) fn colours_of(greys: &[u8], to: &mut [[u8; 3]]) {
    to.iter_mut().zip(greys).for_each(|(to, &grey)| *to = [grey; 3]);
}

/// Colours as grey levels.
pub(super) fn greys_of(colours: &[[u8; 3]], order: Order, to: &mut [u8]) {
    fn run(colours: &[[u8; 3]], to: &mut [u8], luma: impl Fn([u8; 3]) -> u8) {
        to.iter_mut().zip(colours).for_each(|(to, &colour)| *to = luma(colour));
    }
    match order {
        Order::Bgr => run(colours, to, |[b, g, r]| luma(r, g, b)),
        _ => run(colours, to, |[r, g, b]| luma(r, g, b)),
    }
}

/// The first channel last.
pub(super) fn swap(colours: &[[u8; 3]], to: &mut [[u8; 3]]) {
    to.iter_mut().zip(colours).for_each(|(to, &colour)| *to = swapped(colour));
}

/// The first channel last.
pub(super) fn swapped([a, b, c]: [u8; 3]) -> [u8; 3] {
    [c, b, a]
}

/// Luma of ITU-R BT.601 in 8 bits, as [`Colour::Grey`] says.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b) + 128) >> 8) as u8
}
