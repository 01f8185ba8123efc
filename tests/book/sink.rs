use std::io::Write;

use retort::Error;
use retort::sink::{Findings, Report, Sink};

/// Writes a line whenever another number of objects is in the picture.
pub struct Tally<W> {
    to: W,
    last: Option<usize>,
}

impl<W: Write> Tally<W> {
    pub fn new(to: W) -> Tally<W> {
        Tally { to, last: None }
    }
}

impl<W: Write> Sink for Tally<W> {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let Findings::Detections(found) = report.findings else { return Ok(()) };
        if self.last != Some(found.len()) {
            let written = writeln!(self.to, "{}: {} objects", report.shot.name, found.len());
            written.map_err(|source| Error::Io { path: "tally".into(), source })?;
            self.last = Some(found.len());
        }
        Ok(())
    }
}
