//! Luma and chroma to red, green and blue: ITU-R BT.601, in 14 bits.

use super::frame::Range;

/// Bits of a coefficient.
const BITS: u32 = 14;

/// What a value of luma and of chroma adds to each colour, · 2^14. Products of 16 bits each take the fewest
/// instructions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    /// Luma that is black.
    black: i16,
    luma: i16,
    red_cr: i16,
    green_cb: i16,
    green_cr: i16,
    /// The half, since the whole can be more than 2 and would not fit.
    blue_half_cb: i16,
}

impl Matrix {
    /// BT.601 has Kr = 0.299 and Kb = 0.114, hence Kg = 0.587. Of the full range, red is Y + 2 (1 - Kr) Cr, blue is
    /// Y + 2 (1 - Kb) Cb, and green what luma leaves. The limited range stretches luma by 255 / 219 and chroma by 255 / 224.
    pub const fn of(range: Range) -> Matrix {
        let (black, luma, chroma) = match range {
            Range::Full => (0, 1.0, 1.0),
            Range::Limited => (16, 255.0 / 219.0, 255.0 / 224.0),
        };
        const fn fixed(value: f64) -> i16 {
            (value * (1 << BITS) as f64 + 0.5) as i16
        }
        let (red, blue) = (2.0 * (1.0 - 0.299) * chroma, 2.0 * (1.0 - 0.114) * chroma);
        Matrix {
            black,
            luma: fixed(luma),
            red_cr: fixed(red),
            green_cb: -fixed(blue * 0.114 / 0.587),
            green_cr: -fixed(red * 0.299 / 0.587),
            blue_half_cb: fixed(blue * 0.5),
        }
    }

    /// Luma, which is a byte, as a grey level of 0 to 255.
    #[inline]
    pub fn grey(&self, luma: i16) -> u8 {
        level(i32::from(luma - self.black) * i32::from(self.luma))
    }

    /// Red, green, blue of bytes.
    #[inline]
    pub fn rgb(&self, luma: i16, cb: i16, cr: i16) -> [u8; 3] {
        let luma = i32::from(luma - self.black) * i32::from(self.luma);
        let times = |chroma: i16, coefficient: i16| i32::from(chroma) * i32::from(coefficient);
        let (cb, cr) = (cb - 128, cr - 128);
        [
            level(luma + times(cr, self.red_cr)),
            level(luma + times(cb, self.green_cb) + times(cr, self.green_cr)),
            level(luma + times(cb * 2, self.blue_half_cb)),
        ]
    }
}

/// A sum · 2^14 as a byte. It is nowhere as large as 2 · 2^30, so that its whole part fits 16 bits.
#[inline]
fn level(sum: i32) -> u8 {
    (((sum + (1 << (BITS - 1))) >> BITS) as i16).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula in floating point.
    fn reference(range: Range, luma: i16, cb: i16, cr: i16) -> [f64; 3] {
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
