//! What a measurement found, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::meter::Point;
use super::profile::Profile;
use super::times::Times;
use crate::board::Board;
use crate::board::memory::Process;
use crate::board::state::State;
use crate::model::Model;

/// All there is to say about a measurement.
pub struct Report<'m> {
    pub model: &'m Model,
    pub threads: usize,
    pub load_ms: f64,
    pub checksum: u32,
    pub times: Times,
    pub allocations_per_run: usize,
    pub board: Board,
    pub before: State,
    pub after: State,
    /// After the measurement.
    pub process: Process,
    pub profile: Option<Profile>,
    /// Of a long measurement: its stretches.
    pub series: Option<Vec<Point>>,
}

impl Report<'_> {
    fn inputs(&self) -> String {
        let elements: Vec<String> = self.model.inputs().iter().map(|port| port.element.to_string()).collect();
        elements.join(",")
    }

    fn threads(&self) -> String {
        match self.threads {
            1 => "one thread".into(),
            threads => format!("{threads} threads"),
        }
    }

    /// The JSON object.
    pub fn json(&self) -> Value {
        let (model, times) = (self.model, &self.times);
        let mut kernels: BTreeMap<&str, usize> = BTreeMap::new();
        model.steps().iter().for_each(|step| *kernels.entry(step.kernel).or_default() += 1);
        let mut object = json!({
            "model": model.path().display().to_string(),
            "isa": model.kernel_set().name(),
            "threads": self.threads,
            "input": self.inputs(),
            "runs": times.runs(),
            "latency_ms": {
                "min": times.quantile(0.0),
                "mean": times.mean(),
                "p50": times.quantile(0.5),
                "p90": times.quantile(0.9),
                "p99": times.quantile(0.99),
                "p999": times.quantile(0.999),
                "max": times.quantile(1.0),
            },
            "allocations_per_run": self.allocations_per_run,
            "arena_bytes": model.arena_bytes(),
            "weights_bytes": model.weights_bytes(),
            "macs": model.macs(),
            "load_ms": self.load_ms,
            "fallback_steps": model.fallbacks().len(),
            "output_crc32": format!("{:08x}", self.checksum),
            "kernels": kernels,
            "board": self.board,
            "before": self.before,
            "after": self.after,
            "rss_bytes": self.process.rss_bytes,
            "peak_rss_bytes": self.process.peak_rss_bytes,
        });
        if let Some(profile) = &self.profile {
            object["profile"] = profile.steps_json();
            object["roofline"] = profile.roofline_json();
        }
        if let Some(series) = &self.series {
            object["series"] = series.iter().map(Point::json).collect();
        }
        object
    }

    /// The lines for people.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let (model, times) = (self.model, &self.times);
        writeln!(out, "{}", model.path().display())?;
        let mut line = |name: &str, text: String| writeln!(out, "  {name:<12} {text}");
        if let Some(board) = &self.board.model {
            line("board", board.clone())?;
        }
        line("processor", self.board.cpu.to_string())?;
        line(
            "kernels",
            format!("{}, {}, input {}", model.kernel_set(), self.threads(), self.inputs().replace(',', ", ")),
        )?;
        line("loaded in", format!("{:.1} ms", self.load_ms))?;
        line(
            "latency",
            format!(
                "min {:.3}  mean {:.3}  p50 {:.3}  p90 {:.3}  p99 {:.3}  p99.9 {:.3}  max {:.3} ms over {} runs",
                times.quantile(0.0),
                times.mean(),
                times.quantile(0.5),
                times.quantile(0.9),
                times.quantile(0.99),
                times.quantile(0.999),
                times.quantile(1.0),
                times.runs()
            ),
        )?;
        let rate = model.macs() as f64 / times.quantile(0.0) / 1e6;
        line("compute", format!("{:.1} MMAC a run, {rate:.2} GMAC/s at best", model.macs() as f64 / 1e6))?;
        let resident = match self.process {
            Process { rss_bytes: Some(now), peak_rss_bytes: Some(peak), .. } => {
                format!("; resident {:.1} MB, at most {:.1}", now as f64 / 1e6, peak as f64 / 1e6)
            }
            _ => String::new(),
        };
        line(
            "memory",
            format!("{} bytes of arena, {} bytes of weights{resident}", model.arena_bytes(), model.weights_bytes()),
        )?;
        line(
            "allocations",
            format!("{} a run, {} fallback step(s)", self.allocations_per_run, model.fallbacks().len()),
        )?;
        line("outputs", format!("checksum {:08x}", self.checksum))?;
        if let Some(governor) = &self.before.clock.governor {
            line("governor", governor.clone())?;
        }
        if self.before != State::default() {
            line("before", self.before.to_string())?;
            line("after", self.after.to_string())?;
        }
        if let Some(sustained) = self.series.as_deref().and_then(sustained) {
            line("sustained", sustained)?;
        }
        match &self.profile {
            Some(profile) => write!(out, "{}", profile.text()),
            None => Ok(()),
        }
    }

    /// One line about the machine and how the model runs on it.
    pub fn machine(&self) -> String {
        let board = self.board.model.clone().unwrap_or_else(|| self.board.cpu.to_string());
        format!("{board}, {} kernels, {}", self.model.kernel_set(), self.threads())
    }
}

/// How a long measurement ended, against how it began: medians of its first and last tenth.
fn sustained(series: &[Point]) -> Option<String> {
    let tenth = series.len().div_ceil(10);
    let (first, last) = (series.get(..tenth)?, series.get(series.len() - tenth..)?);
    let median = |points: &[Point]| {
        let mut medians: Vec<f64> = points.iter().map(|point| point.p50).collect();
        medians.sort_by(f64::total_cmp);
        medians.get(medians.len() / 2).copied()
    };
    let mut text = format!("p50 {:.3} ms at first, {:.3} at last", median(first)?, median(last)?);
    let degrees = |point: Option<&Point>| point?.state.temperature;
    if let (Some(cool), Some(warm)) = (degrees(series.first()), degrees(series.last())) {
        text += &format!(", {cool:.1} °C at first, {warm:.1} at last");
    }
    let held_back = series.iter().filter(|point| point.is_held_back()).count();
    if series.iter().any(|point| point.state.throttling.is_some()) {
        text += &format!(", held back {:.0} % of the time", 100.0 * held_back as f64 / series.len() as f64);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::throttle::Throttling;

    #[test]
    fn the_end_is_set_against_the_beginning() {
        let point = |i: u32| {
            let throttling = Some(Throttling::of_word(if i < 15 { 0 } else { 4 }));
            let state = State { temperature: Some(50.0 + i as f32), throttling, ..State::default() };
            let p50 = if i < 15 { 10.0 } else { 18.0 };
            Point { seconds: f64::from(i), runs: 1, p50, p99: p50, max: p50, state }
        };
        let series: Vec<Point> = (0..20).map(point).collect();
        let text = "p50 10.000 ms at first, 18.000 at last, 50.0 °C at first, 69.0 at last, held back 25 % of the time";
        assert_eq!(sustained(&series).as_deref(), Some(text));
        assert_eq!(sustained(&[]), None);
    }
}
