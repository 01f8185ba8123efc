//! Two rows of a source to the one between them: the first half of resizing, of whole rows and the same for every
//! value.

use super::sample::WEIGHT_BITS;

/// Bits of a blended value below those of its byte: at most 255 · 128 = 32640, which fits 16 bits.
pub(super) const BLENDED_BITS: u32 = 7;
/// Bits by which a byte · 2^11 is cut to a byte · 2^7.
const CUT_BITS: u32 = WEIGHT_BITS - BLENDED_BITS;

/// Two rows, and the weight of the second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    pub low: &'a [u8],
    pub high: &'a [u8],
    pub weight: i16,
}

impl Rows<'_> {
    /// Value by value.
    pub fn blend(self, to: &mut [i16]) {
        fn run(rows: Rows<'_>, to: &mut [i16], blend: impl Fn(u8, u8) -> i16) {
            for ((to, &low), &high) in to.iter_mut().zip(rows.low).zip(rows.high) {
                *to = blend(low, high);
            }
        }
        match self.exact() {
            Some(blend) => run(self, to, blend),
            None => run(self, to, self.rounded()),
        }
    }

    /// Every second value, `FIRST` or those after, apart from the rest: packed luma from its chroma.
    pub fn part<const FIRST: usize>(self, first: &mut [i16], rest: &mut [i16]) {
        fn run<const FIRST: usize>(rows: Rows<'_>, first: &mut [i16], rest: &mut [i16], blend: impl Fn(u8, u8) -> i16) {
            let rows = rows.low.as_chunks::<2>().0.iter().zip(rows.high.as_chunks::<2>().0);
            for ((first, rest), (&low, &high)) in first.iter_mut().zip(rest).zip(rows) {
                let ([low_even, low_odd], [high_even, high_odd]) = (parted(low), parted(high));
                let (even, odd) = (blend(low_even, high_even), blend(low_odd, high_odd));
                (*first, *rest) = if FIRST == 0 { (even, odd) } else { (odd, even) };
            }
        }
        match self.exact() {
            Some(blend) => run::<FIRST>(self, first, rest, blend),
            None => run::<FIRST>(self, first, rest, self.rounded()),
        }
    }

    /// The values of two planes in turn, whose rows have the same weight: Cb and Cr.
    pub fn join(self, other: Rows<'_>, to: &mut [i16]) {
        fn run(one: Rows<'_>, other: Rows<'_>, to: &mut [i16], blend: impl Fn(u8, u8) -> i16) {
            let (one, other) = (one.low.iter().zip(one.high), other.low.iter().zip(other.high));
            for ((to, one), other) in to.as_chunks_mut::<2>().0.iter_mut().zip(one).zip(other) {
                *to = [one, other].map(|(&low, &high)| blend(low, high));
            }
        }
        match self.exact() {
            Some(blend) => run(self, other, to, blend),
            None => run(self, other, to, self.rounded()),
        }
    }

    /// low + (high - low) · weight / 2^11, · 2^7. Halves and quarters, as of most cameras' sizes, leave nothing to
    /// round, and fit 16 bits all the way.
    fn exact(&self) -> Option<impl Fn(u8, u8) -> i16 + use<>> {
        let weight = self.weight >> CUT_BITS;
        let blend =
            move |low: u8, high: u8| (i16::from(low) << BLENDED_BITS) + (i16::from(high) - i16::from(low)) * weight;
        (self.weight % (1 << CUT_BITS) == 0).then_some(blend)
    }

    /// The same, rounded.
    fn rounded(&self) -> impl Fn(u8, u8) -> i16 + use<> {
        let weight = i32::from(self.weight);
        move |low, high| {
            // A product of 16 bits each, of which the rounded part is at most as large as the result.
            let part = i32::from(i16::from(high) - i16::from(low)) * weight;
            (i16::from(low) << BLENDED_BITS) + ((part + (1 << (CUT_BITS - 1))) >> CUT_BITS) as i16
        }
    }
}

/// Two bytes as they are. Where no instruction loads every second one, they are parted in the register of both.
fn parted(pair: [u8; 2]) -> [u8; 2] {
    if cfg!(any(target_arch = "aarch64", target_arch = "arm")) {
        return pair;
    }
    let pair = u16::from_le_bytes(pair);
    [pair as u8, (pair >> 8) as u8]
}
