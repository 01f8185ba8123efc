//! What the tests that cross crates share: where test data lies, ONNX files made in the test, the `retort` program, and an
//! allocator that counts.
#![deny(unsafe_code)]

pub use retort_alloc_count as allocation;
pub mod data;
pub mod onnx;
pub mod program;
pub mod tensors;
