//! A small seeded generator whose sequence never changes with a library's version, so that a seed names a data set.

/// SplitMix64 (Steele, Lea and Flood 2014): one addition and three mixing steps a number.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator named by a path of numbers, such as seed, split and index. Different paths are independent.
    pub fn new(path: &[u64]) -> Rng {
        let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
        for &part in path {
            rng.0 = rng.next() ^ part.wrapping_mul(0xd134_2543_de82_ef95);
        }
        rng
    }

    /// 64 uniform bits.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [low, high).
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..count; 0 where count is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Log-uniform in [low, high): every doubling is as likely as another.
    pub fn log_range(&mut self, low: f32, high: f32) -> f32 {
        self.range(low.ln(), high.ln()).exp()
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_fixed() {
        // Data sets are named by their seed, so these numbers must never change.
        let mut rng = Rng::new(&[1, 2, 3]);
        assert_eq!([rng.next(), rng.next()], [0xb6cd_3c37_f705_da44, 0x2c7f_9c48_1bac_f549]);
    }

    #[test]
    fn draws_stay_in_their_ranges() {
        let mut rng = Rng::new(&[7]);
        for _ in 0..1000 {
            assert!((0.0..1.0).contains(&rng.unit()));
            assert!(rng.below(5) < 5);
            assert!((2.0..8.01).contains(&rng.log_range(2.0, 8.0)));
        }
        let mean = (0..4000).map(|_| rng.normal()).sum::<f32>() / 4000.0;
        assert!(mean.abs() < 0.06, "{mean}");
    }
}
