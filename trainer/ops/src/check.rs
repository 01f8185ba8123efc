//! What the tests of several kernels need.

use crate::Real;

/// Values between -1 and 1 without a pattern that a kernel could profit from.
pub fn wave(len: usize, step: f64) -> Vec<f64> {
    (0..len).map(|i| ((i as f64 + 0.5) * step).sin()).collect()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The largest difference.
pub fn worst<T: Real>(a: &[T], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a.wide() - b).abs()).fold(0.0, f64::max)
}

/// The central difference of `of` along element `at` of `v`.
pub fn slope(v: &[f64], at: usize, h: f64, of: impl Fn(&[f64]) -> f64) -> f64 {
    let (mut up, mut down) = (v.to_vec(), v.to_vec());
    up[at] += h;
    down[at] -= h;
    (of(&up) - of(&down)) / (2.0 * h)
}

/// `f` on one thread and on three.
pub fn on_threads<R: PartialEq + std::fmt::Debug + Send>(f: impl Fn() -> R + Sync) {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
        pool.install(&f)
    };
    assert_eq!(on(1), on(3));
}
