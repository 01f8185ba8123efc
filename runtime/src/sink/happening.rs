//! An event in JSON, the same on standard output, over MQTT and in webhooks.

use serde::Serialize;

use super::json_lines::rounded;
use crate::place::{Event, Names, Places, What};
use crate::vision::latency::milliseconds;

/// What an event says to programs.
///
/// ```json
/// {"event":"left","zone":"door","dwell_ms":5200.0,"class":"person","class_id":0,"track":3,"score":0.91,
///  "box":[10.0,20.0,30.0,60.0],"frame":181,"time_ms":6030.0,"unix_ms":1790000000000}
/// ```
///
/// `crossed` has `line` and `way` instead of a zone. The box is left, top, width and height in pixels of the source.
#[derive(Clone, Debug, Serialize)]
pub struct Happening<'a> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dwell_ms: Option<f64>,
    class: &'a str,
    class_id: u32,
    track: u32,
    score: f64,
    #[serde(rename = "box")]
    rect: [f64; 4],
    frame: u64,
    time_ms: f64,
    unix_ms: u64,
}

impl<'a> Happening<'a> {
    /// An event at some of `places`, of one of `classes`, at a time of the world in milliseconds since 1970.
    pub fn new(event: &Event, places: &'a Places, classes: &'a [String], unix_ms: u64) -> Happening<'a> {
        let Names { zone, line, way } = places.names(&event.what);
        let dwell_ms = match event.what {
            What::Stayed { dwell, .. } | What::Left { dwell, .. } => Some(rounded(milliseconds(dwell), 1)),
            What::Entered { .. } | What::Crossed { .. } => None,
        };
        let rect = &event.rect;
        Happening {
            event: event.what.word(),
            zone,
            line,
            way,
            dwell_ms,
            class: classes.get(event.class as usize).map_or("?", String::as_str),
            class_id: event.class,
            track: event.track,
            score: rounded(event.score.into(), 5),
            rect: [rect.left, rect.top, rect.width(), rect.height()].map(|pixels| rounded(pixels.into(), 2)),
            frame: event.frame,
            time_ms: rounded(milliseconds(event.at), 3),
            unix_ms,
        }
    }
}

impl Happening<'_> {
    /// What a file of it is called: `crossed-gate-in-3`, the last being the track.
    pub fn file_name(&self) -> String {
        let parts = [Some(self.event), self.zone, self.line, self.way].into_iter().flatten();
        let words: String = parts.flat_map(|part| [part, "-"]).collect();
        let plain = |c: char| if c.is_whitespace() { '_' } else { c };
        format!("{}{}", words.chars().map(plain).collect::<String>(), self.track)
    }
}

/// Milliseconds since 1970 by the machine's clock; 0 where that stands before.
pub fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::place::{Ends, Line, Polygon, Way, Zone};
    use crate::vision::geometry::Rect;

    /// A zone `door` and a line `gate`.
    pub(crate) fn places() -> Places {
        let zone = Zone::new("door", Polygon::whole());
        let line = Line::new("gate", Ends::new([0.5, 0.0], [0.5, 1.0]).unwrap());
        Places { zones: vec![zone], lines: vec![line], masks: Vec::new() }
    }

    /// Something that track 3 did.
    pub(crate) fn event(what: What) -> Event {
        let rect = Rect { left: 10.0, top: 20.0, right: 40.0, bottom: 80.0 };
        Event { what, track: 3, class: 0, score: 0.91, rect, frame: 181, at: Duration::from_millis(6030) }
    }

    #[test]
    fn each_kind_says_where_and_how() {
        let (places, classes) = (places(), ["person".to_string()]);
        let crossed = event(What::Crossed { line: 0, way: Way::Backward });
        assert_eq!(Happening::new(&crossed, &places, &classes, 17).file_name(), "crossed-gate-out-3");
        let said = |what| {
            let event = event(what);
            serde_json::to_string(&Happening::new(&event, &places, &classes, 17)).unwrap()
        };
        let common = concat!(
            r#""class":"person","class_id":0,"track":3,"score":0.91,"box":[10.0,20.0,30.0,60.0],"#,
            r#""frame":181,"time_ms":6030.0,"unix_ms":17}"#
        );
        assert_eq!(said(What::Entered { zone: 0 }), format!(r#"{{"event":"entered","zone":"door",{common}"#));
        let dwell = Duration::from_millis(5200);
        assert_eq!(
            said(What::Left { zone: 0, dwell }),
            format!(r#"{{"event":"left","zone":"door","dwell_ms":5200.0,{common}"#)
        );
        assert_eq!(
            said(What::Crossed { line: 0, way: Way::Backward }),
            format!(r#"{{"event":"crossed","line":"gate","way":"out",{common}"#)
        );
    }
}
