//! What an instruction set reaches at best: dot products on registers, in a tile as the matrix product has them, without
//! what a convolution has to do besides. Also how fast it reads memory.

use super::Task;
use super::float::Float;
use super::int8::{Int8, load_sums, load_weights};
use core::hint::black_box;

/// Pixels and vectors of output channels of the tile: twelve independent sums hide the latency of a dot product on every
/// processor so far, and leave enough of 16 registers for the operands.
const TILE: [usize; 2] = [4, 3];

/// Inputs, in fours, that a round multiplies.
const FOURS: usize = 8;

/// The longest vector of bytes, and the longest weights of a dot product.
const LONGEST: usize = 64;

/// The operands of a round.
#[repr(align(64))]
struct Operands([u8; (FOURS * TILE[0] + TILE[1]) * LONGEST]);

/// Does `rounds` rounds of dot products; returns how many multiply-accumulates those are.
pub fn dots<I: Int8>(isa: I, rounds: u32) -> u64 {
    let operands = Operands(core::array::from_fn(|i| (i * 37) as u8));
    isa.invoke(Dots { operands: &operands, rounds });
    u64::from(rounds) * (FOURS * TILE[0] * TILE[1] * 4 * I::LANES) as u64
}

struct Dots<'d> {
    operands: &'d Operands,
    rounds: u32,
}

impl<I: Int8> Task<I> for Dots<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        const { assert!(4 * I::LANES <= LONGEST && I::WEIGHT_BYTES <= LONGEST) };
        // Sums that begin equal would stay equal, and a compiler need keep only one of those.
        // SAFETY: the operands hold twelve vectors of sums and more.
        #[allow(unsafe_code)]
        let mut sums = unsafe {
            let mut sums = [load_sums::<I, { TILE[1] }>(isa, self.operands.0.as_ptr().cast()); TILE[0]];
            for pixel in 1..TILE[0] {
                sums[pixel] = load_sums::<I, { TILE[1] }>(isa, self.operands.0.as_ptr().add(pixel * 64).cast());
            }
            sums
        };
        for _ in 0..self.rounds {
            // As far as a compiler can tell, the operands change from round to round, so that it repeats all of it.
            let x = black_box(self.operands).0.as_ptr();
            // SAFETY: the weights lie behind the bytes of the round, and none is longer than was asserted.
            #[allow(unsafe_code)]
            unsafe {
                let weights = load_weights::<I, { TILE[1] }>(isa, x.add(FOURS * TILE[0] * LONGEST));
                for four in 0..FOURS {
                    for pixel in 0..TILE[0] {
                        let bytes = isa.bytes(x.add((four * TILE[0] + pixel) * LONGEST));
                        for v in 0..TILE[1] {
                            sums[pixel][v] = isa.dot(sums[pixel][v], bytes, weights[v]);
                        }
                    }
                }
            }
        }
        black_box(sums);
    }
}

/// Independent sums, enough to hide the latency of a fused multiply-add on every processor so far.
const SUMS: usize = 12;

/// Fused multiply-adds of every sum in a round.
const REPEATS: usize = 8;

/// Does `rounds` rounds of fused multiply-adds on floats; returns how many multiply-accumulates those are.
pub fn multiply_adds<I: Float>(isa: I, rounds: u32) -> u64 {
    isa.invoke(MultiplyAdds { rounds });
    u64::from(rounds) * (SUMS * REPEATS * I::LANES) as u64
}

struct MultiplyAdds {
    rounds: u32,
}

impl<I: Float> Task<I> for MultiplyAdds {
    #[inline(always)]
    fn run(self, isa: I) {
        let (a, b) = (isa.splat(black_box(0.5)), isa.splat(black_box(0.25)));
        // Sums that begin equal would stay equal, and a compiler need keep only one of those.
        let mut sums = [isa.splat(0.0); SUMS];
        for (index, sum) in sums.iter_mut().enumerate() {
            *sum = isa.splat(index as f32);
        }
        for _ in 0..self.rounds {
            for _ in 0..REPEATS {
                for sum in &mut sums {
                    *sum = isa.mul_add(a, b, *sum);
                }
            }
        }
        black_box(sums);
    }
}

/// Reads whole blocks of `memory`, vector by vector; what is left of a block at the end is not read.
pub fn read<I: Int8>(isa: I, memory: &[u8]) {
    isa.invoke(Read { memory });
}

struct Read<'r> {
    memory: &'r [u8],
}

impl<I: Int8> Task<I> for Read<'_> {
    #[inline(always)]
    fn run(self, isa: I) {
        const VECTORS: usize = 8;
        // A compiler that knew the weights might do without the memory.
        let ones = black_box([1u8; LONGEST]);
        // SAFETY: reads lie within the ones, or within a block of the memory.
        #[allow(unsafe_code)]
        unsafe {
            let weights = isa.weights(ones.as_ptr());
            let mut sums = [isa.sums(ones.as_ptr().cast()); VECTORS];
            for block in self.memory.chunks_exact(VECTORS * 4 * I::LANES) {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.dot(*sum, isa.bytes(block.as_ptr().add(v * 4 * I::LANES)), weights);
                }
            }
            black_box(sums);
        }
    }
}
