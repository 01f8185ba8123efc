//! `retort bench`: how fast a model runs here, and what it takes.
//!
//! | file | its idea |
//! |---|---|
//! | `meter` | runs the model, for seconds or for minutes on end |
//! | `times` | the times of all runs in little memory |
//! | `report` | what was found, as text and as JSON |
//! | `profile` | `--profile`: the steps, and the limits of the processor |
//! | `chart` | `--sustain` in the terminal |
//! | `plot` | `--sustain` as a picture |

mod chart;
mod meter;
mod plot;
mod profile;
mod report;
mod times;

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use self::chart::Progress;
use self::meter::Meter;
use self::profile::Profile;
use self::report::Report;
use super::model::ModelArguments;
use super::threads::Threads;
use crate::board::memory::Process;
use crate::board::state::State;
use crate::board::throttle::Ask;
use crate::board::{Board, Root};
use crate::contract::golden_picture;
use crate::model::golden::output_crc32;
use crate::model::{InputKind, Model, Session};
use crate::tensor::TensorMut;
use crate::vision::latency::milliseconds;

/// Measure a model's latency, memory and allocations
///
/// The input is pseudo-random and the same everywhere, so that the checksum of the outputs can be compared between
/// machines. What the machine tells of its processor, clock, temperature and supply is shown beside the figures; what it
/// does not tell is left out.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  retort bench model.onnx
  retort bench model.onnx --duration 10 --profile
  retort bench model.onnx --sustain 10 --plot heat.png     does it stay fast when it gets warm?
  retort bench model.onnx --assert-p99 33                  exit status 1 where one run in a hundred takes longer")]
pub struct Bench {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    threads: Threads,
    /// How long to measure.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    duration: f64,
    /// How long to run before measuring.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.3, value_parser = seconds)]
    warmup: f64,
    /// Measure for minutes on end, and show latency, temperature and clock meanwhile.
    #[arg(long, value_name = "MINUTES", conflicts_with = "duration", value_parser = minutes)]
    sustain: Option<f64>,
    /// Draw what --sustain measured.
    #[arg(long, value_name = "FILE.png", requires = "sustain")]
    plot: Option<PathBuf>,
    /// Fail where the 99th percentile of the latency is above this.
    #[arg(long, value_name = "MS", value_parser = limit)]
    assert_p99: Option<f64>,
    /// Also list every step: its time, its kernel, and how near it is to what this processor can do.
    #[arg(long)]
    profile: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// A number of seconds, at most a day.
fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s| (0.0..=86400.0).contains(s)).ok_or_else(|| "must be a number of seconds".into())
}

/// A number of minutes, at most a week.
fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok().filter(|m| (0.01..=10080.0).contains(m));
    minutes.ok_or_else(|| "must be a number of minutes, from 0.01 to 10080".into())
}

fn limit(text: &str) -> Result<f64, String> {
    let limit = text.parse().ok().filter(|ms: &f64| ms.is_finite() && *ms > 0.0);
    limit.ok_or_else(|| "must be a number of milliseconds above 0".into())
}

impl Bench {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let root = Root::system();
        let start = Instant::now();
        let model = self.model.load_on(&self.threads, InputKind::Quantised)?;
        let load_ms = milliseconds(start.elapsed());
        let mut session = model.session();
        fill(&model, &mut session);
        // The input's memory may be reused by later steps, so the checksum is that of the first run.
        session.run()?;
        let checksum = output_crc32(model.outputs(), &session);

        let before = State::read(&root, Ask::FilesAndPrograms);
        let mut meter = Meter::new(&mut session);
        meter.warm_up(self.warmup)?;
        let series = match self.sustain {
            None => meter.measure(self.duration).map(|()| None)?,
            Some(minutes) => {
                let mut progress = Progress::new(minutes * 60.0);
                Some(meter.sustain(minutes * 60.0, &root, |points| progress.show(points))?)
            }
        };
        let after = State::read(&root, Ask::FilesAndPrograms);
        let (allocations_per_run, times) = (meter.allocations_per_run(), meter.times);
        let report = Report {
            model: &model,
            threads: session.threads(),
            load_ms,
            checksum,
            times,
            allocations_per_run,
            board: Board::read(&root),
            before,
            after,
            process: Process::read(&root),
            profile: self.profile.then(|| Profile::measure(&model, &mut session)).transpose()?,
            series,
        };
        self.tell(&report)
    }

    fn tell(&self, report: &Report<'_>) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", report.json())?;
        } else {
            report.text(&mut out)?;
        }
        if let (Some(path), Some(series), Some(minutes)) = (&self.plot, &report.series, self.sustain) {
            let title = self.model.model.display().to_string();
            plot::save(path, &title, &report.machine(), series, minutes * 60.0)?;
            if !self.json {
                writeln!(out, "  plot         {}", path.display())?;
            }
        }
        if let Some(limit) = self.assert_p99 {
            let p99 = report.times.quantile(0.99);
            let model = self.model.model.display();
            anyhow::ensure!(p99 <= limit, "{model}: p99 is {p99:.3} ms, above the {limit} ms of --assert-p99");
        }
        Ok(())
    }
}

/// Fills every input with pseudo-random elements: bytes as they come, floats from 0 to 1, integers 0 or 1.
fn fill(model: &Model, session: &mut Session) {
    for (index, port) in model.inputs().iter().enumerate() {
        let bytes = golden_picture(index as u32 + 1, port.len(), 1, 1);
        match session.input(index) {
            TensorMut::F32(to) => to.iter_mut().zip(&bytes).for_each(|(to, &b)| *to = f32::from(b) / 255.0),
            TensorMut::U8(to) => to.copy_from_slice(&bytes),
            TensorMut::I8(to) => to.iter_mut().zip(&bytes).for_each(|(to, &b)| *to = b as i8),
            TensorMut::I32(to) => to.iter_mut().zip(&bytes).for_each(|(to, &b)| *to = i32::from(b & 1)),
            TensorMut::I64(to) => to.iter_mut().zip(&bytes).for_each(|(to, &b)| *to = i64::from(b & 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_refused() {
        assert_eq!((seconds("0"), minutes("0.5"), limit("33.3")), (Ok(0.0), Ok(0.5), Ok(33.3)));
        for wrong in ["-1", "nan", "inf", "1e9", "", "x"] {
            assert!(seconds(wrong).is_err() && minutes(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0", "-1", "nan", "inf", "x"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
