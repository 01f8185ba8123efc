//! From the bytes of a picture's file to pixels, with limits, and without taking half a picture for a whole one.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::Path;

use image::{DynamicImage, ImageError, ImageFormat, ImageReader};
use retort::guard::{STUMBLED, guarded};
use retort::limits::{Exceeded, Limit, Limits, read_at_most};

use super::error::DataError;
use super::sample::Sample;
use crate::limits::limits;

/// What the name of a picture ends in.
pub(super) const EXTENSIONS: &[&str] = &["bmp", "jpg", "jpeg", "pbm", "pgm", "png", "pnm", "ppm", "webp"];
/// Pictures too, but none that is read here.
pub(super) const FOREIGN: &[&str] = &["avif", "gif", "heic", "heif", "jp2", "jxl", "tif", "tiff"];

/// Whether a file's name is that of a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    ends_in(path, EXTENSIONS)
}

/// Whether a file's extension is one of these, in any case.
pub(super) fn ends_in(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Decodes a file. What its bytes are decides, not its name.
pub(super) fn file(path: &Path) -> Result<Sample, DataError> {
    let refuse = |problem| DataError::Picture { name: path.display().to_string(), problem };
    let limits = limits();
    let length = std::fs::metadata(path).map_err(DataError::io(path))?.len();
    limits.check(Limit::PictureBytes, length).map_err(|exceeded| refuse(too_large(exceeded)))?;
    let bytes = read_at_most(path, limits.get(Limit::PictureBytes)).map_err(DataError::io(path))?;
    within(&bytes, &limits).map_err(refuse)
}

/// Width and height out of a file's first bytes.
pub(super) fn size(path: &Path) -> Result<[usize; 2], DataError> {
    let file = BufReader::new(File::open(path).map_err(DataError::io(path))?);
    let reader = ImageReader::new(file).with_guessed_format().map_err(DataError::io(path))?;
    let refuse = |problem| DataError::Picture { name: path.display().to_string(), problem };
    let dimensions = guarded(|| reader.into_dimensions()).ok_or_else(|| refuse(STUMBLED.into()))?;
    let (width, height) = dimensions.map_err(|error| refuse(words(error)))?;
    if width == 0 || height == 0 {
        return Err(refuse("has no pixels".into()));
    }
    Ok([width as usize, height as usize])
}

/// Decodes the bytes of a file: one channel where it is grey, else three. Alpha is dropped.
pub(super) fn picture(bytes: &[u8]) -> Result<Sample, String> {
    within(bytes, &limits())
}

/// The same within limits. What claims to be larger is refused before memory is taken for it.
fn within(bytes: &[u8], limits: &Limits) -> Result<Sample, String> {
    if bytes.is_empty() {
        return Err("is empty".into());
    }
    let format = image::guess_format(bytes).map_err(words)?;
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return Err("is cut short: a JPEG without its end; copy or download it again".into());
    }
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(limits.get(Limit::PictureBytes));
    let reader = || {
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(bounds.clone());
        reader
    };
    let words = |error| match error {
        ImageError::Limits(_) => format!(
            "takes more than {} bytes to decode: that is the limit, which `--limit {}=…` raises; or make the picture smaller",
            limits.get(Limit::PictureBytes),
            Limit::PictureBytes.key()
        ),
        other => words(other),
    };
    let (width, height) = guarded(|| reader().into_dimensions()).ok_or(STUMBLED)?.map_err(words)?;
    limits.check(Limit::PictureSide, width.max(height).into()).map_err(too_large)?;
    limits.check(Limit::PictureBytes, u64::from(width) * u64::from(height) * 3).map_err(too_large)?;
    let decoded = guarded(|| reader().decode()).ok_or(STUMBLED)?.map_err(words)?;
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    if width == 0 || height == 0 {
        return Err("has no pixels".into());
    }
    let grey = matches!(decoded, DynamicImage::ImageLuma8(_) | DynamicImage::ImageLuma16(_));
    let pixels = if grey { decoded.into_luma8().into_raw() } else { decoded.into_rgb8().into_raw() };
    Ok(Sample { channels: if grey { 1 } else { 3 }, ..Sample::rgb(width, height, pixels) })
}

/// Why not, in words that follow a file's name.
fn words(error: ImageError) -> String {
    match error {
        ImageError::Unsupported(_) => "is not a picture; give a BMP, JPEG, PNG, PNM or WebP file".into(),
        other => format!("is damaged: {other}"),
    }
}

/// The same for what a limit forbids.
fn too_large(exceeded: Exceeded) -> String {
    format!("{exceeded}; or make the picture smaller")
}

/// Whether the picture's last marker is there. Decoders make up what is missing, as grey.
///
/// Segments have lengths up to the first scan; in scans, and between them, 0xFFD9 can only be the end (ITU-T T.81, B.1.1.5:
/// a byte 0xFF of data is followed by 0). Other segments between scans are searched like data, which may at worst find an
/// end that is not.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        let Some(&[marker, code, high, low]) = bytes.get(at..at + 4) else { return false };
        if marker != 0xff {
            return false;
        }
        match code {
            // Filling, and markers without a segment.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xd9 => return true,
            0xda => break,
            _ => at += 2 + usize::from(high) * 256 + usize::from(low),
        }
    }
    // The end is most often at the end: look there first.
    bytes[at..].windows(2).rev().any(|pair| pair == [0xff, 0xd9])
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Rgb, RgbImage};

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8 * 6, y as u8 * 8, (x * y) as u8]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("in memory");
        bytes.into_inner()
    }

    #[test]
    fn whole_pictures_are_read_and_halves_are_not() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
            let bytes = encoded(format);
            let sample = picture(&bytes).expect("a picture");
            assert_eq!((sample.width, sample.height, sample.pixels.len()), (40, 30, 3600), "{format:?}");
            for share in [0.3, 0.6, 0.97] {
                let cut = &bytes[..(bytes.len() as f64 * share) as usize];
                let problem = picture(cut).expect_err("cut short");
                assert!(problem.contains("cut short") || problem.contains("damaged"), "{format:?} {share}: {problem}");
            }
        }
    }

    #[test]
    fn bytes_behind_the_end_of_a_jpeg_do_no_harm() {
        let mut bytes = encoded(ImageFormat::Jpeg);
        bytes.extend([0, 1, 2, 3, 4]);
        assert!(picture(&bytes).is_ok());
    }

    #[test]
    fn grey_stays_grey() {
        let mut bytes = Cursor::new(Vec::new());
        GrayImage::from_pixel(3, 2, image::Luma([7])).write_to(&mut bytes, ImageFormat::Png).expect("in memory");
        let sample = picture(&bytes.into_inner()).expect("a picture");
        assert_eq!((sample.channels, sample.pixels), (1, vec![7; 6]));
    }

    #[test]
    fn what_is_no_picture_says_so() {
        assert!(picture(b"this is text").expect_err("text").contains("not a picture"));
        assert_eq!(picture(b"").expect_err("nothing"), "is empty");
        assert!(picture(b"P5 0 3 255\n").is_err());
        assert!(picture(b"P6 70000 70000 255\n").expect_err("large").contains("--limit picture-side="));
    }

    #[test]
    fn what_is_larger_than_a_limit_is_refused_and_can_be_let_through() {
        let bytes = encoded(ImageFormat::Png);
        let tight = |limit, most| within(&bytes, &Limits::default().with(limit, most));
        for (limit, size) in [(Limit::PictureSide, 40), (Limit::PictureBytes, 3600)] {
            let problem = tight(limit, size - 1).expect_err("too large");
            assert!(problem.contains(&format!("--limit {}=", limit.key())), "{problem}");
        }
        assert!(tight(Limit::PictureSide, 40).is_ok());
    }
}
