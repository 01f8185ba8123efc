//! `--stats`: what a run over many frames cost, gathered without asking for memory.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::board::Root;
use crate::board::memory::Process;
use crate::histogram::Histogram;
use crate::source::{Decoding, Losses};
use crate::vision::latency::Latency;

/// Everything about the frames so far.
pub struct Stats {
    frames: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    wait: Histogram,
    decode: Histogram,
    preprocess: Histogram,
    infer: Histogram,
    postprocess: Histogram,
    output: Histogram,
    /// Frames of which allocations were counted.
    counted: u64,
    allocations: usize,
    decode_allocations: usize,
}

/// What one frame cost.
pub struct Cost {
    /// Waiting for it, and what it takes to capture it.
    pub wait: Duration,
    /// Decoding it, where it was compressed.
    pub decoding: Option<Decoding>,
    /// Looking at it.
    pub latency: Latency,
    /// Writing what was seen.
    pub output: Duration,
    /// Allocations of it all.
    pub allocations: usize,
    /// The frame is the first of its source or of a new connection, for which memory is set up.
    pub sets_up: bool,
}

impl Stats {
    /// Of no frame yet.
    pub fn new() -> Stats {
        Stats {
            frames: 0,
            first: None,
            last: None,
            wait: Histogram::new(),
            decode: Histogram::new(),
            preprocess: Histogram::new(),
            infer: Histogram::new(),
            postprocess: Histogram::new(),
            output: Histogram::new(),
            counted: 0,
            allocations: 0,
            decode_allocations: 0,
        }
    }

    /// Adds a frame that is done now.
    pub fn add(&mut self, cost: &Cost) {
        self.frames += 1;
        self.last = Some(Instant::now());
        self.first = self.first.or(self.last);
        let decode = cost.decoding.unwrap_or_default();
        self.wait.add(cost.wait.saturating_sub(decode.took));
        if cost.decoding.is_some() {
            self.decode.add(decode.took);
        }
        self.preprocess.add(cost.latency.preprocess);
        self.infer.add(cost.latency.infer);
        self.postprocess.add(cost.latency.postprocess);
        self.output.add(cost.output);
        if !cost.sets_up {
            self.counted += 1;
            self.allocations += cost.allocations.saturating_sub(decode.allocations);
            self.decode_allocations += decode.allocations;
        }
    }

    /// All of it, with the format of the source's frames and what it lost.
    pub fn summary(&self, format: Option<String>, losses: Losses) -> Summary {
        let span = self.first.zip(self.last).map_or(Duration::ZERO, |(first, last)| last - first).as_secs_f64();
        let a_frame = |count: usize| if self.counted > 0 { count as f64 / self.counted as f64 } else { 0.0 };
        Summary {
            format,
            frames: self.frames,
            dropped: losses.dropped,
            reconnects: losses.reconnects,
            fps: if span > 0.0 { rounded((self.frames - 1) as f64 / span) } else { 0.0 },
            latency_ms: Stages {
                wait: Percentiles::of(&self.wait),
                decode: (self.decode.count() > 0).then(|| Percentiles::of(&self.decode)),
                preprocess: Percentiles::of(&self.preprocess),
                infer: Percentiles::of(&self.infer),
                postprocess: Percentiles::of(&self.postprocess),
                output: Percentiles::of(&self.output),
            },
            allocations_per_frame: a_frame(self.allocations),
            decode_allocations_per_frame: (self.decode.count() > 0).then(|| a_frame(self.decode_allocations)),
            peak_rss_bytes: Process::read(&Root::system()).peak_rss_bytes,
        }
    }
}

/// Of all frames.
#[derive(Debug, Serialize)]
pub struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    frames: u64,
    dropped: u64,
    reconnects: u64,
    fps: f64,
    latency_ms: Stages,
    allocations_per_frame: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    decode_allocations_per_frame: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_rss_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Stages {
    wait: Percentiles,
    #[serde(skip_serializing_if = "Option::is_none")]
    decode: Option<Percentiles>,
    preprocess: Percentiles,
    infer: Percentiles,
    postprocess: Percentiles,
    output: Percentiles,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Percentiles {
    p50: f64,
    p99: f64,
}

impl Percentiles {
    fn of(times: &Histogram) -> Percentiles {
        let at = |share| rounded(times.percentile(share).as_secs_f64() * 1e3);
        Percentiles { p50: at(0.5), p99: at(0.99) }
    }
}

/// Digits beyond a thousandth would be noise.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

impl fmt::Display for Summary {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { frames, dropped, reconnects, fps, .. } = self;
        let format = self.format.as_ref().map_or(String::new(), |format| format!(" of {format}"));
        writeln!(to, "{frames} frames{format} ({fps:.1} a second), {dropped} dropped, {reconnects} reconnects")?;
        writeln!(to, "  ms           p50      p99")?;
        let stages = &self.latency_ms;
        let decode = stages.decode.map(|decode| ("decode", decode));
        let named = [("wait", stages.wait)].into_iter().chain(decode).chain([
            ("preprocess", stages.preprocess),
            ("infer", stages.infer),
            ("postprocess", stages.postprocess),
            ("output", stages.output),
        ]);
        for (name, Percentiles { p50, p99 }) in named {
            writeln!(to, "  {name:<11} {p50:>8.3} {p99:>8.3}")?;
        }
        write!(to, "{} allocations a frame", self.allocations_per_frame)?;
        if let Some(decode) = self.decode_allocations_per_frame {
            write!(to, ", and {decode:.1} to decode it")?;
        }
        if let Some(bytes) = self.peak_rss_bytes {
            write!(to, ", {:.1} MiB of memory at most", bytes as f64 / f64::from(1 << 20))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_set_up_and_decoders_are_counted_apart() {
        let mut stats = Stats::new();
        let ms = Duration::from_millis;
        let cost = |allocations, decode: Option<usize>, sets_up| Cost {
            wait: ms(10),
            decoding: decode.map(|allocations| Decoding { took: ms(4), allocations }),
            latency: Latency { preprocess: ms(1), infer: ms(2), postprocess: ms(3) },
            output: ms(1),
            allocations,
            sets_up,
        };
        stats.add(&cost(100, Some(20), true));
        stats.add(&cost(20, Some(20), false));
        stats.add(&cost(23, Some(20), false));
        let summary = stats.summary(Some("YUYV".into()), Losses { dropped: 2, reconnects: 1 });
        assert_eq!((summary.frames, summary.dropped, summary.reconnects), (3, 2, 1));
        assert_eq!((summary.allocations_per_frame, summary.decode_allocations_per_frame), (1.5, Some(20.0)));
        assert!((summary.latency_ms.wait.p50 - 6.0).abs() < 0.3, "{summary:?}");
        assert!(summary.to_string().starts_with("3 frames of YUYV ("));
    }

    #[test]
    fn no_frame_is_no_trouble() {
        let summary = Stats::new().summary(None, Losses::default());
        assert_eq!((summary.fps, summary.allocations_per_frame), (0.0, 0.0));
    }
}
