//! Integer products on tiles: AMX multiplies sixteen pixels of up to 64 inputs each with the weights of sixteen output
//! channels in one instruction, eight times as many products as AVX512-VNNI does in that time.
//!
//! The packed weights of AVX512-VNNI are such tiles as they lie: a vector of sixteen channels by four inputs is a tile's row.
//! Runs of more than 64 inputs are divided evenly, so that all tiles of a product have one shape. Sums leave the tiles through
//! memory, where vectors round them.
//!
//! The compiler knows none of these instructions: they are in assembler blocks here, each of which loads the tiles that it
//! reads. Only the shapes of tiles last from block to block, from [`Shapes::set`] to [`Shapes::release`].

use crate::kernels::vector::{Constants, Int8, Runs, Target, load_floats, round_stored};
use core::arch::asm;
use core::mem::MaybeUninit;
use core::ptr;

/// Pixels of a tile.
const PIXELS: usize = 16;

/// Bytes of a tile's row.
const ROW: usize = 64;

/// The most tiles that the inputs of a pixel are divided into: as many as their places are kept of.
const MOST: usize = 128;

/// Proof that the processor has AMX-INT8, and that this process may use it.
#[derive(Clone, Copy, Debug)]
pub struct Tiles(());

impl Tiles {
    /// The proof, without one.
    ///
    /// # Safety
    /// The processor has AMX-TILE and AMX-INT8, and the system has [permitted](permit) their use.
    #[allow(unsafe_code)]
    pub const unsafe fn assume() -> Self {
        Tiles(())
    }
}

/// Asks the system to keep tiles for this process; whether it does. Linux wants to be asked, since tiles are 8 KiB more to
/// save for every thread that uses them (arch_prctl(2), ARCH_REQ_XCOMP_PERM). It may be asked any number of times.
#[allow(unsafe_code)]
pub fn permit() -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    const ARCH_PRCTL: isize = 158;
    const REQUEST_PERMISSION: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: Linux's system call by its convention; it has no effect on memory.
    unsafe {
        asm!(
            "syscall",
            inout("rax") result,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack, nomem)
        );
    }
    result == 0
}

/// The shapes of all tiles, as the processor wants them described. 0 to 3 are sums, 4 and 5 inputs, 6 and 7 weights.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Shapes {
    /// Tiles that multiply `fours` times four inputs of every pixel for `lanes` output channels.
    fn new(fours: usize, lanes: usize) -> Self {
        let mut shapes = Shapes { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        for tile in 0..8 {
            let (rows, bytes) = match tile {
                0..4 => (PIXELS, 4 * lanes),
                4..6 => (PIXELS, 4 * fours),
                _ => (fours, 4 * lanes),
            };
            (shapes.rows[tile], shapes.row_bytes[tile]) = (rows as u8, bytes as u16);
        }
        shapes
    }

    /// Gives the tiles these shapes.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn set(&self, _: Tiles) {
        // SAFETY: the processor has the instruction, and no shape is larger than it allows.
        unsafe { asm!("ldtilecfg [{}]", in(reg) self, options(nostack, readonly)) };
    }

    /// Gives tiles back, so that nobody saves them for this thread.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn release(_: Tiles) {
        // SAFETY: the processor has the instruction.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// How the inputs of a pixel are divided into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    /// Groups of four inputs in a tile.
    fours: usize,
    /// Tiles of a run.
    per_run: usize,
}

impl Cut {
    /// The fewest tiles for `runs` runs of `fours` groups of four inputs; `None` where vectors are faster: they multiply two
    /// groups a cycle, a tile takes as long as two groups however many it holds, and the sums' way through memory as long as
    /// three.
    fn of(runs: usize, fours: usize) -> Option<Cut> {
        let most = MOST / runs.max(1);
        let per_run = (fours.div_ceil(PIXELS).max(1)..=most).find(|&parts| fours.is_multiple_of(parts))?;
        let (tiles, products) = (runs * per_run, runs.saturating_mul(fours));
        (fours > 0 && 2 * tiles + 3 <= products).then(|| Cut { fours: fours / per_run, per_run })
    }
}

/// Where a block's operands are, for the assembler.
struct Operands {
    /// Where the tiles of a pixel's inputs begin.
    places: *const *const u8,
    count: usize,
    /// Bytes from one pixel's inputs to the next one's.
    step: usize,
    weights: *const u8,
    /// Bytes of the weights of four inputs, and of a pixel's sums.
    pitch: usize,
    /// Bytes of the weights of a tile's inputs.
    advance: usize,
    bias: *const i32,
}

/// The sums of M tiles of pixels by V vectors of channels, M and V up to two: each begins as the bias, sixteen times the same
/// row, and is written where it belongs. A tile is loaded right before it is first multiplied.
macro_rules! multiply {
    ($name:ident: $($first:literal)*; $($one:literal)*; $($last:literal)*) => {
        /// # Safety
        /// Tiles have their shapes; the operands of all pixels, whose inputs begin `offset` bytes behind the first one's, can
        /// be read, and the sums be written.
        #[inline(always)]
        #[allow(unsafe_code)]
        unsafe fn $name(_: Tiles, from: &Operands, offset: usize, vector: usize, sums: *mut i32) {
            // SAFETY: as the caller says. Only sums are written.
            unsafe {
                asm!(
                    "xor {x:e}, {x:e}",
                    $($first,)*
                    "2:",
                    "mov {x}, [{places}]",
                    "add {x}, {offset}",
                    $($one,)*
                    "add {w}, {advance}",
                    "add {places}, 8",
                    "dec {count}",
                    "jnz 2b",
                    $($last,)*
                    "/* {behind} */",
                    x = out(reg) _,
                    places = inout(reg) from.places => _,
                    count = inout(reg) from.count => _,
                    offset = in(reg) offset,
                    step = in(reg) from.step,
                    // From the inputs of one tile of pixels to the next, and then from sums to sums.
                    behind = inout(reg) PIXELS * from.step => _,
                    w = inout(reg) from.weights.byte_add(vector * ROW) => _,
                    pitch = in(reg) from.pitch,
                    advance = in(reg) from.advance,
                    bias = in(reg) from.bias.byte_add(vector * ROW),
                    sums = in(reg) sums.byte_add(vector * ROW),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack)
                );
            }
        }
    };
}

multiply!(one_by_one:
    "tileloadd tmm0, [{bias} + {x}]";
    "tileloadd tmm4, [{x} + {step}]"
    "tileloadd tmm6, [{w} + {pitch}]"
    "tdpbusd tmm0, tmm4, tmm6";
    "tilestored [{sums} + {pitch}], tmm0"
);
multiply!(one_by_two:
    "tileloadd tmm0, [{bias} + {x}]"
    "tileloadd tmm1, [{bias} + {x} + 64]";
    "tileloadd tmm4, [{x} + {step}]"
    "tileloadd tmm6, [{w} + {pitch}]"
    "tdpbusd tmm0, tmm4, tmm6"
    "tileloadd tmm7, [{w} + {pitch} + 64]"
    "tdpbusd tmm1, tmm4, tmm7";
    "tilestored [{sums} + {pitch}], tmm0"
    "tilestored [{sums} + {pitch} + 64], tmm1"
);
multiply!(two_by_one:
    "tileloadd tmm0, [{bias} + {x}]"
    "tileloadd tmm2, [{bias} + {x}]";
    "tileloadd tmm4, [{x} + {step}]"
    "tileloadd tmm6, [{w} + {pitch}]"
    "tdpbusd tmm0, tmm4, tmm6"
    "add {x}, {behind}"
    "tileloadd tmm5, [{x} + {step}]"
    "tdpbusd tmm2, tmm5, tmm6";
    "tilestored [{sums} + {pitch}], tmm0"
    "mov {behind}, {pitch}"
    "shl {behind}, 4"
    "add {behind}, {sums}"
    "tilestored [{behind} + {pitch}], tmm2"
);
multiply!(two_by_two:
    "tileloadd tmm0, [{bias} + {x}]"
    "tileloadd tmm1, [{bias} + {x} + 64]"
    "tileloadd tmm2, [{bias} + {x}]"
    "tileloadd tmm3, [{bias} + {x} + 64]";
    "tileloadd tmm4, [{x} + {step}]"
    "tileloadd tmm6, [{w} + {pitch}]"
    "tdpbusd tmm0, tmm4, tmm6"
    "tileloadd tmm7, [{w} + {pitch} + 64]"
    "tdpbusd tmm1, tmm4, tmm7"
    "add {x}, {behind}"
    "tileloadd tmm5, [{x} + {step}]"
    "tdpbusd tmm2, tmm5, tmm6"
    "tdpbusd tmm3, tmm5, tmm7";
    "tilestored [{sums} + {pitch}], tmm0"
    "tilestored [{sums} + {pitch} + 64], tmm1"
    "mov {behind}, {pitch}"
    "shl {behind}, 4"
    "add {behind}, {sums}"
    "tilestored [{behind} + {pitch}], tmm2"
    "tilestored [{behind} + {pitch} + 64], tmm3"
);

/// Vectors of sums between multiplying and rounding. The tiles' unit and the vectors' keep each other waiting, so that they
/// take turns; the more sums at a time, the fewer turns, but they are to stay in the first cache.
const BATCH: usize = 256;

/// The sums of a batch: `[pixel][vector][lane]`.
#[repr(align(64))]
struct Sums(MaybeUninit<[i32; BATCH * 16]>);

impl Tiles {
    /// Computes as many of the pixels of a block of N vectors as whole tiles hold, from the first one on; returns how many
    /// those are, or 0 where vectors are faster.
    ///
    /// # Safety
    /// As [`Int8::multiply`](crate::kernels::vector::Int8::multiply), of one block; vectors have 16 lanes, or 8 where N is 1.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub unsafe fn sweep<I: Int8, const N: usize>(
        self,
        isa: I,
        runs: Runs<'_>,
        pixels: usize,
        constants: Constants,
        rounding: I::Rounding,
        to: Target,
    ) -> usize {
        let whole = pixels / PIXELS * PIXELS;
        let cut = if runs.rest > 0 || whole == 0 { None } else { Cut::of(runs.starts.len(), runs.fours) };
        let Some(Cut { fours, per_run }) = cut else { return 0 };
        let mut places = [ptr::null(); MOST];
        for (place, index) in places.iter_mut().zip(0..runs.starts.len() * per_run) {
            let start = runs.starts[index / per_run];
            *place = start.wrapping_add(runs.offset + index % per_run * fours * 4);
        }
        let pitch = N * I::WEIGHT_BYTES;
        let operands = Operands {
            places: places.as_ptr(),
            count: runs.starts.len() * per_run,
            step: runs.step,
            weights: constants.weights,
            pitch,
            advance: fours * pitch,
            bias: constants.bias,
        };
        Shapes::new(fours, I::LANES).set(self);
        // SAFETY: all pixels up to `whole` can be read and written. What is rounded was summed up before.
        unsafe {
            let mut sums = Sums(MaybeUninit::uninit());
            let sums = sums.0.as_mut_ptr().cast::<i32>();
            let by = load_floats::<I, N>(isa, constants.multiplier);
            let at_once = BATCH / N / (2 * PIXELS) * (2 * PIXELS);
            for first in (0..whole).step_by(at_once) {
                let count = at_once.min(whole - first);
                for done in (0..count).step_by(2 * PIXELS) {
                    let (offset, sums) = ((first + done) * runs.step, sums.add(done * N * I::LANES));
                    for vector in (0..N).step_by(2) {
                        match (count - done, N - vector) {
                            (PIXELS, 1) => one_by_one(self, &operands, offset, vector, sums),
                            (PIXELS, _) => one_by_two(self, &operands, offset, vector, sums),
                            (_, 1) => two_by_one(self, &operands, offset, vector, sums),
                            (_, _) => two_by_two(self, &operands, offset, vector, sums),
                        }
                    }
                }
                round_stored(isa, sums, count, by, rounding, to.skip(first));
            }
        }
        Shapes::release(self);
        whole
    }

    /// Whether a pointwise convolution of so many inputs is computed on tiles, but for the last pixels.
    pub fn take(inputs: usize, pixels: usize) -> bool {
        pixels >= PIXELS && inputs.is_multiple_of(4) && Cut::of(1, inputs / 4).is_some()
    }

    /// Multiplies tiles in registers, `rounds` times as many; returns how many multiply-accumulates that were.
    #[allow(unsafe_code)]
    pub fn peak(self, rounds: u32) -> u64 {
        const AT_ONCE: u64 = 4;
        if rounds == 0 {
            return 0;
        }
        Shapes::new(PIXELS, PIXELS).set(self);
        // SAFETY: the processor has the instructions, and they touch nothing but tiles.
        unsafe {
            asm!(
                "tilezero tmm4", "tilezero tmm6",
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "2:",
                "tdpbusd tmm0, tmm4, tmm6", "tdpbusd tmm1, tmm4, tmm6",
                "tdpbusd tmm2, tmm4, tmm6", "tdpbusd tmm3, tmm4, tmm6",
                "dec {rounds:e}",
                "jnz 2b",
                rounds = inout(reg) rounds => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm6") _,
                options(nostack, nomem)
            );
        }
        Shapes::release(self);
        u64::from(rounds) * AT_ONCE * (PIXELS * PIXELS * ROW) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cut_holds_all_inputs_and_fits_tiles(runs in 0usize..300, fours in 0usize..3000) {
            if let Some(cut) = Cut::of(runs, fours) {
                prop_assert_eq!(cut.fours * cut.per_run, fours);
                prop_assert!((1..=ROW / 4).contains(&cut.fours) && runs * cut.per_run <= MOST);
            }
        }
    }

    #[test]
    fn inputs_are_divided_evenly_into_the_fewest_tiles() {
        let cut = |fours, per_run| Some(Cut { fours, per_run });
        assert_eq!(Cut::of(1, 16), cut(16, 1));
        // 24 groups are more than a tile holds; 40 are more than two hold, and three would not be even.
        assert_eq!(Cut::of(1, 24), cut(12, 2));
        assert_eq!(Cut::of(1, 40), cut(10, 4));
        assert_eq!(Cut::of(3, 3), cut(3, 1));
        // Seventeen tiles of one group each are slower than vectors.
        assert_eq!(Cut::of(1, 17), None);
        // So are four groups in one tile.
        assert_eq!(Cut::of(1, 4), None);
        assert_eq!(Cut::of(1, 0), None);
    }
}
