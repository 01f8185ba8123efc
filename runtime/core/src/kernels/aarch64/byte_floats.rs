//! Bytes as floats: TBL makes the bits of 2²³ plus a byte, from which 2²³ plus the zero point is taken off, exactly. That is two
//! operations a vector; widening twice and converting would be two and three quarters.

use core::arch::aarch64::*;

/// 2²³: added to a byte, it leaves it in the lowest bits.
const BASE: f32 = 8_388_608.0;

/// Which bytes of a vector, and of one with [`BASE`]'s, make floats.
static PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut i = 0;
    while i < 64 {
        // A byte, and behind it two zeros and the exponent.
        places[i] = [i as u8 / 4, 16, 17, 19][i % 4];
        i += 1;
    }
    places
};

/// 16 floats.
pub type Floats = [float32x4_t; 4];

/// How bytes become floats.
#[derive(Clone, Copy)]
pub struct ByteFloats {
    places: [uint8x16_t; 4],
    base: uint8x16_t,
    base_and_zero: float32x4_t,
}

impl ByteFloats {
    /// For bytes of which `zero`, 0 to 255, is taken off.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn new(zero: i32) -> Self {
        // SAFETY: every aarch64 processor has NEON, and the places are four vectors.
        unsafe {
            let places = vld1q_u8_x4(PLACES.as_ptr());
            ByteFloats {
                places: [places.0, places.1, places.2, places.3],
                base: vreinterpretq_u8_f32(vdupq_n_f32(BASE)),
                base_and_zero: vdupq_n_f32(BASE + zero as f32),
            }
        }
    }

    /// The floats of 16 bytes.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn of(&self, bytes: uint8x16_t) -> Floats {
        // SAFETY: every aarch64 processor has NEON.
        unsafe {
            let table = uint8x16x2_t(bytes, self.base);
            let mut floats = [self.base_and_zero; 4];
            for i in 0..4 {
                let float = vreinterpretq_f32_u8(vqtbl2q_u8(table, self.places[i]));
                floats[i] = vsubq_f32(float, self.base_and_zero);
            }
            floats
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn bytes_are_floats() {
        let bytes: [u8; 16] = core::array::from_fn(|i| (i * 17) as u8);
        for zero in [0, 1, 128, 255] {
            // SAFETY: the vectors are those of the arrays.
            let floats = unsafe {
                let mut floats = [0f32; 16];
                for (i, of_four) in ByteFloats::new(zero).of(vld1q_u8(bytes.as_ptr())).into_iter().enumerate() {
                    vst1q_f32(floats.as_mut_ptr().add(4 * i), of_four);
                }
                floats
            };
            assert_eq!(floats, bytes.map(|byte| (i32::from(byte) - zero) as f32));
        }
    }
}
