//! Pictures from files: one, or all of a folder in the order of their names.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use image::{ImageError, ImageReader, RgbImage};

use super::{Shot, Source};
use crate::error::Error;
use crate::guard::{STUMBLED, guarded};
use crate::limits::{Exceeded, Limit, Limits};
use crate::vision::frame::Frame;

/// What a file of a folder must end in to be taken for a picture.
const EXTENSIONS: &[&str] = &["bmp", "jpg", "jpeg", "pbm", "pgm", "png", "pnm", "ppm", "webp"];
const NO_PICTURE: &str = "is not a picture; give a BMP, JPEG, PNG, PNM or WebP file";
/// Reads pictures into one buffer after another.
#[derive(Debug)]
pub struct Pictures {
    files: Vec<PathBuf>,
    next: usize,
    name: String,
    picture: RgbImage,
    limits: Limits,
}

impl Pictures {
    /// One picture, or the pictures of a folder (not of the folders within it).
    ///
    /// # Errors
    /// [`Error::Io`] where there is no such file, [`Error::Source`] where a folder has no picture.
    pub fn open(path: &Path) -> Result<Pictures, Error> {
        Pictures::within(path, &Limits::default())
    }

    /// The same, of other sizes: what claims to be larger is refused before memory is taken for it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn within(path: &Path, limits: &Limits) -> Result<Pictures, Error> {
        let io = |source| Error::Io { path: path.into(), source };
        let mut files = vec![path.to_path_buf()];
        if std::fs::metadata(path).map_err(io)?.is_dir() {
            files.clear();
            for entry in std::fs::read_dir(path).map_err(io)? {
                files.push(entry.map_err(io)?.path());
            }
            files.retain(|file| is_picture(file));
            files.sort();
        }
        if files.is_empty() {
            let problem = format!("the folder has no picture; it needs files that end in {}", EXTENSIONS.join(", "));
            return Err(Error::Source { name: path.display().to_string(), problem });
        }
        Ok(Pictures { files, next: 0, name: String::new(), picture: RgbImage::new(0, 0), limits: limits.clone() })
    }
}

impl Source for Pictures {
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error> {
        let Some(path) = self.files.get(self.next) else { return Ok(None) };
        self.next += 1;
        self.picture = read(path, &self.limits)?;
        self.name = path.display().to_string();
        let (width, height) = (self.picture.width() as usize, self.picture.height() as usize);
        let frame =
            Frame::rgb(self.picture.as_raw(), width, height).map_err(|wrong| Error::from(wrong).in_file(path))?;
        Ok(Some(Shot::new(&self.name, frame)))
    }

    fn count(&self) -> Option<usize> {
        Some(self.files.len())
    }
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)) && path.is_file()
}

/// Reads a picture as RGB; what its bytes are decides, not its name.
fn read(path: &Path, limits: &Limits) -> Result<RgbImage, Error> {
    let io = |source| Error::Io { path: path.into(), source };
    let refuse = |problem: String| Error::Picture { path: path.into(), problem };
    let metadata = std::fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return Err(refuse("is neither a file nor a folder of pictures".into()));
    }
    let exceeded = |exceeded: Exceeded| refuse(format!("{exceeded}; or make the picture smaller"));
    limits.check(Limit::PictureBytes, metadata.len()).map_err(exceeded)?;
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(limits.get(Limit::PictureBytes));
    let file = File::open(path).map_err(io)?;
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(io)?;
    // What its first bytes do not show to be a picture is none, whatever its name.
    let Some(format) = reader.format() else { return Err(refuse(NO_PICTURE.into())) };
    let words = |error| match error {
        ImageError::IoError(source) if source.kind() != ErrorKind::UnexpectedEof => io(source),
        ImageError::Unsupported(_) => refuse(NO_PICTURE.into()),
        ImageError::Limits(_) => refuse(format!(
            "takes more than {} bytes to decode: that is the limit, which `--limit {}=…` raises; or make the picture smaller",
            limits.get(Limit::PictureBytes),
            Limit::PictureBytes.key()
        )),
        other => refuse(format!("is damaged: {other}")),
    };
    reader.limits(bounds.clone());
    let stumbled = || refuse(STUMBLED.into());
    let (width, height) = guarded(|| reader.into_dimensions()).ok_or_else(stumbled)?.map_err(words)?;
    limits.check(Limit::PictureSide, width.max(height).into()).map_err(exceeded)?;
    limits.check(Limit::PictureBytes, u64::from(width) * u64::from(height) * 3).map_err(exceeded)?;
    let mut reader = ImageReader::with_format(BufReader::new(File::open(path).map_err(io)?), format);
    reader.limits(bounds);
    guarded(|| reader.decode()).ok_or_else(stumbled)?.map(|picture| picture.into_rgb8()).map_err(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let error = Pictures::open(&path).unwrap().next_shot().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        error
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        for (name, red) in [("b.png", 2), ("a.PNG", 1), ("c.bmp", 3)] {
            RgbImage::from_pixel(2, 1, image::Rgb([red, 0, 0])).save(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
        std::fs::create_dir(folder.path().join("folder.png")).unwrap();
        let mut pictures = Pictures::open(folder.path()).unwrap();
        assert_eq!(pictures.count(), Some(3));
        for red in 1..=3 {
            let shot = pictures.next_shot().unwrap().unwrap();
            assert_eq!(shot.frame.row(0), [red, 0, 0, red, 0, 0]);
        }
        assert!(pictures.next_shot().unwrap().is_none());
    }

    #[test]
    fn the_bytes_decide_not_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        RgbImage::new(3, 2).save_with_format(&path, image::ImageFormat::Png).unwrap();
        let mut pictures = Pictures::open(&path).unwrap();
        assert_eq!(pictures.next_shot().unwrap().unwrap().frame.width(), 3);
    }

    #[test]
    fn what_is_no_picture_is_refused_by_name() {
        assert!(refusal("text.png", b"this is text").contains("not a picture"));
        assert!(refusal("text", b"this is text").contains("not a picture"));
        assert!(refusal("empty.jpg", b"").contains("not a picture"));
        let mut png = Vec::new();
        RgbImage::new(9, 9).write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
        assert!(refusal("cut.png", &png[..png.len() / 2]).contains("damaged"));
    }

    #[test]
    fn pictures_beyond_a_limit_are_refused_before_they_are_decoded() {
        // The header of a portable pixmap of 32768 × 32768 pixels, and none of them.
        let huge = b"P6 32768 32768 255\n";
        for (bytes, found, key) in [
            (&b"P6 40000 10 255\n"[..], "40000 pixels", "--limit picture-side="),
            (huge, "3221225472 bytes", "--limit picture-bytes="),
        ] {
            let error = refusal("huge.ppm", bytes);
            assert!(error.contains(found) && error.contains(key), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        RgbImage::new(30, 20).save(&path).unwrap();
        let read = |limits: &Limits| Pictures::within(&path, limits).unwrap().next_shot().map(|shot| shot.is_some());
        assert!(read(&Limits::default()).unwrap());
        for (limit, most) in [(Limit::PictureSide, 29), (Limit::PictureBytes, 1799), (Limit::PictureBytes, 20)] {
            let error = read(&Limits::default().with(limit, most)).unwrap_err().to_string();
            assert!(error.contains(limit.key()) && error.contains("a.png"), "{error}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let error = Pictures::open(Path::new("/dev/null")).unwrap().next_shot().unwrap_err().to_string();
        assert!(error.contains("/dev/null"), "{error}");
    }

    #[test]
    fn missing_files_and_empty_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Pictures::open(folder.path()), Err(Error::Source { .. })));
        assert!(matches!(Pictures::open(&folder.path().join("none.png")), Err(Error::Io { .. })));
    }
}
