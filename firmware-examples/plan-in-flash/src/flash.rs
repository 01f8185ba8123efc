//! The plan, part of the binary, and memory of just the size it needs.
//!
//! Both begin at multiples of 64 bytes, which the core demands, so that a step finds its operands aligned.

use retort_core::plan::{ALIGNMENT, arena_len};

const _: () = assert!(align_of::<Aligned<1>>() == ALIGNMENT, "the core wants another alignment");

const BYTES: &[u8] = include_bytes!("../shapes.plan");

/// Never written, so that it stays in flash.
static PLAN: Aligned<{ BYTES.len() }> = Aligned::new(*include_bytes!("../shapes.plan"));

/// Bytes of working memory that the plan needs.
pub const ARENA_LEN: usize = match arena_len(BYTES) {
    Some(len) => len,
    None => panic!("shapes.plan is no plan of this version; README.md says how to make it again"),
};

/// The working memory.
pub type Arena = Aligned<ARENA_LEN>;

/// The plan, unchecked.
pub fn plan() -> &'static [u8] {
    PLAN.bytes()
}

/// Bytes at a multiple of 64 bytes.
#[repr(C, align(64))]
pub struct Aligned<const LEN: usize>([u8; LEN]);

impl<const LEN: usize> Aligned<LEN> {
    /// Such bytes, of a plan for example.
    pub const fn new(bytes: [u8; LEN]) -> Self {
        Aligned(bytes)
    }

    /// Zeros: a static of them takes no flash.
    pub const fn zeros() -> Self {
        Aligned([0; LEN])
    }

    /// All of them.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// All of them, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
