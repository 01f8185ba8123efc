//! Pictures with boxes and labels drawn on, in a folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use image::ExtendedColorType;

use super::{Findings, Report, Sink};
use crate::error::Error;
use crate::vision::convert::Converter;
use crate::vision::detection::Detection;
use crate::vision::draw::{Canvas, annotate, full_label};
use crate::vision::geometry::Rect;

/// Writes a PNG a frame.
#[derive(Debug)]
pub struct Annotated {
    folder: PathBuf,
    last: PathBuf,
    written: HashSet<PathBuf>,
    converter: Converter,
    pixels: Vec<u8>,
    text: String,
}

impl Annotated {
    /// Makes the folder where it is not there.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be made.
    pub fn new(folder: &Path) -> Result<Annotated, Error> {
        std::fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.into(), source })?;
        Ok(Annotated {
            folder: folder.into(),
            last: PathBuf::new(),
            written: HashSet::new(),
            converter: Converter::default(),
            pixels: Vec::new(),
            text: String::new(),
        })
    }

    /// The file written last.
    pub fn last(&self) -> &Path {
        &self.last
    }
}

impl Sink for Annotated {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let frame = &report.shot.frame;
        self.converter.rgb(frame, &mut self.pixels);
        let (width, height) = (frame.width(), frame.height());
        if let (Findings::Detections(detections), Some(mut canvas)) =
            (report.findings, Canvas::new(&mut self.pixels, width, height))
        {
            let label = |found: &Detection, text: &mut String| full_label(found, report.class(found.class), text);
            annotate(&mut canvas, detections, &mut self.text, Rect::clone, label);
        }
        let stem = Path::new(report.shot.name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut path = self.folder.join(format!("{stem}.png"));
        // Two pictures of a run may differ in their extensions only, and the frames of a stream not even in those.
        if !self.written.insert(path.clone()) {
            path = self.folder.join(format!("{stem}-{}.png", report.number));
        }
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        image::save_buffer(&path, &self.pixels, side(width), side(height), ExtendedColorType::Rgb8)
            .map_err(|error| Error::Picture { path: path.clone(), problem: format!("cannot be written: {error}") })?;
        self.last.clone_from(&path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Shot;
    use crate::vision::detection::Detection;
    use crate::vision::frame::Frame;
    use crate::vision::geometry::Rect;

    #[test]
    fn pictures_of_one_stem_do_not_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = Annotated::new(&folder.path().join("a/b")).unwrap();
        let pixels = vec![7; 30 * 20 * 3];
        let rect = Rect { left: 2.0, top: 2.0, right: 28.0, bottom: 18.0 };
        let found = [Detection { class: 0, score: 0.9, rect, track: None }];
        let classes = ["a".to_string()];
        for (i, name) in ["x/1.png", "x/1.jpg"].into_iter().enumerate() {
            let report = Report::new(
                i as u64 + 1,
                Shot::new(name, Frame::rgb(&pixels, 30, 20).unwrap()),
                Findings::Detections(&found),
                &classes,
            );
            sink.take(&report).unwrap();
        }
        assert_eq!(sink.last(), folder.path().join("a/b/1-2.png"));
        let picture = image::open(folder.path().join("a/b/1.png")).unwrap().into_rgb8();
        assert_eq!((picture.width(), picture.height()), (30, 20));
        assert_ne!(picture.get_pixel(27, 17).0, [7; 3], "the box's right side");
        assert_eq!(picture.get_pixel(29, 17).0, [7; 3]);
    }
}
