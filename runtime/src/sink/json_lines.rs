//! One JSON object a frame and line, for programs.

use std::io::Write;
use std::path::Path;

use serde::{Serialize, Serializer};

use super::{Findings, Report, Sink};
use crate::error::Error;
use crate::vision::latency::{Latency, milliseconds};

/// Writes lines to `W`. Does not allocate once it has seen a line as long.
pub struct JsonLines<W> {
    to: W,
    line: Vec<u8>,
}

impl<W> JsonLines<W> {
    /// Lines for `to`.
    pub fn new(to: W) -> JsonLines<W> {
        JsonLines { to, line: Vec::with_capacity(LINE) }
    }
}

impl<W> JsonLines<W> {
    /// What lines are written to.
    pub(super) fn to_mut(&mut self) -> &mut W {
        &mut self.to
    }
}

/// Room for a line to begin with.
const LINE: usize = 1 << 14;

#[derive(Serialize)]
struct Line<'a> {
    frame: u64,
    source: &'a str,
    width: usize,
    height: usize,
    time_ms: f64,
    #[serde(flatten)]
    findings: Found<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    novelty: Option<f64>,
    latency_ms: LatencyMs,
}

/// What was found, under its name.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Found<'a> {
    Detections(Each<'a>),
    Classes(Each<'a>),
}

impl<'a> Found<'a> {
    /// What a report says.
    pub(super) fn of(report: &'a Report<'a>) -> Found<'a> {
        match report.findings {
            Findings::Detections(_) => Found::Detections(Each(report)),
            Findings::Classes(_) => Found::Classes(Each(report)),
        }
    }
}

/// What was found, one after another.
pub(super) struct Each<'a>(&'a Report<'a>);

impl Serialize for Each<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        match report.findings {
            Findings::Detections(detections) => serializer.collect_seq(detections.iter().map(|found| {
                let rect = &found.rect;
                Object {
                    class: report.class(found.class),
                    class_id: found.class,
                    score: rounded(found.score.into(), 5),
                    rect: [rect.left, rect.top, rect.width(), rect.height()].map(|pixels| rounded(pixels.into(), 2)),
                    track: found.track,
                }
            })),
            Findings::Classes(ranked) => serializer.collect_seq(ranked.iter().map(|entry| Class {
                class: report.class(entry.class),
                class_id: entry.class,
                score: rounded(entry.score.into(), 5),
            })),
        }
    }
}

/// The box is left, top, width, height in pixels of the source.
#[derive(Serialize)]
struct Object<'a> {
    class: &'a str,
    class_id: u32,
    score: f64,
    #[serde(rename = "box")]
    rect: [f64; 4],
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<u32>,
}

#[derive(Serialize)]
struct Class<'a> {
    class: &'a str,
    class_id: u32,
    score: f64,
}

#[derive(Serialize)]
struct LatencyMs {
    #[serde(skip_serializing_if = "Option::is_none")]
    decode: Option<f64>,
    preprocess: f64,
    infer: f64,
    postprocess: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<f64>,
}

impl<W: Write> Sink for JsonLines<W> {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let frame = &report.shot.frame;
        let decoding = report.shot.decoding;
        let line = Line {
            frame: report.number,
            source: report.shot.name,
            width: frame.width(),
            height: frame.height(),
            time_ms: rounded(milliseconds(frame.captured()), 3),
            findings: Found::of(report),
            novelty: report.novelty.map(|novelty| rounded(novelty.into(), 3)),
            latency_ms: LatencyMs {
                decode: decoding.map(|decoding| rounded(milliseconds(decoding.took), 3)),
                age: report.age.map(|age| rounded(milliseconds(age), 3)),
                ..latency_ms(report.latency)
            },
        };
        let io = |source| Error::Io { path: Path::new("standard output").into(), source };
        self.line.clear();
        serde_json::to_writer(&mut self.line, &line).map_err(|error| io(error.into()))?;
        self.line.push(b'\n');
        self.to.write_all(&self.line).and_then(|()| self.to.flush()).map_err(io)
    }
}

fn latency_ms(latency: Latency) -> LatencyMs {
    LatencyMs {
        decode: None,
        preprocess: rounded(milliseconds(latency.preprocess), 3),
        infer: rounded(milliseconds(latency.infer), 3),
        postprocess: rounded(milliseconds(latency.postprocess), 3),
        age: None,
    }
}

/// Digits beyond `places` would be noise.
pub(super) fn rounded(value: f64, places: i32) -> f64 {
    let one = 10f64.powi(places);
    (value * one).round() / one
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::source::Shot;
    use crate::vision::detection::Detection;
    use crate::vision::frame::Frame;
    use crate::vision::geometry::Rect;
    use crate::vision::scores::Ranked;

    fn line(findings: Findings<'_>, novelty: Option<f32>) -> String {
        let (pixels, classes) = ([0; 24], ["person".to_string()]);
        let mut lines = JsonLines::new(Vec::new());
        let report = Report {
            novelty,
            latency: Latency { infer: Duration::from_micros(1500), ..Latency::default() },
            ..Report::new(1, Shot::new("a.png", Frame::rgb(&pixels, 4, 2).unwrap()), findings, &classes)
        };
        lines.take(&report).unwrap();
        String::from_utf8(lines.to).unwrap()
    }

    #[test]
    fn a_line_has_the_fields_that_scripts_rely_on() {
        let rect = Rect { left: 0.5, top: 0.25, right: 3.0, bottom: 2.0 };
        let detections = [Detection { class: 0, score: 0.91, rect, track: None }];
        assert_eq!(
            line(Findings::Detections(&detections), None),
            concat!(
                r#"{"frame":1,"source":"a.png","width":4,"height":2,"time_ms":0.0,"detections":"#,
                r#"[{"class":"person","class_id":0,"score":0.91,"box":[0.5,0.25,2.5,1.75]}],"#,
                r#""latency_ms":{"preprocess":0.0,"infer":1.5,"postprocess":0.0}}"#,
                "\n"
            )
        );
        let followed = [Detection { track: Some(3), ..detections[0] }];
        assert!(line(Findings::Detections(&followed), None).contains(r#"2.5,1.75],"track":3}]"#));
        assert!(line(Findings::Detections(&[]), None).contains(r#""detections":[]"#));
        let ranked = [Ranked { class: 0, score: 1.0 }];
        assert!(
            line(Findings::Classes(&ranked), None)
                .contains(r#""classes":[{"class":"person","class_id":0,"score":1.0}]"#)
        );
        let unlike = line(Findings::Detections(&[]), Some(1.372_4));
        assert!(unlike.contains(r#""detections":[],"novelty":1.372,"latency_ms""#), "{unlike}");
    }
}
