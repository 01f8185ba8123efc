//! A picture as JPEG: what pages, clips and albums show of a frame.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageError};

/// Appends a JPEG of rows of red, green and blue without gaps to `to`, at a quality of 1 to 100.
///
/// # Errors
/// That the picture has no pixels, or too many for a JPEG.
///
/// # Panics
/// Where `rgb` has not three bytes for each pixel.
#[inline(never)]
pub fn encode(rgb: &[u8], width: usize, height: usize, quality: u8, to: &mut Vec<u8>) -> Result<(), ImageError> {
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    JpegEncoder::new_with_quality(to, quality).encode(rgb, side(width), side(height), ExtendedColorType::Rgb8)
}
