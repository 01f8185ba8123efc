//! Vectors of eight lanes in plain Rust, which compilers turn into whatever the target has.

use super::{Simd, Task};
use crate::Real;

/// The set that every processor has.
#[derive(Clone, Copy)]
pub struct Portable(pub(super) ());

const LANES: usize = 8;

#[inline(always)]
fn each<T: Real>(f: impl Fn(usize) -> T) -> [T; LANES] {
    let mut out = [T::ZERO; LANES];
    for (lane, out) in out.iter_mut().enumerate() {
        *out = f(lane);
    }
    out
}

// SAFETY: every operation touches the memory that the trait says.
#[allow(unsafe_code)]
unsafe impl<T: Real> Simd<T> for Portable {
    type V = [T; LANES];
    type Mask = usize;
    const LANES: usize = LANES;
    const ROWS: [usize; 4] = [6, 4, 1, 1];
    const WIDEST: usize = 2;

    #[inline(always)]
    fn splat(self, value: T) -> [T; LANES] {
        [value; LANES]
    }
    #[inline(always)]
    fn mask(self, len: usize) -> usize {
        len
    }
    #[inline(always)]
    unsafe fn load(self, from: *const T) -> [T; LANES] {
        unsafe { from.cast::<[T; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_masked(self, from: *const T, mask: usize) -> [T; LANES] {
        each(|lane| if lane < mask { unsafe { *from.add(lane) } } else { T::ZERO })
    }
    #[inline(always)]
    unsafe fn store(self, vector: [T; LANES], to: *mut T) {
        unsafe { to.cast::<[T; LANES]>().write_unaligned(vector) }
    }
    #[inline(always)]
    unsafe fn store_masked(self, vector: [T; LANES], to: *mut T, mask: usize) {
        for (lane, &value) in vector.iter().enumerate().take(mask) {
            unsafe { *to.add(lane) = value }
        }
    }
    #[inline(always)]
    fn add(self, a: [T; LANES], b: [T; LANES]) -> [T; LANES] {
        each(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    fn sub(self, a: [T; LANES], b: [T; LANES]) -> [T; LANES] {
        each(|lane| a[lane] - b[lane])
    }
    #[inline(always)]
    fn mul(self, a: [T; LANES], b: [T; LANES]) -> [T; LANES] {
        each(|lane| a[lane] * b[lane])
    }
    #[inline(always)]
    fn mul_add(self, a: [T; LANES], b: [T; LANES], c: [T; LANES]) -> [T; LANES] {
        each(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    fn clamp(self, value: [T; LANES], low: [T; LANES], high: [T; LANES]) -> [T; LANES] {
        each(|lane| {
            let value = if value[lane] < low[lane] { low[lane] } else { value[lane] };
            if value > high[lane] { high[lane] } else { value }
        })
    }
    #[inline(always)]
    fn gate(self, value: [T; LANES], z: [T; LANES], low: [T; LANES], high: [T; LANES]) -> [T; LANES] {
        each(|lane| if z[lane] <= low[lane] || z[lane] >= high[lane] { T::ZERO } else { value[lane] })
    }
    #[inline(always)]
    fn greater(self, a: [T; LANES], b: [T; LANES]) -> [T; LANES] {
        each(|lane| if a[lane] >= b[lane] || a[lane].is_nan() { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn where_equal(self, value: [T; LANES], a: [T; LANES], b: [T; LANES]) -> [T; LANES] {
        each(|lane| if a[lane] == b[lane] { value[lane] } else { T::ZERO })
    }
    #[inline(never)]
    fn invoke<K: Task<T>>(self, task: K) -> K::Out {
        task.run(self)
    }
}
