//! Sweeps over maps whose last axis is channels, for layers that have a few constants a channel.
//!
//! Channels repeat after C elements and vectors after `LANES`, so both do after their least common multiple, the period. Constants are
//! written out once for a period; a sweep takes one vector of them into registers, visits every period with it, and goes
//! on to the next. Thus no number of channels is slow, and all elements are visited in blocks that stay in the first cache.

use std::ops::Range;

use rayon::prelude::*;

use crate::Real;
use crate::memory::Buffer;
use crate::simd::{Isa, Simd, Task};

/// Elements that one part of the work has, about.
const PART: usize = 64 << 10;
/// Elements that a block has, about.
const BLOCK: usize = 2 << 10;
/// Most parts of a sum.
const SUMS: usize = 32;
/// The most lanes that a vector has.
const MOST_LANES: usize = 16;

/// What happens to the elements of a map.
///
/// # Safety
/// `element` must read and write nothing of `at` and the `LANES` (or those of the mask) elements from there on that the maker did not
/// check.
#[allow(unsafe_code)]
pub unsafe trait Visit<T: Real>: Sync {
    /// What a vector of channels keeps in registers.
    type Held<V: Copy>: Copy;
    /// Takes the constants that begin at `channel` of a period.
    fn hold<S: Simd<T>>(&self, simd: S, period: Period, channel: usize) -> Self::Held<S::V>;
    /// Visits the vector at `at`.
    /// # Safety
    /// There are as many elements from `at` on.
    unsafe fn element<S: Simd<T>>(&self, simd: S, held: &mut Self::Held<S::V>, at: usize, mask: Option<S::Mask>);
    /// Leaves the vector of channels that begins at `channel`; `sums` are the block's, one row of a period for each sum.
    fn leave<S: Simd<T>>(&self, _simd: S, _held: Self::Held<S::V>, _sums: &mut [T], _period: Period, _channel: usize) {}
}

/// After how many elements channels and vectors repeat together.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// Channels.
    pub channels: usize,
    /// Elements: a multiple of channels and of every vector's lanes.
    pub len: usize,
}

impl Period {
    /// The period of so many channels.
    pub fn new(channels: usize) -> Period {
        let mut common = (channels.max(1), MOST_LANES);
        while common.1 != 0 {
            common = (common.1, common.0 % common.1);
        }
        Period { channels: channels.max(1), len: channels.max(1) * MOST_LANES / common.0 }
    }

    /// Constants a channel, written out for a period.
    pub fn spread<T: Real>(self, values: &[T]) -> Buffer<T> {
        assert_eq!(values.len(), self.channels, "one value a channel");
        let mut out = Buffer::stale(self.len);
        for out in out.chunks_exact_mut(self.channels) {
            out.copy_from_slice(values);
        }
        out
    }

    /// A vector of constants that were written out.
    #[inline(always)]
    pub fn load<T: Real, S: Simd<T>>(self, simd: S, spread: &[T], channel: usize) -> S::V {
        assert!(channel + S::LANES <= spread.len());
        // SAFETY: the slice is that long.
        #[allow(unsafe_code)]
        unsafe {
            simd.load(spread.as_ptr().add(channel))
        }
    }

    /// Elements of a block: whole periods.
    fn block(self) -> usize {
        BLOCK.div_ceil(self.len).max(4) * self.len
    }

    /// Elements of a part: whole blocks.
    fn part(self) -> usize {
        PART.div_ceil(self.block()) * self.block()
    }
}

/// One block.
struct Block<'a, T, F> {
    visit: &'a F,
    period: Period,
    elements: Range<usize>,
    sums: &'a mut [T],
}

impl<T: Real, F: Visit<T>> Task<T> for Block<'_, T, F> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd<T>>(self, simd: S) {
        let Block { visit, period, elements, sums } = self;
        let whole = elements.start + elements.len() / period.len * period.len;
        for channel in (0..period.len).step_by(S::LANES) {
            let mut held = visit.hold(simd, period, channel);
            let mut at = elements.start + channel;
            // SAFETY: these elements are in the range, which is within the map.
            #[allow(unsafe_code)]
            unsafe {
                while at < whole {
                    visit.element(simd, &mut held, at, None);
                    at += period.len;
                }
                if at < elements.end {
                    let left = elements.end - at;
                    let mask = (left < S::LANES).then(|| simd.mask(left));
                    visit.element(simd, &mut held, at, mask);
                }
            }
            visit.leave(simd, held, sums, period, channel);
        }
    }
}

/// Visits `len` elements: all of a map.
pub fn visit<T: Real, F: Visit<T>>(isa: Isa, len: usize, period: Period, visit: &F) {
    let (block, part) = (period.block(), period.part());
    let each = |first: usize| {
        let end = len.min(first + part);
        for start in (first..end).step_by(block) {
            isa.run(Block { visit, period, elements: start..end.min(start + block), sums: &mut [] });
        }
    };
    (0..len.div_ceil(part)).into_par_iter().for_each(|i| each(i * part));
}

/// Visits `len` elements and sums `count` values a channel, in f64 over blocks: `[count, channels]`.
pub fn sum<T: Real, F: Visit<T>>(isa: Isa, len: usize, period: Period, count: usize, visit: &F) -> Vec<f64> {
    let block = period.block();
    let part = len.div_ceil(SUMS).max(period.part()).next_multiple_of(block);
    let channels = period.channels;
    let totals: Vec<Vec<f64>> = (0..len.div_ceil(part))
        .into_par_iter()
        .map(|i| {
            let end = len.min((i + 1) * part);
            let mut totals = vec![0.0; count * channels];
            let mut sums = Buffer::<T>::stale(count * period.len);
            for start in (i * part..end).step_by(block) {
                isa.run(Block { visit, period, elements: start..end.min(start + block), sums: &mut sums });
                for (totals, sums) in totals.chunks_exact_mut(channels).zip(sums.chunks_exact(period.len)) {
                    for sums in sums.chunks_exact(channels) {
                        for (total, sum) in totals.iter_mut().zip(sums) {
                            *total += sum.wide();
                        }
                    }
                }
            }
            totals
        })
        .collect();
    let mut sum = vec![0.0; count * channels];
    for totals in &totals {
        for (sum, total) in sum.iter_mut().zip(totals) {
            *sum += total;
        }
    }
    sum
}

/// Loads what a mask allows.
///
/// # Safety
/// As [`Simd::load`] and [`Simd::load_masked`].
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn load<T: Real, S: Simd<T>>(simd: S, from: *const T, mask: Option<S::Mask>) -> S::V {
    // SAFETY: as the caller says.
    unsafe {
        match mask {
            None => simd.load(from),
            Some(mask) => simd.load_masked(from, mask),
        }
    }
}

/// Stores what a mask allows.
///
/// # Safety
/// As [`Simd::store`] and [`Simd::store_masked`].
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn store<T: Real, S: Simd<T>>(simd: S, vector: S::V, to: *mut T, mask: Option<S::Mask>) {
    // SAFETY: as the caller says.
    unsafe {
        match mask {
            None => simd.store(vector, to),
            Some(mask) => simd.store_masked(vector, to, mask),
        }
    }
}

/// Where a sweep writes: every element from one thread only.
#[derive(Clone, Copy)]
pub struct Target<T>(pub *mut T);

// SAFETY: sweeps visit every element once, so no two threads touch the same.
#[allow(unsafe_code)]
unsafe impl<T: Send> Send for Target<T> {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Target<T> {}
