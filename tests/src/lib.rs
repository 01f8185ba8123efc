//! What the tests that cross crates share: where test data lies, ONNX files made in the test, the `retort` program, an
//! allocator that counts, and what hostile input is given to.
#![deny(unsafe_code)]

pub use retort_alloc_count as allocation;
pub mod data;
pub mod fuzz;
pub mod onnx;
pub mod program;
pub mod tensors;
