//! The Video4Linux2 structures that the crate `v4l` uses, as `<linux/videodev2.h>` lays them out.
//!
//! This stands in for the crate of the same name, which generates them with bindgen and so needs libclang wherever it is
//! built (README.md says more). Names are the C header's, and bindgen's where C has none (`__bindgen_anon_1` is a union
//! without a name): `v4l` is written for those. Only what `v4l` 0.14 touches is here. `sized` has the structures of
//! which it wants the size alone.
//!
//! Nothing here has behaviour, and nothing is unsafe but reading a union, which `v4l` does.
#![no_std]
#![allow(non_camel_case_types, non_upper_case_globals)]

mod buffer;
mod control;
mod format;
mod sized;
#[cfg(test)]
mod tests;

pub use buffer::*;
pub use control::*;
pub use format::*;
pub use sized::*;
