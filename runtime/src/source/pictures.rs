//! Pictures from files: one, or all of a folder in the order of their names.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use image::error::{ImageError, LimitErrorKind};
use image::{ImageReader, RgbImage};

use super::{Shot, Source};
use crate::error::Error;
use crate::vision::frame::Frame;

/// What a file of a folder must end in to be taken for a picture.
const EXTENSIONS: &[&str] = &["bmp", "jpg", "jpeg", "pbm", "pgm", "png", "pnm", "ppm", "webp"];
/// A picture's longest side. What claims to be larger is refused before memory is taken for it.
const LONGEST_SIDE: u32 = 1 << 15;
/// Bytes that decoding one picture may take.
const MOST_MEMORY: u64 = 1 << 30;

/// Reads pictures into one buffer after another.
#[derive(Debug)]
pub struct Pictures {
    files: Vec<PathBuf>,
    next: usize,
    name: String,
    picture: RgbImage,
}

impl Pictures {
    /// One picture, or the pictures of a folder (not of the folders within it).
    ///
    /// # Errors
    /// [`Error::Io`] where there is no such file, [`Error::Source`] where a folder has no picture.
    pub fn open(path: &Path) -> Result<Pictures, Error> {
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
        Ok(Pictures { files, next: 0, name: String::new(), picture: RgbImage::new(0, 0) })
    }
}

impl Source for Pictures {
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error> {
        let Some(path) = self.files.get(self.next) else { return Ok(None) };
        self.next += 1;
        self.picture = read(path)?;
        self.name = path.display().to_string();
        let (width, height) = (self.picture.width() as usize, self.picture.height() as usize);
        let frame = Frame::rgb(self.picture.as_raw(), width, height).map_err(|source| source.in_file(path))?;
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
fn read(path: &Path) -> Result<RgbImage, Error> {
    let io = |source| Error::Io { path: path.into(), source };
    let mut reader = ImageReader::open(path).map_err(io)?.with_guessed_format().map_err(io)?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let refuse = |problem: String| Error::Picture { path: path.into(), problem };
    // A name that ends in .png decides nothing where the bytes say nothing.
    if let Some(known) = reader.format()
        && !starts_like(path, known).map_err(io)?
    {
        return Err(refuse("is not a picture; give a BMP, JPEG, PNG, PNM or WebP file".into()));
    }
    reader.decode().map(|picture| picture.into_rgb8()).map_err(|error| match error {
        ImageError::IoError(source) if source.kind() != ErrorKind::UnexpectedEof => io(source),
        ImageError::Unsupported(_) => refuse("is not a picture; give a BMP, JPEG, PNG, PNM or WebP file".into()),
        ImageError::Limits(error) if error.kind() == LimitErrorKind::DimensionError => {
            refuse(format!("has a side of more than {LONGEST_SIDE} pixels; make it smaller"))
        }
        ImageError::Limits(_) => refuse("takes too much memory; make it smaller".into()),
        other => refuse(format!("is damaged: {other}")),
    })
}

/// Whether the file's first bytes are those of the format.
fn starts_like(path: &Path, format: image::ImageFormat) -> std::io::Result<bool> {
    use std::io::Read;
    let mut first = [0; 32];
    let length = std::fs::File::open(path)?.read(&mut first)?;
    Ok(image::guess_format(&first[..length]).is_ok_and(|guessed| guessed == format))
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
    fn missing_files_and_empty_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Pictures::open(folder.path()), Err(Error::Source { .. })));
        assert!(matches!(Pictures::open(&folder.path().join("none.png")), Err(Error::Io { .. })));
    }
}
