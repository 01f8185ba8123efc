//! Every step besides convolutions: the portable code, compiled once more for the wide vectors of an instruction set.
//!
//! One definition serves all kernel sets, so their bytes cannot differ: no operation is contracted or reordered, there are
//! only more elements to an instruction. Tables of bytes have code of their own, see [`Tables`], and where compilers fail at
//! it, some rows of elements have.

use super::{Float, Isa, Task};
use crate::kernels::{Table, portable};
use crate::plan::step::{
    BinaryF32, BinaryInt8, Copy, Dequantize, Fill, Gather, GlobalAverageInt8, Lookup, PoolF32, PoolInt8, Quantize,
    RangeF32, ReduceF32, ResizeF32, ResizeInt8, SoftmaxF32, SoftmaxInt8, UnaryF32,
};
use crate::plan::view::MAX_AXES;

/// An instruction set that puts bytes through tables of 256 entries, and adds them.
pub trait Tables: Isa {
    /// A table, prepared for [`replace`](Self::replace).
    type Prepared<'t>: core::marker::Copy;

    /// Prepares a table.
    fn prepare(self, table: &Table) -> Self::Prepared<'_>;

    /// Writes the entries of the bytes of `x` to `y`, which is as long; without `x`, of those in `y`.
    fn map(self, table: Self::Prepared<'_>, x: Option<&[u8]>, y: &mut [u8]);

    /// Adds some of the first of two rows of bytes as `step` says, which is an addition; returns how many.
    #[inline(always)]
    fn add(self, _step: &BinaryInt8, _a: &[u8], _b: &[u8], _y: &mut [u8]) -> usize {
        0
    }
}

/// Defines functions that run the portable ones of the same name on an instruction set.
macro_rules! recompiled {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        pub fn $name<'a, I: Isa>(isa: I, $($argument: $type),*) {
            // There the portable code is compiled for NEON already, and once is enough.
            if cfg!(target_arch = "aarch64") {
                return crate::kernels::portable().$name($($argument),*);
            }
            struct Run<'a> { $($argument: $type),* }
            impl<I> Task<I> for Run<'_> {
                #[inline(always)]
                fn run(self, _: I) {
                    portable::$name($(self.$argument),*);
                }
            }
            isa.invoke(Run { $($argument),* });
        }
    )*};
}

recompiled! {
    binary_f32(step: &'a BinaryF32, a: &'a [f32], b: &'a [f32], y: &'a mut [f32]);
    unary_f32(step: &'a UnaryF32, x: Option<&'a [f32]>, y: &'a mut [f32]);
    copy(step: &'a Copy, x: &'a [u8], y: &'a mut [u8]);
    dequantize(step: &'a Dequantize, x: &'a [u8], y: &'a mut [f32]);
    fill(step: &'a Fill, y: &'a mut [u8]);
    gather(step: &'a Gather, x: &'a [u8], y: &'a mut [u8], indices: &'a [u32]);
    pool_int8(step: &'a PoolInt8, x: &'a [u8], y: &'a mut [u8]);
    global_average_int8(step: &'a GlobalAverageInt8, x: &'a [u8], y: &'a mut [u8]);
    pool_f32(step: &'a PoolF32, x: &'a [f32], y: &'a mut [f32]);
    resize_int8(step: &'a ResizeInt8, x: &'a [u8], y: &'a mut [u8], rows: &'a [u32], columns: &'a [u32]);
    resize_f32(step: &'a ResizeF32, x: &'a [f32], y: &'a mut [f32], rows: &'a [u32], columns: &'a [u32]);
    softmax_f32(step: &'a SoftmaxF32, x: Option<&'a [f32]>, y: &'a mut [f32]);
    softmax_int8(step: &'a SoftmaxInt8, x: &'a [u8], y: &'a mut [u8], table: &'a [f32; 256]);
    reduce_f32(step: &'a ReduceF32, x: &'a [f32], y: &'a mut [f32]);
    range_f32(step: &'a RangeF32, x: &'a [f32], y: &'a mut [f32]);
}

/// See [`BinaryInt8`]. A table is a second pass, over the result.
pub fn binary_int8(isa: impl Tables, step: &BinaryInt8, a: &[u8], b: &[u8], y: &mut [u8], table: Option<&Table>) {
    struct Run<'a> {
        step: &'a BinaryInt8,
        a: &'a [u8],
        b: &'a [u8],
        y: &'a mut [u8],
    }
    impl<I: Tables> Task<I> for Run<'_> {
        #[inline(always)]
        fn run(self, isa: I) {
            let Run { step, a, b, y } = self;
            portable::binary_int8_by(step, a, b, y, None, |a, b, y| isa.add(step, a, b, y));
        }
    }
    isa.invoke(Run { step, a, b, y });
    if let Some(table) = table {
        let result = Lookup { extent: step.extent, x: step.y, y: step.y, table: step.table };
        lookup(isa, &result, None, y, table);
    }
}

/// See [`Quantize`].
pub fn quantize(isa: impl Float, step: &Quantize, x: &[f32], y: &mut [u8]) {
    struct Run<'a> {
        step: &'a Quantize,
        x: &'a [f32],
        y: &'a mut [u8],
    }
    impl<I: Float> Task<I> for Run<'_> {
        #[inline(always)]
        fn run(self, isa: I) {
            portable::quantize_by(self.step, self.x, self.y, |x, y| isa.quantize(self.step, x, y));
        }
    }
    isa.invoke(Run { step, x, y });
}

/// See [`Copy`](struct@Copy). Every other byte of a row is copied by the instruction set.
pub fn copy_rows(isa: impl Float, step: &Copy, x: &[u8], y: &mut [u8]) {
    struct Run<'a> {
        step: &'a Copy,
        x: &'a [u8],
        y: &'a mut [u8],
    }
    impl<I: Float> Task<I> for Run<'_> {
        #[inline(always)]
        fn run(self, isa: I) {
            portable::copy_by(self.step, self.x, self.y, |x, y| isa.every_other(x, y));
        }
    }
    isa.invoke(Run { step, x, y });
}

/// See [`Lookup`]. Where the bytes do not lie side by side, they are brought together first.
pub fn lookup(isa: impl Tables, step: &Lookup, x: Option<&[u8]>, y: &mut [u8], table: &Table) {
    let innermost = (0..MAX_AXES).rev().find(|&axis| step.extent.0[axis] > 1);
    if let Some(x) = x
        && innermost.is_some_and(|axis| step.x.strides[axis] != 1)
    {
        copy(isa, &Copy { size: 1, extent: step.extent, x: step.x, y: step.y }, x, y);
        return lookup(isa, &Lookup { x: step.y, ..*step }, None, y, table);
    }
    struct Run<'a> {
        step: &'a Lookup,
        x: Option<&'a [u8]>,
        y: &'a mut [u8],
        table: &'a Table,
    }
    impl<I: Tables> Task<I> for Run<'_> {
        #[inline(always)]
        fn run(self, isa: I) {
            let Run { step, x, y, table } = self;
            portable::lookup_by(step, x, y, &Prepared { isa, prepared: isa.prepare(table), table });
        }
    }
    isa.invoke(Run { step, x, y, table });
}

/// A table prepared for an instruction set.
struct Prepared<'t, I: Tables> {
    isa: I,
    prepared: I::Prepared<'t>,
    table: &'t Table,
}

impl<I: Tables> portable::Entries for Prepared<'_, I> {
    #[inline(always)]
    fn of(&self, x: u8) -> u8 {
        self.table[usize::from(x)]
    }

    #[inline(always)]
    fn map(&self, x: Option<&[u8]>, y: &mut [u8]) {
        self.isa.map(self.prepared, x, y);
    }
}
