//! From the sums of a tile to bytes: as many pixels at a time as fill a vector of bytes.

use super::int8::{Int8, load_floats, load_sums};
use super::product::Target;

/// Repeats code with a number that the compiler knows, so that arrays of vectors which it indexes stay in registers.
macro_rules! unrolled {
    ($number:ident in $($value:literal)* $body:block) => {
        $({
            let $number = $value;
            $body
        })*
    };
}
pub(super) use unrolled;

/// Pixels whose results fill a vector of bytes, where each has `vectors` vectors of sums.
pub const fn together(vectors: usize) -> usize {
    if vectors < 3 { 4 / vectors } else { 1 }
}

/// Rounds and writes the results of `pixels` pixels, a multiple of four, whose sums are in memory: `[pixel][vector][lane]`.
///
/// # Safety
/// The sums can be read and the results be written.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn round_stored<I: Int8, const N: usize>(
    isa: I,
    sums: *const i32,
    pixels: usize,
    by: [I::Floats; N],
    rounding: I::Rounding,
    to: Target,
) {
    // SAFETY: as the caller says.
    unsafe {
        let at = |pixel: usize| sums.add(pixel * N * I::LANES);
        for first in (0..pixels / together(N) * together(N)).step_by(together(N)) {
            let mut four = [load_sums::<I, N>(isa, at(first)); 4];
            for pixel in 1..together(N) {
                four[pixel] = load_sums::<I, N>(isa, at(first + pixel));
            }
            let to = to.skip(first);
            match four {
                [a, b, c, d] if N == 1 => round(isa, &[a, b, c, d], by, rounding, to, 0),
                [a, b, ..] if N == 2 => round(isa, &[a, b], by, rounding, to, 0),
                [a, ..] => round(isa, &[a], by, rounding, to, 0),
            }
        }
    }
}

/// Rounds and writes the results of the first M pixels.
///
/// # Safety
/// There are so many pixels.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn round_all<I: Int8, const N: usize, const M: usize>(
    isa: I,
    sums: &[[I::Sums; N]; M],
    multiplier: *const f32,
    rounding: I::Rounding,
    to: Target,
) {
    // SAFETY: as the caller says.
    unsafe {
        let by = load_floats::<I, N>(isa, multiplier);
        unrolled!(group in 0 1 2 3 4 5 6 7 8 9 10 11 {
            if group * together(N) < M {
                round(isa, sums, by, rounding, to, group * together(N));
            }
        });
    }
}

/// Rounds and writes the results of the pixels from `first` on that fill a vector of bytes.
///
/// # Safety
/// Every pixel can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn round<I: Int8, const N: usize, const M: usize>(
    isa: I,
    sums: &[[I::Sums; N]; M],
    by: [I::Floats; N],
    rounding: I::Rounding,
    to: Target,
    first: usize,
) {
    let (mut four, mut four_by) = ([sums[first][0]; 4], [by[0]; 4]);
    for i in 1..4 {
        // Where there are not enough pixels left, the last stands in for the others.
        let pixel = (first + (i / N).min(together(N) - 1)).min(M - 1);
        (four[i], four_by[i]) = (sums[pixel][i % N], by[i % N]);
    }
    // SAFETY: as the caller says.
    unsafe { round_four::<I, N>(isa, four, four_by, rounding, to.skip(first), together(N).min(M - first)) }
}

/// Rounds four vectors of sums, N a pixel, and writes the first `count` of their pixels, or as many as they hold.
///
/// # Safety
/// So many pixels can be written.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn round_four<I: Int8, const N: usize>(
    isa: I,
    sums: [I::Sums; 4],
    by: [I::Floats; 4],
    rounding: I::Rounding,
    to: Target,
    count: usize,
) {
    // Blocks of four vectors are packed so that narrowing need not sort them.
    let bytes = if N == 4 { isa.narrow::<false>(sums, by, rounding) } else { isa.narrow::<true>(sums, by, rounding) };
    let Target { first, step, channels } = to;
    // SAFETY: as the caller says.
    unsafe {
        if N < 3 && count >= together(N) && channels == N * I::LANES && channels == step {
            return isa.store::<4, 0>(bytes, first, 4 * I::LANES);
        }
        isa.store::<N, 0>(bytes, first, channels);
        if N < 3 && count > 1 {
            isa.store::<N, 1>(bytes, first.wrapping_add(step), channels);
        }
        if N == 1 && count > 2 {
            isa.store::<N, 2>(bytes, first.wrapping_add(2 * step), channels);
        }
        if N == 1 && count > 3 {
            isa.store::<N, 3>(bytes, first.wrapping_add(3 * step), channels);
        }
    }
}
