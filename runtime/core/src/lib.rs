//! The core of Retort: a plan, an arena, and the kernels that run one in the other.
//!
//! A *plan* is one flat image of bytes made on the host: the steps of a network in order, each naming where its operands
//! lie in the arena and where its packed weights lie in the plan. A [`Session`](session::Session) runs it. Nothing here
//! allocates, reads a file or knows of ONNX; the crate needs neither `std` nor an allocator, so a plan also runs on bare
//! metal from flash.
//!
//! Integer tensors inside a plan are always unsigned bytes with a zero point: who made the plan shifted signed ones by
//! 128, which changes no result.
#![no_std]
// Only the kernels, and the splitting of a step among threads, may allow it; each block says why it is sound.
#![deny(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(any(test, feature = "std"))]
extern crate std;
#[cfg(test)]
mod testing;

pub mod function;
pub mod kernels;
pub mod plan;
pub mod session;
