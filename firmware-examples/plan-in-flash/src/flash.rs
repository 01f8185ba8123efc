//! The plan, part of the binary, and memory of just the size it needs.
//!
//! Both begin at multiples of 64 bytes, which the core demands, so that a step finds its operands aligned.

use retort_core::plan::{ALIGNMENT, arena_len};

/// Something at a multiple of 64 bytes.
#[repr(C, align(64))]
struct Aligned<B>(B);

const _: () = assert!(align_of::<Aligned<u8>>() == ALIGNMENT, "the core wants another alignment");

const BYTES: &[u8] = include_bytes!("../shapes.plan");

/// Never written, so that it stays in flash.
static PLAN: Aligned<[u8; BYTES.len()]> = Aligned(*include_bytes!("../shapes.plan"));

/// Bytes of working memory that the plan needs.
pub const ARENA_LEN: usize = match arena_len(BYTES) {
    Some(len) => len,
    None => panic!("shapes.plan is no plan of this version; README.md says how to make it again"),
};

/// The plan, unchecked.
pub fn plan() -> &'static [u8] {
    &PLAN.0
}

/// The working memory. A `const` one is all zeros, so a static one takes no flash.
pub struct Arena(Aligned<[u8; ARENA_LEN]>);

impl Arena {
    /// Zeros.
    pub const fn new() -> Self {
        Arena(Aligned([0; ARENA_LEN]))
    }

    /// All of it.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.0.0
    }
}

impl Default for Arena {
    fn default() -> Self {
        Arena::new()
    }
}
