//! Frames and events as lines of JSON, to a file or to standard output.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use super::{Happening, JsonLines, Report, Sink, unix_ms};
use crate::error::Error;

/// Writes a line for each frame, for each event of it, or for both. A line of an event is a [`Happening`].
pub struct Journal {
    to: To,
    frames: Option<JsonLines<Line>>,
    events: Option<Line>,
}

/// One line in the making, which is written as a whole.
struct Line(Vec<u8>);

impl Default for Line {
    fn default() -> Line {
        Line(Vec::with_capacity(LINE))
    }
}

/// Room for a line to begin with, in bytes.
const LINE: usize = 1 << 14;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file, or standard output.
struct To {
    file: Box<dyn Write>,
    name: std::path::PathBuf,
    /// A line was written in part.
    torn: bool,
}

impl To {
    fn write(&mut self, line: &mut Line) -> Result<(), Error> {
        let written = self.try_write(&line.0);
        line.0.clear();
        written.map_err(|source| Error::Io { path: self.name.clone(), source })
    }

    fn try_write(&mut self, line: &[u8]) -> io::Result<()> {
        if std::mem::take(&mut self.torn) {
            self.file.write_all(b"\n")?;
        }
        let written = self.file.write_all(line).and_then(|()| self.file.flush());
        self.torn = written.is_err();
        written
    }
}

impl Journal {
    /// Appends to a file, or writes to standard output.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be opened.
    pub fn open(file: Option<&Path>, frames: bool, events: bool) -> Result<Journal, Error> {
        Ok(match file {
            Some(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                let file = file.map_err(|source| Error::Io { path: path.into(), source })?;
                Journal::new(Box::new(file), path, frames, events)
            }
            None => Journal::new(Box::new(io::stdout()), Path::new("standard output"), frames, events),
        })
    }

    fn new(file: Box<dyn Write>, name: &Path, frames: bool, events: bool) -> Journal {
        Journal {
            to: To { file, name: name.into(), torn: false },
            frames: frames.then(|| JsonLines::new(Line::default())),
            events: events.then(Line::default),
        }
    }
}

impl Sink for Journal {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        if let Some(frames) = &mut self.frames {
            frames.take(report)?;
            self.to.write(frames.to_mut())?;
        }
        if let (Some(line), Some(scene)) = (&mut self.events, report.scene) {
            for event in report.events() {
                let said = Happening::new(event, scene.places(), report.classes, unix_ms());
                serde_json::to_writer(&mut *line, &said)
                    .map_err(|error| Error::Io { path: self.to.name.clone(), source: error.into() })?;
                line.0.push(b'\n');
                self.to.write(line)?;
            }
        }
        Ok(())
    }
}
