//! Smooth value noise, the stuff that grounds are made of.

/// Noise over the plane, fixed by its seed, in [0, 1].
#[derive(Clone, Copy, Debug)]
pub struct ValueNoise(pub u64);

impl ValueNoise {
    fn corner(self, x: i32, y: i32) -> f32 {
        let mut h = self.0 ^ (x as u32 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h = (h ^ (y as u32 as u64)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        h = (h ^ (h >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (h >> 40) as f32 / (1u64 << 24) as f32
    }

    /// One octave: random values at whole coordinates, blended smoothly between them.
    pub fn at(self, x: f32, y: f32) -> f32 {
        let (fx, fy) = (x.floor(), y.floor());
        let (ix, iy) = (fx as i32, fy as i32);
        let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
        let (tx, ty) = (smooth(x - fx), smooth(y - fy));
        let top = self.corner(ix, iy) * (1.0 - tx) + self.corner(ix + 1, iy) * tx;
        let bottom = self.corner(ix, iy + 1) * (1.0 - tx) + self.corner(ix + 1, iy + 1) * tx;
        top * (1.0 - ty) + bottom * ty
    }

    /// Several octaves, each twice as fine and half as strong.
    pub fn fractal(self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut scale, mut total) = (0.0, 0.5, 1.0, 0.0);
        for octave in 0..octaves {
            sum += weight * ValueNoise(self.0.wrapping_add(u64::from(octave) * 0x51_7cc1)).at(x * scale, y * scale);
            total += weight;
            weight *= 0.5;
            scale *= 2.0;
        }
        sum / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_and_bounded() {
        let noise = ValueNoise(5);
        let mut last = noise.fractal(0.0, 0.3, 3);
        for i in 1..2000 {
            let value = noise.fractal(i as f32 * 0.005, 0.3, 3);
            assert!((0.0..=1.0).contains(&value) && (value - last).abs() < 0.05);
            last = value;
        }
    }
}
