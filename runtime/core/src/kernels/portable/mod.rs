//! The portable kernels: plain Rust that compilers turn into vector code, and the truth for every other kernel set.

mod layout;

/// The portable kernel set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;
