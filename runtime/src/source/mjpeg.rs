//! Motion JPEG: each frame a JPEG picture, decoded into memory that is kept.
//!
//! The decoder itself asks for memory in every frame; how often, and how long it takes, is told with the frame.

use std::time::Instant;

use retort_alloc_count::requests;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::Decoding;
use crate::guard::{STUMBLED, guarded};

/// Decodes frames of one size.
#[derive(Debug, Default)]
pub struct Mjpeg {
    pixels: Vec<u8>,
}

impl Mjpeg {
    /// Decodes a frame, which must be of `width` × `height` pixels.
    ///
    /// # Errors
    /// That the picture is damaged, or of another size.
    pub fn decode(&mut self, jpeg: &[u8], [width, height]: [usize; 2]) -> Result<Decoding, String> {
        let (began, before) = (Instant::now(), requests());
        let options = DecoderOptions::default()
            .jpeg_set_out_colorspace(ColorSpace::RGB)
            .set_max_width(width)
            .set_max_height(height);
        let damaged = |error: zune_jpeg::errors::DecodeErrors| format!("a frame is damaged: {error}");
        guarded(|| {
            let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
            decoder.decode_headers().map_err(damaged)?;
            if decoder.dimensions() != Some((width, height)) {
                return Err(format!("a frame is not {width}×{height}"));
            }
            self.pixels.resize(width * height * 3, 0);
            decoder.decode_into(&mut self.pixels).map_err(damaged)
        })
        .unwrap_or_else(|| Err(format!("a frame {STUMBLED}")))?;
        Ok(Decoding { took: began.elapsed(), allocations: requests() - before })
    }

    /// The last frame: rows of RGB without gaps.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb, RgbImage};

    use super::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = RgbImage::from_pixel(width, height, Rgb([200, 100, 50]));
        picture.write_to(&mut std::io::Cursor::new(&mut bytes), ImageFormat::Jpeg).unwrap();
        bytes
    }

    #[test]
    fn frames_are_decoded_and_damage_is_named() {
        let (mut decoder, whole) = (Mjpeg::default(), jpeg(16, 8));
        let decoding = decoder.decode(&whole, [16, 8]).unwrap();
        let pixels = decoder.pixels();
        assert_eq!(pixels.len(), 16 * 8 * 3);
        assert!(pixels[0].abs_diff(200) < 4 && pixels[1].abs_diff(100) < 4 && pixels[2].abs_diff(50) < 4);
        assert!(!decoding.took.is_zero());
        // What a driver leaves after a picture is none of it.
        assert!(decoder.decode(&[&whole[..], &[7; 100]].concat(), [16, 8]).is_ok());
        assert!(decoder.decode(&whole, [8, 8]).is_err());
        assert!(decoder.decode(&jpeg(4000, 8), [16, 8]).is_err());
        assert!(decoder.decode(&whole[..20], [16, 8]).is_err());
        assert!(decoder.decode(&[], [16, 8]).is_err());
    }
}
