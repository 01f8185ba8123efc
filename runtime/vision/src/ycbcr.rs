//! Luma and chroma to red, green and blue: ITU-R BT.601, in 14 bits.

use super::frame::Range;

/// Bits of a coefficient.
const BITS: u32 = 14;

/// What a value of luma and of chroma adds to each colour, · 2^14.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    /// Luma that is black.
    black: i32,
    luma: i32,
    red_cr: i32,
    green_cb: i32,
    green_cr: i32,
    blue_cb: i32,
}

impl Matrix {
    /// BT.601 has Kr = 0.299 and Kb = 0.114, hence Kg = 0.587. Of the full range, red is Y + 2 (1 - Kr) Cr, blue is
    /// Y + 2 (1 - Kb) Cb, and green what luma leaves. The limited range stretches luma by 255 / 219 and chroma by 255 / 224.
    pub const fn of(range: Range) -> Matrix {
        let (black, luma, chroma) = match range {
            Range::Full => (0, 1.0, 1.0),
            Range::Limited => (16, 255.0 / 219.0, 255.0 / 224.0),
        };
        const fn fixed(value: f64) -> i32 {
            (value * (1 << BITS) as f64 + 0.5) as i32
        }
        let (red, blue) = (2.0 * (1.0 - 0.299) * chroma, 2.0 * (1.0 - 0.114) * chroma);
        Matrix {
            black,
            luma: fixed(luma),
            red_cr: fixed(red),
            green_cb: -fixed(blue * 0.114 / 0.587),
            green_cr: -fixed(red * 0.299 / 0.587),
            blue_cb: fixed(blue),
        }
    }

    /// Luma as a grey level of 0 to 255.
    pub fn grey(&self, luma: u8) -> u8 {
        self.level((i32::from(luma) - self.black) * self.luma)
    }

    /// Red, green, blue.
    pub fn rgb(&self, luma: u8, cb: u8, cr: u8) -> [u8; 3] {
        let luma = (i32::from(luma) - self.black) * self.luma;
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        [
            self.level(luma + self.red_cr * cr),
            self.level(luma + self.green_cb * cb + self.green_cr * cr),
            self.level(luma + self.blue_cb * cb),
        ]
    }

    fn level(&self, sum: i32) -> u8 {
        ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula in floating point.
    fn reference(range: Range, luma: u8, cb: u8, cr: u8) -> [f64; 3] {
        let (cb, cr) = (f64::from(cb) - 128.0, f64::from(cr) - 128.0);
        let (y, cb, cr) = match range {
            Range::Full => (f64::from(luma), cb, cr),
            Range::Limited => ((f64::from(luma) - 16.0) * 255.0 / 219.0, cb * 255.0 / 224.0, cr * 255.0 / 224.0),
        };
        [y + 1.402 * cr, y - 0.114 * 1.772 / 0.587 * cb - 0.299 * 1.402 / 0.587 * cr, y + 1.772 * cb]
    }

    #[test]
    fn colours_are_the_nearest_to_the_formula() {
        for range in [Range::Full, Range::Limited] {
            let matrix = Matrix::of(range);
            for luma in (0..=255).step_by(5) {
                assert!(
                    (f64::from(matrix.grey(luma)) - reference(range, luma, 128, 128)[0].clamp(0.0, 255.0)).abs() < 0.52
                );
                for cb in (0..=255).step_by(15) {
                    for cr in (0..=255).step_by(15) {
                        let wanted = reference(range, luma, cb, cr);
                        for (got, wanted) in matrix.rgb(luma, cb, cr).into_iter().zip(wanted) {
                            let off = f64::from(got) - wanted.clamp(0.0, 255.0);
                            assert!(off.abs() < 0.52, "{range:?} {luma} {cb} {cr}: {got} for {wanted}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn known_colours() {
        let limited = Matrix::of(Range::Limited);
        assert_eq!(limited.rgb(16, 128, 128), [0; 3]);
        assert_eq!(limited.rgb(235, 128, 128), [255; 3]);
        // Red of the 100 % colour bars.
        assert_eq!(limited.rgb(81, 90, 240), [254, 0, 0]);
        assert_eq!(Matrix::of(Range::Full).rgb(76, 85, 255), [254, 0, 0]);
    }
}
