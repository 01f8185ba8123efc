//! The meters in Prometheus' text format (version 0.0.4).

use std::fmt::{self, Write};
use std::time::Duration;

use super::Meters;
use crate::histogram::Histogram;
use crate::place::What;

/// Upper bounds of the classes of Prometheus' histograms, in milliseconds.
const BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

impl Meters {
    /// All of it in Prometheus' text format (version 0.0.4).
    pub fn write_prometheus(&self, to: &mut String) {
        let mut page = Page(to);
        page.gauge("retort_up_seconds", "Since the service began.", self.began.elapsed().as_secs_f64());
        page.counter("retort_frames_total", "Frames that were looked at.", self.frames);
        page.counter("retort_frames_dropped_total", "Frames for which there was a newer one.", self.losses.dropped);
        page.counter("retort_frames_passed_over_total", "Frames left out to go easy on the board.", self.passed_over);
        page.counter(
            "retort_reconnects_total",
            "How often the source was lost and found again.",
            self.losses.reconnects,
        );
        page.gauge("retort_source_lost", "1 while the source is away.", f64::from(u8::from(self.is_lost)));
        page.gauge("retort_frames_per_second", "Frames a second at the moment.", self.rate);
        page.gauge("retort_governor_level", "0 for all work, to 3.", self.level.number().into());
        if let Some(celsius) = self.vitals.temperature {
            page.gauge("retort_temperature_celsius", "The processor's temperature.", celsius.into());
        }
        if let Some(held_back) = self.vitals.held_back {
            let held = u8::from(!held_back.is_fine());
            page.gauge("retort_held_back", "1 while the board is throttled or short of power.", held.into());
        }
        page.head("retort_stage_seconds", "How long the parts of a frame take.", "histogram");
        for (stage, name) in self.stages.iter().zip(["preprocess", "infer", "postprocess"]) {
            page.histogram("retort_stage_seconds", Some(("stage", &name)), stage);
        }
        page.head("retort_frame_age_seconds", "From capture to decision.", "histogram");
        page.histogram("retort_frame_age_seconds", None, &self.age);
        page.head("retort_objects", "Objects on the last frame.", "gauge");
        for (class, count) in self.classes.iter().zip(&self.objects) {
            page.line("retort_objects", &[("class", class)], *count);
        }
        page.head("retort_events_total", "What happened at zones and lines.", "counter");
        for (word, count) in What::WORDS.iter().zip(self.events) {
            page.line("retort_events_total", &[("event", word)], count);
        }
        page.head("retort_zone_objects", "Objects in a zone.", "gauge");
        let zones = || self.places.zones.iter().zip(&self.occupancy);
        for (zone, occupancy) in zones() {
            page.line("retort_zone_objects", &[("zone", &zone.name)], occupancy.now);
        }
        page.head("retort_zone_entered_total", "Objects that have entered a zone.", "counter");
        for (zone, occupancy) in zones() {
            page.line("retort_zone_entered_total", &[("zone", &zone.name)], occupancy.entered);
        }
        page.head("retort_line_crossings_total", "How often a line was crossed.", "counter");
        for (line, crossings) in self.places.lines.iter().zip(&self.crossings) {
            for (way, count) in [(&line.forward, crossings.forward), (&line.backward, crossings.backward)] {
                page.line("retort_line_crossings_total", &[("line", &line.name), ("way", way)], count);
            }
        }
        page.head("retort_sink_failures_total", "Frames that a sink could not take.", "counter");
        for meter in &self.outlets {
            page.line("retort_sink_failures_total", &[("sink", &meter.name)], meter.failures);
        }
        page.head("retort_sink_failing", "1 while a sink fails.", "gauge");
        for meter in &self.outlets {
            page.line("retort_sink_failing", &[("sink", &meter.name)], u8::from(meter.failing));
        }
        #[cfg(feature = "network")]
        self.write_connections(&mut page);
    }

    #[cfg(feature = "network")]
    fn write_connections(&self, page: &mut Page<'_>) {
        let connections =
            || self.outlets.iter().filter_map(|meter| Some((&meter.name, meter.connection.as_ref()?.read())));
        page.head("retort_sink_connected", "1 while a sink reaches its address.", "gauge");
        for (name, health) in connections() {
            page.line("retort_sink_connected", &[("sink", name)], u8::from(health.connected));
        }
        page.head("retort_sink_delivered_total", "Events that the other side has confirmed.", "counter");
        for (name, health) in connections() {
            page.line("retort_sink_delivered_total", &[("sink", name)], health.delivered);
        }
        page.head("retort_sink_dropped_total", "Events that were given up.", "counter");
        for (name, health) in connections() {
            page.line("retort_sink_dropped_total", &[("sink", name)], health.dropped);
        }
        page.head("retort_sink_queued", "Events that wait to be confirmed.", "gauge");
        for (name, health) in connections() {
            page.line("retort_sink_queued", &[("sink", name)], health.queued);
        }
    }
}

/// Prometheus' text format. Writing to a string cannot fail.
struct Page<'a>(&'a mut String);

impl Page<'_> {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "counter");
        self.line(name, &[], value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        self.line(name, &[], value);
    }

    fn line(&mut self, name: impl fmt::Display, labels: &[(&str, &dyn fmt::Display)], value: impl fmt::Display) {
        let _ = write!(self.0, "{name}");
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"", if at == 0 { "{" } else { "," });
            let _ = write!(Escaped(self.0), "{text}");
            let _ = self.0.write_char('"');
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    fn histogram(&mut self, name: &str, label: Option<(&str, &dyn fmt::Display)>, histogram: &Histogram) {
        let labels: &[_] = label.as_slice();
        let mut bucket = |bound: &dyn fmt::Display, count: u64| match label {
            Some(label) => self.line(format_args!("{name}_bucket"), &[label, ("le", bound)], count),
            None => self.line(format_args!("{name}_bucket"), &[("le", bound)], count),
        };
        for ms in BOUNDS_MS {
            bucket(&(ms as f64 / 1e3), histogram.count_up_to(Duration::from_millis(ms)));
        }
        bucket(&"+Inf", histogram.count());
        self.line(format_args!("{name}_sum"), labels, histogram.sum().as_secs_f64());
        self.line(format_args!("{name}_count"), labels, histogram.count());
    }
}

/// A label's text.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}
