//! Pictures into a video file, through ffmpeg at the other end of a pipe.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::{Error, FrameError};
use crate::source::ffmpeg::MISSING;

/// A video in the making. Dropped before it is [finished](Self::finish), what there is of it is of no use.
#[derive(Debug)]
pub struct FilmWriter {
    path: PathBuf,
    child: Child,
    input: Option<ChildStdin>,
    size: [usize; 2],
}

impl FilmWriter {
    /// Begins a film of pictures of `size`, `rate` a second, in the format that `format` names for ffmpeg (`mp4`, `matroska`, …).
    /// A file that is there is replaced.
    ///
    /// # Errors
    /// [`Error::Io`] with the remedy, where ffmpeg is missing.
    pub fn start(path: &Path, format: &str, size: [usize; 2], rate: f64) -> Result<FilmWriter, Error> {
        let [width, height] = size;
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]);
        command.args(["-s", &format!("{width}x{height}"), "-r", &format!("{rate:.3}"), "-i", "pipe:0", "-an"]);
        // Odd sides have no 4:2:0.
        command.args(["-vf", "scale=trunc(iw/2)*2:trunc(ih/2)*2", "-pix_fmt", "yuv420p", "-f", format]);
        // A name may look like an option, or like a protocol.
        command.arg(format!("file:{}", path.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| Error::Io { path: path.into(), source: explain(source) })?;
        let input = child.stdin.take();
        Ok(FilmWriter { path: path.into(), child, input, size })
    }

    /// Adds a picture: rows of red, green and blue.
    ///
    /// # Errors
    /// [`Error::Frame`] where it is of another size, [`Error::Io`] with what ffmpeg says.
    pub fn add(&mut self, rgb: &[u8], size: [usize; 2]) -> Result<(), Error> {
        if size != self.size || rgb.len() != 3 * size[0] * size[1] {
            let [width, height] = self.size;
            let problem = format!("{}×{} pixels in a film of {width}×{height}", size[0], size[1]);
            return Err(FrameError { problem }.into());
        }
        let written = self.input.as_mut().map(|input| input.write_all(rgb));
        match written {
            Some(Ok(())) => Ok(()),
            _ => Err(self.complaint()),
        }
    }

    /// Ends the film, and waits until it is written.
    ///
    /// # Errors
    /// [`Error::Io`] with what ffmpeg says.
    pub fn finish(mut self) -> Result<(), Error> {
        drop(self.input.take());
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            _ => Err(self.complaint()),
        }
    }

    fn complaint(&mut self) -> Error {
        drop(self.input.take());
        let _ = self.child.wait();
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = std::io::Read::read_to_string(&mut errors, &mut said);
        }
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it ended");
        Error::Io { path: self.path.clone(), source: std::io::Error::other(format!("ffmpeg: {last}")) }
    }
}

impl Drop for FilmWriter {
    fn drop(&mut self) {
        if self.input.is_some() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Whether ffmpeg is there.
///
/// # Errors
/// The remedy, where it is not.
pub fn needs_ffmpeg() -> std::io::Result<()> {
    let status = Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.map(drop).map_err(explain)
}

fn explain(error: std::io::Error) -> std::io::Error {
    match error.kind() {
        ErrorKind::NotFound => std::io::Error::new(error.kind(), MISSING),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_is_written_and_read_again() {
        if needs_ffmpeg().is_err() {
            return println!("skipped: there is no ffmpeg");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("-a:b.partial");
        let mut film = FilmWriter::start(&path, "mp4", [33, 20], 5.0).unwrap();
        for shade in [0, 100, 200] {
            film.add(&[shade; 33 * 20 * 3], [33, 20]).unwrap();
        }
        assert!(film.add(&[0; 3], [1, 1]).is_err());
        film.finish().unwrap();
        let probe = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames,width", "-of", "csv=p=0"])
            .arg(format!("file:{}", path.display()))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&probe.stdout).trim(), "32,3");
        let nowhere = FilmWriter::start(&folder.path().join("no/a.mp4"), "mp4", [2, 2], 5.0).unwrap();
        assert!(nowhere.finish().unwrap_err().to_string().contains("ffmpeg"));
    }
}
