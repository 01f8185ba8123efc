//! A small table a frame, for people.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use super::{Findings, Report, Sink};
use crate::error::Error;
use crate::vision::latency::milliseconds;

/// Writes tables to `W`. Does not allocate once it has seen a table as long.
pub struct Table<W> {
    to: W,
    text: String,
}

impl<W> Table<W> {
    /// Tables for `to`.
    pub fn new(to: W) -> Table<W> {
        Table { to, text: String::new() }
    }
}

impl<W: Write> Sink for Table<W> {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        self.text.clear();
        write(report, &mut self.text);
        let io = |source| Error::Io { path: Path::new("standard output").into(), source };
        self.to.write_all(self.text.as_bytes()).and_then(|()| self.to.flush()).map_err(io)
    }
}

// Writing to a string cannot fail, so that its results are passed over.
fn write(report: &Report<'_>, text: &mut String) {
    let frame = &report.shot.frame;
    let latency = report.latency;
    let _ = write!(text, "{}  {}×{}", report.shot.name, frame.width(), frame.height());
    let _ = match report.findings {
        Findings::Detections([]) => write!(text, "  nothing found"),
        Findings::Detections([_]) => write!(text, "  1 object"),
        Findings::Detections(all) => write!(text, "  {} objects", all.len()),
        Findings::Classes(_) => Ok(()),
    };
    let _ = match report.novelty {
        Some(novelty) if report.is_unlike() => write!(text, "  UNLIKE what it was taught: novelty {novelty:.2}"),
        Some(novelty) => write!(text, "  novelty {novelty:.2}"),
        None => Ok(()),
    };
    let _ = writeln!(
        text,
        "  {:.2} ms ({:.2} preprocess, {:.2} infer, {:.2} postprocess)",
        milliseconds(latency.total()),
        milliseconds(latency.preprocess),
        milliseconds(latency.infer),
        milliseconds(latency.postprocess),
    );
    match report.findings {
        Findings::Detections(detections) => {
            let names = detections.iter().map(|found| report.class(found.class));
            let wide = names.map(|name| name.chars().count()).max().unwrap_or(0).max("class".len());
            let tracked = detections.iter().any(|found| found.track.is_some());
            if !detections.is_empty() {
                let _ = writeln!(
                    text,
                    "  {:<wide$}  score  {:>7} {:>7} {:>7} {:>7}{}",
                    "class",
                    "left",
                    "top",
                    "width",
                    "height",
                    if tracked { "  track" } else { "" },
                );
            }
            for found in detections {
                let rect = &found.rect;
                let _ = write!(
                    text,
                    "  {:<wide$}  {:>5.2}  {:>7.1} {:>7.1} {:>7.1} {:>7.1}",
                    report.class(found.class),
                    found.score,
                    rect.left,
                    rect.top,
                    rect.width(),
                    rect.height(),
                );
                let _ = match found.track {
                    Some(track) => writeln!(text, "  {track:>5}"),
                    None => writeln!(text),
                };
            }
        }
        Findings::Classes(ranked) => {
            let wide = ranked.iter().map(|entry| report.class(entry.class).chars().count()).max().unwrap_or(0);
            for entry in ranked {
                let _ = writeln!(text, "  {:<wide$}  {:>6.2} %", report.class(entry.class), 100.0 * entry.score);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::source::Shot;
    use crate::vision::detection::Detection;
    use crate::vision::frame::Frame;
    use crate::vision::geometry::Rect;
    use crate::vision::latency::Latency;

    #[test]
    fn columns_are_aligned() {
        let pixels = [0; 24];
        let rect = Rect { left: 0.5, top: 0.25, right: 3.0, bottom: 2.0 };
        let found = [
            Detection { class: 0, score: 0.91, rect, track: None },
            Detection { class: 1, score: 0.5, rect: Rect { right: 1000.5, ..rect }, track: None },
        ];
        let classes = ["café table".to_string(), "cup".to_string()];
        let report = Report {
            latency: Latency { infer: Duration::from_micros(1500), ..Latency::default() },
            ..Report::new(
                1,
                Shot::new("a.png", Frame::rgb(&pixels, 4, 2).unwrap()),
                Findings::Detections(&found),
                &classes,
            )
        };
        let expected = [
            "a.png  4×2  2 objects  1.50 ms (0.00 preprocess, 1.50 infer, 0.00 postprocess)",
            "  class       score     left     top   width  height",
            "  café table   0.91      0.5     0.2     2.5     1.8",
            "  cup          0.50      0.5     0.2  1000.0     1.8",
            "",
        ];
        let text = |report: &Report<'_>| {
            let mut table = Table::new(Vec::new());
            table.take(report).unwrap();
            String::from_utf8(table.to).unwrap()
        };
        assert_eq!(text(&report), expected.join("\n"));
        let rect = Rect { left: 0.5, top: 0.25, right: 3.0, bottom: 2.0 };
        let followed = [Detection { class: 1, score: 0.9, rect, track: Some(12) }];
        let followed = text(&Report { findings: Findings::Detections(&followed), ..report });
        assert!(followed.contains("height  track\n") && followed.ends_with("    1.8     12\n"), "{followed}");
        let unlike = text(&Report { novelty: Some(1.374), ..report });
        assert!(
            unlike.starts_with("a.png  4×2  2 objects  UNLIKE what it was taught: novelty 1.37  1.50 ms"),
            "{unlike}"
        );
        let like = text(&Report { novelty: Some(1.0), ..report });
        assert!(like.starts_with("a.png  4×2  2 objects  novelty 1.00  1.50 ms"), "{like}");
    }
}
