//! Depthwise int8 convolution of base NEON: 16 channels at a time, tap by tap.
//!
//! The lanes of a vector hold channels. Of two taps at a time, SMULL and SMLAL add the products in 16 bits, and SADDW adds
//! these to 32-bit sums; up to four taps make such a chain, see [`TapOrder`]. The usual window has a way of its own
//! ([`three_by_three`](super::three_by_three)), which reads signed bytes where they lie. Other input rows are copied to a ring of padded
//! rows, where their bytes are flipped once instead of at every tap. Two products overflow 16 bits only if both weights are −128; where
//! that may be, each goes to the sums by itself.

use super::finish::{ANY, EVEN, EVEN_SIGNED, Finish, PLAIN, PLAIN_SIGNED, finish};
use super::instructions::{smlal_high, smull_high};
use super::neon::{Neon, Rounding};
use super::padded::{Edges, PaddedRow, for_each_row, for_each_row_in_place};
use super::three_by_three::ThreeByThree;
use super::tile_taps::{Operands, tiles};
use crate::kernels::vector::{Constants, Depthwise, Isa, MAX_TAPS, TapOrder, Target, Task, note_len};
use crate::plan::step::ConvolutionInt8;
use core::arch::aarch64::*;
use core::mem::MaybeUninit;

/// Computes some output rows.
#[inline(always)]
pub fn depthwise(rounding: Rounding, depthwise: Depthwise<'_>) {
    let (step, constants) = (depthwise.step, depthwise.constants);
    let slides = is_usual(step.window.kernel.map(|n| n as usize), &rounding) && step.window.stride[1] <= 2;
    match Edges::of(step, 0x80, CHUNK as u32).filter(|_| slides) {
        Some(edges) => for_each_row_in_place(depthwise, edges, |row| {
            // SAFETY: it is a row of the step, and constants are packed for it.
            #[allow(unsafe_code)]
            unsafe {
                compute(step, constants, rounding, row, edges);
            }
        }),
        None => for_each_row(depthwise, 0x80, |row| {
            // SAFETY: the same.
            #[allow(unsafe_code)]
            unsafe {
                compute(step, constants, rounding, row, Edges::default());
            }
        }),
    }
}

/// Computes an output row.
///
/// # Safety
/// The rows hold the window at every place but the edges, and slack behind it unless channels are whole chunks; constants are packed chunk
/// after chunk; the row of results can be written.
#[inline(never)]
#[allow(unsafe_code)]
unsafe fn compute(step: &ConvolutionInt8, constants: Constants, rounding: Rounding, row: PaddedRow<'_>, edges: Edges) {
    let window = &step.window;
    let (channels, kernel) = (step.y.channels as usize, window.kernel.map(|n| n as usize));
    let (stride, dilation) = (window.stride[1] as usize, window.dilation[1] as usize);
    // For every number that a note may hold there is a place in the window, whether or not it has so many taps.
    let mut places;
    let taps = if is_usual(kernel, &rounding) {
        None
    } else {
        places = [row.starts[0]; MAX_TAPS];
        for (&start, places) in row.starts.iter().zip(places.chunks_mut(kernel[1])) {
            (places.iter_mut().enumerate())
                .for_each(|(kx, place)| *place = start.wrapping_add(kx * dilation * channels));
        }
        Some(&places)
    };
    let row = Row {
        starts: row.starts,
        any: taps,
        columns: kernel[1],
        column: dilation * channels,
        step: stride * channels,
        pixels: step.y.width as usize,
        edges,
        constants,
        rounding,
        to: Target { first: row.y, step: step.y.stride as usize, channels: CHUNK },
        from: 0,
        chunks: channels / CHUNK,
    };
    let shared = if dilation == 1 { 3usize.saturating_sub(stride) } else { 0 };
    if row.chunks > 0 {
        // SAFETY: as the caller says.
        unsafe { row.invoke(Neon, CHUNK, shared) };
    }
    let rest = channels % CHUNK;
    if rest > 0 {
        let row = row.after(row.chunks);
        let to = Target { channels: rest, ..row.to };
        // SAFETY: as the caller says; of those that are left there are constants up to a multiple of eight.
        unsafe { Row { chunks: 1, to, ..row }.invoke(Neon, rest.next_multiple_of(8), shared) };
    }
}

/// Whether the window has code of its own.
#[inline(always)]
fn is_usual(kernel: [usize; 2], rounding: &Rounding) -> bool {
    kernel == [3, 3] && !rounding.extreme()
}

/// Channels that are computed at a time. Of the last of them there may be weights for half as many.
const CHUNK: usize = 16;

/// An output row of some chunks of channels.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    /// The input rows under the window, flipped.
    pub starts: &'r [*const u8],
    /// Of any window but the usual one: the taps' inputs at the first place, row by row, and behind them others under the window.
    pub any: Option<&'r [*const u8; MAX_TAPS]>,
    /// Columns of the window.
    pub columns: usize,
    /// Bytes from one column of the window to the next.
    pub column: usize,
    /// Bytes from one place of the window to the next.
    pub step: usize,
    pub pixels: usize,
    /// Columns of the usual window that are not in the rows; only where it moves by one or two.
    pub edges: Edges,
    /// Those of the first chunk.
    pub constants: Constants,
    pub rounding: Rounding,
    /// Where the first chunk's results go.
    pub to: Target,
    /// The first channel.
    pub from: usize,
    pub chunks: usize,
}

impl Row<'_> {
    /// What lies behind so many chunks.
    #[inline(always)]
    pub fn after(self, chunks: usize) -> Self {
        let channels = chunks * CHUNK;
        let taps = self.starts.len() * self.columns;
        let Constants { weights, bias, multiplier, chains } = self.constants;
        let constants = Constants {
            weights: weights.wrapping_add(channels * taps),
            bias: bias.wrapping_add(channels),
            multiplier: multiplier.wrapping_add(channels),
            chains: chains.wrapping_byte_add(chunks * note_len(taps)),
        };
        let to = Target { first: self.to.first.wrapping_add(channels), ..self.to };
        Row { constants, to, from: self.from + channels, chunks: self.chunks - chunks, ..self }
    }

    /// Calls `compute` for what begins with each chunk.
    #[inline(always)]
    pub fn for_each_chunk(self, mut compute: impl FnMut(&Self)) {
        let mut row = self;
        loop {
            compute(&row);
            if row.chunks <= 1 {
                return;
            }
            row = row.after(1);
        }
    }

    /// Computes it. `shared`: how many columns of three the window has in common with its next place.
    ///
    /// # Safety
    /// Inputs, constants and outputs are there for so many lanes, 16 or 8, of every chunk.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn invoke(self, isa: Neon, lanes: usize, shared: usize) {
        let usual = self.any.is_none();
        let how = match (self.to.channels == lanes, self.rounding.is_signed()) {
            (true, false) if self.rounding.is_even() => EVEN,
            (true, true) if self.rounding.is_even() => EVEN_SIGNED,
            (true, false) if self.rounding.is_plain() => PLAIN,
            (true, true) if self.rounding.is_plain() => PLAIN_SIGNED,
            _ => ANY,
        };
        macro_rules! three_by_three {
            ($n:literal, $shared:literal) => {
                match how {
                    EVEN => isa.invoke(ThreeByThree::<$n, $shared, EVEN>(self)),
                    EVEN_SIGNED => isa.invoke(ThreeByThree::<$n, $shared, EVEN_SIGNED>(self)),
                    PLAIN => isa.invoke(ThreeByThree::<$n, $shared, PLAIN>(self)),
                    PLAIN_SIGNED => isa.invoke(ThreeByThree::<$n, $shared, PLAIN_SIGNED>(self)),
                    _ => isa.invoke(ThreeByThree::<$n, $shared, ANY>(self)),
                }
            };
        }
        match (lanes, usual, shared) {
            (16, true, 2) => three_by_three!(4, 2),
            (16, true, 1) => three_by_three!(4, 1),
            (16, true, _) => three_by_three!(4, 0),
            (_, true, 2) => three_by_three!(2, 2),
            (_, true, 1) => three_by_three!(2, 1),
            (_, true, _) => three_by_three!(2, 0),
            (16, ..) if !self.rounding.extreme() => isa.invoke(Any::<4, false>(self)),
            (16, ..) => isa.invoke(Any::<4, true>(self)),
            _ if !self.rounding.extreme() => isa.invoke(Any::<2, false>(self)),
            _ => isa.invoke(Any::<2, true>(self)),
        }
    }
}

/// Any window, on N vectors of sums. EXTREME: two products may not fit 16 bits.
struct Any<'r, const N: usize, const EXTREME: bool>(Row<'r>);

impl<const N: usize, const EXTREME: bool> Task<Neon> for Any<'_, N, EXTREME> {
    #[inline(always)]
    #[allow(unsafe_code)]
    fn run(self, _: Neon) {
        // SAFETY: as who invoked it said.
        self.0.for_each_chunk(|row| unsafe { chunk::<N, EXTREME>(row) });
    }
}

/// Computes the first chunk.
///
/// # Safety
/// As for [`Row::invoke`].
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn chunk<const N: usize, const EXTREME: bool>(row: &Row<'_>) {
    let &Row { any: Some(in_rows), from, step, pixels, constants, rounding, to, .. } = row else { return };
    let count = row.starts.len() * row.columns;
    // SAFETY: there is a note for every chunk.
    let note = unsafe { core::slice::from_raw_parts(constants.chains.cast(), note_len(count)) };
    let order = TapOrder::of(note, count);
    let mut taps = [const { MaybeUninit::uninit() }; MAX_TAPS];
    let place = |tap: u8| in_rows[usize::from(tap)].wrapping_add(from);
    // Four at a time, as there are a few dozen for every row.
    let (fours, rest) = order.taps.as_chunks::<4>();
    let (four_slots, slots) = taps.split_at_mut(4 * fours.len());
    for (slots, taps) in four_slots.as_chunks_mut::<4>().0.iter_mut().zip(fours) {
        *slots = taps.map(|tap| MaybeUninit::new(place(tap)));
    }
    slots.iter_mut().zip(rest).for_each(|(slot, &tap)| *slot = MaybeUninit::new(place(tap)));
    // SAFETY: so many were written.
    let taps: &[*const u8] = unsafe { core::slice::from_raw_parts(taps.as_ptr().cast(), order.taps.len()) };
    // SAFETY: as who invoked it said.
    unsafe {
        let (bias, by) = constants_of::<N>(constants);
        let mut done = 0;
        if N == 4 && !EXTREME && rounding.is_plain() && to.channels == 16 && pixels >= 4 {
            let Constants { weights, bias, multiplier, .. } = constants;
            let finish = Finish::new(&rounding, multiplier, to);
            tiles(Operands { taps, chains: order.chains, step, weights, bias }, pixels / 4, finish);
            done = pixels / 4 * 4;
        }
        while done < pixels {
            let to = Target { first: to.first.add(done * to.step), ..to };
            let sums = Chains { taps, chains: order.chains, weights: constants.weights, offset: done * step, step };
            match pixels - done {
                4.. => {
                    finish::<4, N, false>(sums.add_up::<4, N, EXTREME>(bias), by, &rounding, to);
                    done += 4;
                }
                2.. => {
                    finish::<2, N, false>(sums.add_up::<2, N, EXTREME>(bias), by, &rounding, to);
                    done += 2;
                }
                _ => {
                    finish::<1, N, false>(sums.add_up::<1, N, EXTREME>(bias), by, &rounding, to);
                    done += 1;
                }
            }
        }
    }
}

/// The taps of some pixels.
struct Chains<'c> {
    /// Where each tap's input lies at the first place.
    taps: &'c [*const u8],
    /// As [`TapOrder::chains`].
    chains: [usize; 4],
    weights: *const u8,
    /// Bytes from the first place to the first of these.
    offset: usize,
    /// Bytes from one place to the next.
    step: usize,
}

impl Chains<'_> {
    /// Computes the sums of M pixels, on N vectors of sums each. EXTREME: each product goes to them by itself.
    ///
    /// # Safety
    /// Inputs and weights can be read.
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn add_up<const M: usize, const N: usize, const EXTREME: bool>(
        self,
        bias: [int32x4_t; N],
    ) -> [[int32x4_t; N]; M] {
        let Chains { taps, chains: [fours, threes, twos, _], mut weights, offset, step } = self;
        let mut sums = [bias; M];
        let mut rest = taps;
        // SAFETY: as the caller says.
        unsafe {
            if !EXTREME {
                let (of_four, others) = rest.split_at(4 * fours);
                for chain in of_four.as_chunks::<4>().0 {
                    sums = add_chain(sums, chain.map(|tap| tap.add(offset)), step, weights);
                    weights = weights.add(4 * 4 * N);
                }
                let (of_three, others) = others.split_at(3 * threes);
                for chain in of_three.as_chunks::<3>().0 {
                    sums = add_chain(sums, chain.map(|tap| tap.add(offset)), step, weights);
                    weights = weights.add(3 * 4 * N);
                }
                let (of_two, others) = others.split_at(2 * twos);
                for chain in of_two.as_chunks::<2>().0 {
                    sums = add_chain(sums, chain.map(|tap| tap.add(offset)), step, weights);
                    weights = weights.add(2 * 4 * N);
                }
                rest = others;
            }
            for &tap in rest {
                sums = add_chain(sums, [tap.add(offset)], step, weights);
                weights = weights.add(4 * N);
            }
        }
        sums
    }
}

/// Adds the products of LEN taps, added up in 16 bits, to the sums of M pixels, `step` bytes apart.
///
/// # Safety
/// Inputs and weights can be read.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn add_chain<const M: usize, const N: usize, const LEN: usize>(
    mut sums: [[int32x4_t; N]; M],
    taps: [*const u8; LEN],
    step: usize,
    weights: *const u8,
) -> [[int32x4_t; N]; M] {
    // SAFETY: as the caller says.
    unsafe {
        let mut w = [vdupq_n_s8(0); LEN];
        for i in 0..LEN {
            w[i] = load::<N>(weights.add(i * 4 * N));
        }
        for m in 0..M {
            let x = taps.map(|tap| load::<N>(tap.add(m * step)));
            sums[m] = add(sums[m], x, w);
        }
    }
    sums
}

/// Biases and multipliers.
///
/// # Safety
/// There are so many.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn constants_of<const N: usize>(constants: Constants) -> ([int32x4_t; N], [float32x4_t; N]) {
    // SAFETY: as the caller says.
    unsafe {
        let (mut bias, mut by) = ([vdupq_n_s32(0); N], [vdupq_n_f32(0.0); N]);
        for v in 0..N {
            bias[v] = vld1q_s32(constants.bias.add(v * 4));
            by[v] = vld1q_f32(constants.multiplier.add(v * 4));
        }
        (bias, by)
    }
}

/// Reads bytes for N vectors of sums: 16, or 8 twice.
///
/// # Safety
/// They can be read.
#[inline(always)]
#[allow(unsafe_code)]
pub unsafe fn load<const N: usize>(from: *const u8) -> int8x16_t {
    // SAFETY: as the caller says.
    unsafe {
        if N == 4 {
            vld1q_s8(from.cast())
        } else {
            let half = vld1_s8(from.cast());
            vcombine_s8(half, half)
        }
    }
}

/// Adds the products of LEN taps, added up in 16 bits.
#[inline(always)]
#[allow(unsafe_code)]
pub fn add<const N: usize, const LEN: usize>(
    mut sums: [int32x4_t; N],
    x: [int8x16_t; LEN],
    w: [int8x16_t; LEN],
) -> [int32x4_t; N] {
    // SAFETY: every aarch64 processor has NEON.
    unsafe {
        let mut low = vmull_s8(vget_low_s8(x[0]), vget_low_s8(w[0]));
        for i in 1..LEN {
            low = vmlal_s8(low, vget_low_s8(x[i]), vget_low_s8(w[i]));
        }
        sums[0] = vaddw_s16(sums[0], vget_low_s16(low));
        sums[1] = vaddw_high_s16(sums[1], low);
        if N == 4 {
            let mut high = smull_high(x[0], w[0]);
            for i in 1..LEN {
                high = smlal_high(high, x[i], w[i]);
            }
            sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
            sums[3] = vaddw_high_s16(sums[3], high);
        }
    }
    sums
}
