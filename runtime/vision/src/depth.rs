//! The colours that a screen has, and how its memory holds them.

/// What a pixel of a screen can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Eight bits of red, green and blue.
    Rgb888,
    /// Five bits of red and blue, six of green.
    Rgb565,
    /// On or off.
    Mono,
}

impl Depth {
    /// Makes each pixel of rows of red, green and blue the one that such a screen shows for it. So a difference that nobody
    /// would see is none.
    #[inline(never)]
    pub fn round(self, pixels: &mut [u8]) {
        let pixels = pixels.as_chunks_mut::<3>().0;
        match self {
            Depth::Rgb888 => (),
            Depth::Rgb565 => {
                for [red, green, blue] in pixels {
                    (*red, *green, *blue) =
                        (*red & 0xF8 | *red >> 5, *green & 0xFC | *green >> 6, *blue & 0xF8 | *blue >> 5);
                }
            }
            Depth::Mono => {
                for pixel in pixels {
                    let bright = pixel.iter().map(|&value| u16::from(value)).sum::<u16>() >= 3 * 128;
                    *pixel = [if bright { 255 } else { 0 }; 3];
                }
            }
        }
    }
}

/// Writes pixels of red, green and blue as 16 bits each, low byte first: from the high bit five of red, six of green and five
/// of blue. What `to` has no room for is left out.
#[inline(never)]
pub fn write_rgb565(row: &[[u8; 3]], to: &mut [u8]) {
    for (to, &[red, green, blue]) in to.as_chunks_mut::<2>().0.iter_mut().zip(row) {
        let pixel = u16::from(red >> 3) << 11 | u16::from(green >> 2) << 5 | u16::from(blue >> 3);
        *to = pixel.to_le_bytes();
    }
}

/// Writes pixels of red, green and blue as four bytes each: blue, green, red, and 255. What `to` has no room for is left out.
#[inline(never)]
pub fn write_xrgb8888(row: &[[u8; 3]], to: &mut [u8]) {
    for (to, &[red, green, blue]) in to.as_chunks_mut::<4>().0.iter_mut().zip(row) {
        *to = [blue, green, red, 255];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIXELS: [[u8; 3]; 2] = [[255, 128, 8], [0, 4, 255]];

    #[test]
    fn pixels_lie_in_memory_as_they_say() {
        let mut to = [1; 9];
        write_xrgb8888(&PIXELS, &mut to);
        assert_eq!(to, [8, 128, 255, 255, 255, 4, 0, 255, 1]);
        // 11111 100000 00001, and 00000 000001 11111.
        let mut to = [1; 5];
        write_rgb565(&PIXELS, &mut to);
        assert_eq!(to, [0x01, 0xFC, 0x3F, 0x00, 1]);
    }

    #[test]
    fn what_was_rounded_comes_back_from_the_screen() {
        for value in 0..=255 {
            let mut pixel = [value; 3];
            Depth::Rgb565.round(&mut pixel);
            let mut stored = [0; 2];
            write_rgb565(&[pixel], &mut stored);
            let stored = u16::from_le_bytes(stored);
            let (red, green) = (stored >> 11, stored >> 5 & 63);
            // As controllers widen: the high bits again below.
            assert_eq!(u16::from(pixel[0]), red << 3 | red >> 2, "{value}");
            assert_eq!(u16::from(pixel[1]), green << 2 | green >> 4, "{value}");
            let before = pixel;
            Depth::Rgb565.round(&mut pixel);
            assert_eq!(pixel, before, "rounded twice");
        }
    }
}
