//! Every frame with boxes and labels drawn on, as a film.

use std::path::{Path, PathBuf};

use super::film_writer::{FilmWriter, needs_ffmpeg};
use super::{Picture, Report, Sink};
use crate::error::Error;

/// Pictures a second of films of which nobody knows how fast they are.
const RATE: f64 = 30.0;

/// Writes a film.
pub struct Video {
    path: PathBuf,
    writer: Option<FilmWriter>,
    picture: Picture,
    /// The first frame, which waits for the second to tell how fast they are.
    first: Option<f64>,
}

impl Video {
    /// Will write to `path`; its ending says which kind of film.
    ///
    /// # Errors
    /// [`Error::Io`] with the remedy, where ffmpeg is missing.
    pub fn new(path: &Path) -> Result<Video, Error> {
        needs_ffmpeg().map_err(|source| Error::Io { path: path.into(), source })?;
        Ok(Video { path: path.into(), writer: None, picture: Picture::default(), first: None })
    }

    /// The film's format as ffmpeg calls it, if a file of this name is one.
    pub fn format(path: &Path) -> Option<&'static str> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        let formats = [("mp4", "mp4"), ("mkv", "matroska"), ("avi", "avi"), ("mov", "mov"), ("webm", "webm")];
        formats.into_iter().find_map(|(known, format)| (known == ending).then_some(format))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the film.
    ///
    /// # Errors
    /// [`Error::Io`] with what ffmpeg says.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.first.is_some() {
            self.begin(RATE)?;
        }
        self.writer.take().map_or(Ok(()), FilmWriter::finish)
    }

    /// Begins with the picture that is there.
    fn begin(&mut self, rate: f64) -> Result<(), Error> {
        self.first = None;
        let size = [self.picture.width, self.picture.height];
        let format = Video::format(&self.path).unwrap_or("matroska");
        let mut writer = FilmWriter::start(&self.path, format, size, rate)?;
        writer.add(&self.picture.rgb, size)?;
        self.writer = Some(writer);
        Ok(())
    }
}

impl Sink for Video {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let now = report.shot.frame.captured().as_secs_f64();
        if let Some(first) = self.first {
            let apart = now - first;
            self.begin(if apart > 1e-3 { (1.0 / apart).clamp(0.5, 120.0) } else { RATE })?;
        }
        self.picture.copy(report, usize::MAX);
        self.picture.draw();
        match &mut self.writer {
            Some(writer) => writer.add(&self.picture.rgb, [self.picture.width, self.picture.height]),
            None => {
                self.first = Some(now);
                Ok(())
            }
        }
    }
}
