//! Vectors of floats: one trait, an implementation for each instruction set, and the choice between them.
//!
//! Kernels are written once over [`Simd`] as a [`Task`] and compiled for every set; [`Isa::run`] enters the right one. A
//! token (`Avx512`, `Avx2`, `Portable`) is made by [`Isa::run`] only, after the processor was asked, so that holding one is
//! proof that its instructions may be used.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

pub use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub use {avx2::Avx2, avx512::Avx512};

use crate::Real;

/// Vectors of `T` in one instruction set.
///
/// # Safety
/// `load` and `store` touch [`LANES`](Simd::LANES) elements from the pointer on, `load_masked` and `store_masked` those that the
/// mask names, and nothing else.
#[allow(unsafe_code)]
pub unsafe trait Simd<T: Real>: Copy + Send + Sync {
    /// A vector.
    type V: Copy;
    /// The first few lanes.
    type Mask: Copy;
    /// Elements of a vector.
    const LANES: usize;
    /// Rows of a tile of the matrix product that is 1, 2, 3 or 4 vectors wide, such that its sums fit the registers.
    const ROWS: [usize; 4];
    /// Vectors that the widest tile has.
    const WIDEST: usize;

    fn splat(self, value: T) -> Self::V;
    /// The first `len` lanes, where 0 < `len` ≤ `LANES`.
    fn mask(self, len: usize) -> Self::Mask;
    /// # Safety
    /// See the trait.
    unsafe fn load(self, from: *const T) -> Self::V;
    /// Other lanes are 0.
    /// # Safety
    /// See the trait.
    unsafe fn load_masked(self, from: *const T, mask: Self::Mask) -> Self::V;
    /// # Safety
    /// See the trait.
    unsafe fn store(self, vector: Self::V, to: *mut T);
    /// # Safety
    /// See the trait.
    unsafe fn store_masked(self, vector: Self::V, to: *mut T, mask: Self::Mask);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a·b + c.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `value` between `low` and `high`; not a number stays what it is.
    fn clamp(self, value: Self::V, low: Self::V, high: Self::V) -> Self::V;
    /// `value` where not (`z` ≤ `low` or `z` ≥ `high`), else 0.
    fn gate(self, value: Self::V, z: Self::V, low: Self::V, high: Self::V) -> Self::V;
    /// The greater of both, or not a number if either is not.
    fn greater(self, a: Self::V, b: Self::V) -> Self::V;
    /// `value` where `a` equals `b`, else 0.
    fn where_equal(self, value: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Runs a task that is compiled by itself, so that its registers are its own.
    fn invoke<K: Task<T>>(self, task: K) -> K::Out;
}

/// Something to compute with the vectors of an instruction set.
pub trait Task<T: Real> {
    /// What it returns.
    type Out;
    /// Computes it. Implementations are `#[inline(always)]`, so that they are compiled for the set that enters them.
    fn run<S: Simd<T>>(self, simd: S) -> Self::Out;
}

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Whatever the target has by default.
    Portable,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX512F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// All that this processor runs, the best last.
    pub fn all() -> Vec<Isa> {
        #[allow(unused_mut)]
        let mut all = vec![Isa::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx2);
                if is_x86_feature_detected!("avx512f") {
                    all.push(Isa::Avx512);
                }
            }
        }
        all
    }

    /// The best that this processor runs.
    pub fn best() -> Isa {
        static BEST: std::sync::OnceLock<Isa> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| *Isa::all().last().unwrap_or(&Isa::Portable))
    }

    /// Runs a task with this set.
    ///
    /// # Panics
    /// If the processor does not have it.
    #[inline]
    pub fn run<T: Real, K: Task<T>>(self, task: K) -> K::Out {
        match self {
            Isa::Portable => task.run(Portable(())),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                assert!(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"));
                // SAFETY: the processor has the instructions.
                #[allow(unsafe_code)]
                unsafe {
                    avx2::enter(task)
                }
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                assert!(is_x86_feature_detected!("avx512f"));
                // SAFETY: the processor has the instructions.
                #[allow(unsafe_code)]
                unsafe {
                    avx512::enter(task)
                }
            }
        }
    }
}
