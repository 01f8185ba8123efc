//! Kernels: what an instruction set offers to run the steps of a plan.

mod packing;
pub mod portable;

pub use packing::{ConvolutionShape, IntegerWeights, Packed, PackedLen, PackedMut, Packing};

use crate::plan::record::numbered;

/// The kernel sets that a plan can be packed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelSet {
    /// Plain Rust, for any processor.
    #[default]
    Portable,
}
numbered!(KernelSet, "kernel set": 0 => Portable);

impl KernelSet {
    /// Every kernel set that this build knows.
    pub const ALL: &'static [KernelSet] = &[KernelSet::Portable];

    /// The name by which users choose it.
    pub fn name(self) -> &'static str {
        match self {
            KernelSet::Portable => "portable",
        }
    }
}

impl core::fmt::Display for KernelSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// The layouts of a kernel set, whatever this processor can run.
pub fn packing(set: KernelSet) -> &'static dyn Packing {
    match set {
        KernelSet::Portable => &portable::Portable,
    }
}
