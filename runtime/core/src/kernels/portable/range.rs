//! Scale and zero point of floats that are about to be quantised.

use super::reduce::{LANES, maximum, minimum};
use crate::plan::step::RangeF32;

/// See [`RangeF32`].
#[inline(always)]
pub fn range_f32(_: &RangeF32, x: &[f32], y: &mut [f32]) {
    let (chunks, rest) = x.as_chunks::<LANES>();
    // The range holds 0 whatever the floats are; a NaN is neither less nor more.
    let (mut least, mut most) = ([0.0; LANES], [0.0; LANES]);
    for chunk in chunks {
        for ((least, most), &x) in least.iter_mut().zip(&mut most).zip(chunk) {
            (*least, *most) = (minimum(*least, x), maximum(*most, x));
        }
    }
    let least = least.iter().chain(rest).fold(0.0, |all, &x| minimum(all, x));
    let most = most.iter().chain(rest).fold(0.0, |all, &x| maximum(all, x));
    let scale = if most > least { (most - least) / 255.0 } else { 1.0 };
    // Saturates; where the range is infinite, the quotient may be NaN, which becomes 0.
    let zero = libm::rintf(-least / scale) as u8;
    if let Some(y) = y.first_chunk_mut() {
        *y = [scale, zero.into()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::step::Step;
    use crate::plan::view::Span;
    use crate::testing::{Arena, Writer, floats, run_step};

    fn range(x: &[f32]) -> [f32; 2] {
        let mut arena = Arena::default();
        let (from, to) = (arena.add_floats(x), arena.add_floats(&[7.0, 7.0]));
        let step = RangeF32 { x: Span { offset: from, len: 4 * x.len() as u32 }, y: Span { offset: to, len: 8 } };
        let after = run_step(Writer::default(), &Step::RangeF32(step), &arena.bytes).expect("the plan is right");
        let found = floats(&after[to as usize..]);
        [found[0], found[1]]
    }

    #[test]
    fn the_range_holds_0_and_ties_go_to_even() {
        assert_eq!(range(&[0.0, 2.0, -3.0, -2.5, 1.34, 0.5]), [5.0 / 255.0, 153.0]);
        assert_eq!(range(&[-1.0, -2.1, -1.3, -2.5, -3.34, -4.0]), [4.0 / 255.0, 255.0]);
        assert_eq!(range(&[1.0, 2.1, 1.3, 2.5]), [2.5 / 255.0, 0.0]);
        // 0.5 and 1.5 of a step below 0.
        assert_eq!(range(&[-0.5, 254.5]), [1.0, 0.0]);
        assert_eq!(range(&[-1.5, 253.5]), [1.0, 2.0]);
    }

    #[test]
    fn what_has_no_range_has_a_scale_and_a_byte_for_0_all_the_same() {
        assert_eq!(range(&[0.0]), [1.0, 0.0]);
        assert_eq!(range(&[-0.0, f32::NAN, 0.0]), [1.0, 0.0]);
        assert_eq!(range(&[f32::NAN, -2.0, 0.55]), [2.55 / 255.0, 200.0]);
        assert_eq!(range(&[f32::NEG_INFINITY, 1.0]), [f32::INFINITY, 0.0]);
        // Every place of a vector and behind it counts.
        for len in 1..70 {
            for at in 0..len {
                let mut x = [0.0; 70];
                x[at] = -255.0;
                assert_eq!(range(&x[..len]), [1.0, 255.0], "{at} of {len}");
            }
        }
    }
}
