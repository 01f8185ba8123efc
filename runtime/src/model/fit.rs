//! The input size of a model that leaves it open: as large as asked for, in the shape of the pictures.

/// Networks halve their input up to this many times over; sides that this divides need no padding within.
const MULTIPLE: usize = 32;
/// The longest side that may be asked for; what such an input takes in memory is checked when the model is planned.
const LARGEST: usize = 1 << 15;

/// Width and height for an image input, `[batch, channels, height, width]`, of which the file fixes neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Fit {
    /// The longer side that detectors of everyday objects are mostly evaluated with.
    pub const LONGEST: usize = 640;

    /// The size for pictures of `width` × `height`: the longer side is `longest`, the other in proportion, both rounded up
    /// to multiples of 32. A letterboxed picture is then no smaller than `longest`, and little is padding.
    pub fn new(width: usize, height: usize, longest: usize) -> Fit {
        let (width, height, longest) = (width.max(1) as u128, height.max(1) as u128, longest.clamp(1, LARGEST) as u128);
        let side = |side: u128| {
            let scaled = (side * longest).div_ceil(width.max(height));
            usize::try_from(scaled).unwrap_or(LARGEST).next_multiple_of(MULTIPLE)
        };
        Fit { width: side(width), height: side(height) }
    }

    /// A square, for pictures of any shape.
    pub fn square(side: usize) -> Fit {
        Fit::new(1, 1, side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_keep_the_pictures_shape_and_are_multiples() {
        let of = |width, height, longest| {
            let fit = Fit::new(width, height, longest);
            (fit.width, fit.height)
        };
        assert_eq!(of(768, 576, 640), (640, 480));
        assert_eq!(of(1920, 1080, 640), (640, 384), "360 rounded up");
        assert_eq!(of(1080, 1920, 630), (384, 640));
        assert_eq!(of(10_000, 1, 320), (320, 32));
        assert_eq!(of(0, 0, 0), (32, 32));
        assert_eq!(of(usize::MAX, usize::MAX, usize::MAX), (LARGEST, LARGEST));
        assert_eq!(Fit::square(416), Fit { width: 416, height: 416 });
    }
}
