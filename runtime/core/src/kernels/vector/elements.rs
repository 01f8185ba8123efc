//! Every step besides convolutions: the portable code, compiled once more for the wide vectors of an instruction set.
//!
//! One definition serves all kernel sets, so their bytes cannot differ: no operation is contracted or reordered, there are
//! only more elements to an instruction. Tables of bytes have code of their own, see [`Tables`], and where compilers fail at
//! it, some other steps have, see [`Elements`].

use super::add_f32::{AddF32, adds};
use super::{Float, Isa, Task};
use crate::kernels::portable::ByteRows;
use crate::kernels::{Table, portable};
use crate::plan::step::{
    BinaryF32, BinaryInt8, Copy, Dequantize, Fill, Gather, GlobalAverageInt8, Lookup, PoolF32, PoolInt8, Quantize,
    RangeF32, ReduceF32, ResizeF32, ResizeInt8, SoftmaxF32, SoftmaxInt8, Step, UnaryF32,
};
use crate::plan::view::MAX_AXES;

/// An instruction set that puts bytes through tables of 256 entries.
pub trait Tables: Isa {
    /// A table, prepared for [`map`](Self::map).
    type Prepared<'t>: core::marker::Copy;

    /// Prepares a table.
    fn prepare(self, table: &Table) -> Self::Prepared<'_>;

    /// Writes the entries of the bytes of `x` to `y`, which is as long; without `x`, of those in `y`.
    fn map(self, table: Self::Prepared<'_>, x: Option<&[u8]>, y: &mut [u8]);

    /// Does so for rows.
    #[inline(always)]
    fn map_rows(self, table: Self::Prepared<'_>, x: Option<&[u8]>, y: &mut [u8], rows: ByteRows) {
        rows.for_each(x, y, |x, y| self.map(table, x, y));
    }
}

/// Steps that an instruction set has code of its own for, because a compiler makes none that is good of the portable one.
/// Each returns whether it has done the step; if not, it has written nothing.
pub trait Elements: Isa {
    /// Where its own code for `step` is, as [`Kernels::name_of`](crate::kernels::Kernels::name_of) says it; `None` where it
    /// has none.
    fn name_of(_step: &Step) -> Option<&'static str> {
        None
    }

    /// See [`BinaryInt8`], but for its table, which comes after it.
    #[inline(always)]
    fn binary_int8(self, _step: &BinaryInt8, _a: &[u8], _b: &[u8], _y: &mut [u8]) -> bool {
        false
    }

    /// See [`UnaryF32`].
    #[inline(always)]
    fn unary_f32(self, _step: &UnaryF32, _x: Option<&[f32]>, _y: &mut [f32]) -> bool {
        false
    }

    /// See [`Quantize`].
    #[inline(always)]
    fn quantize(self, _step: &Quantize, _x: &[f32], _y: &mut [u8]) -> bool {
        false
    }

    /// See [`Dequantize`].
    #[inline(always)]
    fn dequantize(self, _step: &Dequantize, _x: &[u8], _y: &mut [f32]) -> bool {
        false
    }

    /// See [`Copy`](struct@Copy).
    #[inline(always)]
    fn copy(self, _step: &Copy, _x: &[u8], _y: &mut [u8]) -> bool {
        false
    }

    /// See [`PoolInt8`].
    #[inline(always)]
    fn pool_int8(self, _step: &PoolInt8, _x: &[u8], _y: &mut [u8]) -> bool {
        false
    }

    /// See [`SoftmaxF32`].
    #[inline(always)]
    fn softmax_f32(self, _step: &SoftmaxF32, _x: Option<&[f32]>, _y: &mut [f32]) -> bool {
        false
    }

    /// See [`SoftmaxInt8`].
    #[inline(always)]
    fn softmax_int8(self, _step: &SoftmaxInt8, _x: &[u8], _y: &mut [u8], _table: &[f32; 256]) -> bool {
        false
    }
}

/// Runs the portable function of this name on an instruction set.
macro_rules! recompile {
    ($isa:ident, $name:ident($($argument:ident: $type:ty),*)) => {{
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
        $isa.invoke(Run { $($argument),* });
    }};
}

/// Defines functions that do so.
macro_rules! recompiled {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        pub fn $name<'a, I: Elements>(isa: I, $($argument: $type),*) {
            recompile!(isa, $name($($argument: $type),*));
        }
    )*};
}

/// Defines functions that do so unless the instruction set has code of its own.
macro_rules! recompiled_unless_own {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        pub fn $name<'a, I: Elements>(isa: I, $($argument: $type),*) {
            if !isa.$name($($argument),*) {
                recompile!(isa, $name($($argument: $type),*));
            }
        }
    )*};
}

recompiled! {
    fill(step: &'a Fill, y: &'a mut [u8]);
    gather(step: &'a Gather, x: &'a [u8], y: &'a mut [u8], indices: &'a [u32]);
    global_average_int8(step: &'a GlobalAverageInt8, x: &'a [u8], y: &'a mut [u8]);
    pool_f32(step: &'a PoolF32, x: &'a [f32], y: &'a mut [f32]);
    resize_int8(step: &'a ResizeInt8, x: &'a [u8], y: &'a mut [u8], rows: &'a [u32], columns: &'a [u32]);
    resize_f32(step: &'a ResizeF32, x: &'a [f32], y: &'a mut [f32], rows: &'a [u32], columns: &'a [u32]);
    reduce_f32(step: &'a ReduceF32, x: &'a [f32], y: &'a mut [f32]);
    range_f32(step: &'a RangeF32, x: &'a [f32], y: &'a mut [f32]);
}

recompiled_unless_own! {
    unary_f32(step: &'a UnaryF32, x: Option<&'a [f32]>, y: &'a mut [f32]);
    quantize(step: &'a Quantize, x: &'a [f32], y: &'a mut [u8]);
    dequantize(step: &'a Dequantize, x: &'a [u8], y: &'a mut [f32]);
    copy(step: &'a Copy, x: &'a [u8], y: &'a mut [u8]);
    pool_int8(step: &'a PoolInt8, x: &'a [u8], y: &'a mut [u8]);
    softmax_f32(step: &'a SoftmaxF32, x: Option<&'a [f32]>, y: &'a mut [f32]);
    softmax_int8(step: &'a SoftmaxInt8, x: &'a [u8], y: &'a mut [u8], table: &'a [f32; 256]);
}

/// See [`BinaryF32`].
pub fn binary_f32<'a, I: Float>(isa: I, step: &'a BinaryF32, a: &'a [f32], b: &'a [f32], y: &'a mut [f32]) {
    if adds(step, I::LANES) {
        return isa.invoke(AddF32 { step, a, b, y });
    }
    recompile!(isa, binary_f32(step: &'a BinaryF32, a: &'a [f32], b: &'a [f32], y: &'a mut [f32]));
}

/// See [`BinaryInt8`]. A table is a second pass, over the result.
pub fn binary_int8(
    isa: impl Float,
    tables: impl Tables,
    step: &BinaryInt8,
    a: &[u8],
    b: &[u8],
    y: &mut [u8],
    table: Option<&Table>,
) {
    fn without_table<'a>(isa: impl Elements, step: &'a BinaryInt8, a: &'a [u8], b: &'a [u8], y: &'a mut [u8]) {
        let table = None;
        recompile!(isa, binary_int8(step: &'a BinaryInt8, a: &'a [u8], b: &'a [u8], y: &'a mut [u8], table: Option<&'a Table>));
    }
    if !isa.binary_int8(step, a, b, y) {
        without_table(isa, step, a, b, y);
    }
    if let Some(table) = table {
        let result = Lookup { extent: step.extent, x: step.y, y: step.y, table: step.table };
        lookup(isa, tables, &result, None, y, table);
    }
}

/// See [`Lookup`]. Where the bytes do not lie side by side, they are brought together first.
pub fn lookup(isa: impl Float, tables: impl Tables, step: &Lookup, x: Option<&[u8]>, y: &mut [u8], table: &Table) {
    let innermost = (0..MAX_AXES).rev().find(|&axis| step.extent.0[axis] > 1);
    if let Some(x) = x
        && innermost.is_some_and(|axis| step.x.strides[axis] != 1)
    {
        copy(isa, &Copy { size: 1, extent: step.extent, x: step.x, y: step.y }, x, y);
        return lookup(isa, tables, &Lookup { x: step.y, ..*step }, None, y, table);
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
    tables.invoke(Run { step, x, y, table });
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

    #[inline(always)]
    fn map_rows(&self, x: Option<&[u8]>, y: &mut [u8], rows: ByteRows) {
        self.isa.map_rows(self.prepared, x, y, rows);
    }
}
