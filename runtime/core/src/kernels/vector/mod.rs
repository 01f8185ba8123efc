//! The fast algorithms, written once over the few vector operations they need.
//!
//! An instruction set is a token: a type without contents that only a check of the processor gives out, so whoever holds
//! one may use its instructions. The traits [`Int8`] and [`Float`] are the operations; the convolutions are generic over
//! them. Weights are packed by [`VectorPacking`], which runs anywhere.
//!
//! | | int8 | f32 |
//! |---|---|---|
//! | which algorithm, and who of the threads does what | `convolution_int8` | `convolution_f32` |
//! | 1 × 1, and the tiles of all other products | `product`, of few inputs `held`, to bytes by `round` | `product_f32` |
//! | depthwise | `depthwise_3x3` with `columns`, others `depthwise_int8` with `quads` | `depthwise_f32` |
//! | all others: `general` walks, `ring` pads rows, `patches` are gathered | `convolution_int8` | `convolution_f32` |
//! | whose input's zero point comes at run time | `convolution_dynamic`, with `product` to sums | – |
//! | how weights lie | `layout`, by `blocks`, with `notes` of `chains` and `tap_order` | `layout_f32` |
//!
//! What is neither, `elements` compiles once more from the portable code, but for `add_f32` and what an instruction set does
//! itself. `set` makes a kernel set of it all.
// Loops with indices over arrays of vectors are unrolled; iterators over them need not be inlined.
#![allow(clippy::needless_range_loop)]
// Where no instruction set has these operations, plans are still packed for processors that do.
#![cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code, unused_imports))]

mod activation;
mod add_f32;
mod blocks;
mod chains;
mod columns;
mod convolution_dynamic;
mod convolution_f32;
mod convolution_int8;
mod depthwise_3x3;
mod depthwise_f32;
mod depthwise_int8;
pub mod elements;
mod float;
mod general;
mod held;
mod int8;
mod layout;
mod layout_f32;
mod layout_int8;
mod notes;
mod patches;
mod peak;
mod product;
mod product_f32;
mod quads;
mod ring;
mod round;
mod scratch;
mod set;
mod tap_order;

pub use convolution_dynamic::{convolution_dynamic, name_of as name_of_convolution_dynamic};
pub use convolution_f32::{convolution_f32, name_of as name_of_convolution_f32};
pub use convolution_int8::{convolution_int8, name_of as name_of_convolution_int8};
pub use elements::{Elements, Tables};
pub use float::Float;
pub use int8::{Int8, Stored};
pub use layout::VectorPacking;
#[cfg(test)]
pub use layout::is_covered;
#[cfg(test)]
pub use notes::NOTE;
pub use peak::{multiply_adds, read};
pub use set::VectorKernels;

/// What instruction sets with products of their own need besides.
#[cfg(target_arch = "x86_64")]
mod own {
    pub use super::int8::load_floats;
    pub use super::peak::dots;
    pub use super::product::{Constants, Runs, Target, few, merge};
    pub use super::round::{round_four, round_stored};
}
/// What instruction sets with algorithms of their own need besides.
#[cfg(target_arch = "aarch64")]
mod own {
    pub use super::chains::{blocks_of_twos, words_of_twos};
    pub use super::convolution_int8::rounding;
    pub use super::depthwise_int8::Depthwise;
    pub use super::layout::is_5x5;
    pub use super::layout::{MAX_RUNS, PRODUCTS_5X5, blocks, slides};
    pub use super::patches::Gather;
    pub use super::product::{Constants, Runs, Target, multiply_to_sums};
    pub use super::product_f32::add_units_by_lane;
    pub use super::ring::{RowRing, Source, by_image};
    pub use super::scratch::general as padded_rows;
    pub use super::tap_order::{MAX_TAPS, TapOrder, note_len};
}
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
pub use own::*;

/// An instruction set that the processor has. Holding one is proof of that.
pub trait Isa: Copy + Send + Sync + 'static {
    /// Runs `task` compiled for this instruction set: what it inlines becomes its instructions.
    fn invoke<T: Task<Self>>(self, task: T);
}

/// Code that an instruction set is to be enabled for. `run`, and everything hot that it calls, is `#[inline(always)]`: the
/// instructions are enabled in the function that [`Isa::invoke`] makes, and only what is inlined there is compiled for
/// them.
pub trait Task<I> {
    /// Runs it.
    fn run(self, isa: I);
}
