//! `retort bench`: how fast a model runs here, and what it takes.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::model::ModelArguments;
use super::profile::Profile;
use super::threads::Threads;
use crate::contract::golden_picture;
use crate::model::golden::output_crc32;
use crate::model::{InputKind, Model, Session};
use crate::tensor::TensorMut;
use crate::vision::latency::milliseconds;

/// Measure a model's latency, memory and allocations
///
/// The input is pseudo-random and the same everywhere, so that the checksum of the outputs can be compared between
/// machines.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  retort bench model.onnx\n  retort bench model.onnx --duration 10 --profile")]
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
    /// Also list every step: its time, its kernel, and how near it is to what this processor can do.
    #[arg(long)]
    profile: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s| (0.0..=86400.0).contains(s)).ok_or_else(|| "must be a number of seconds".into())
}

/// The times of a measurement, ascending.
struct Times(Vec<Duration>);

impl Times {
    fn quantile(&self, share: f64) -> f64 {
        let last = self.0.len() - 1;
        milliseconds(self.0[(share * last as f64).round() as usize])
    }

    fn mean(&self) -> f64 {
        milliseconds(self.0.iter().sum::<Duration>()) / self.0.len() as f64
    }
}

impl Bench {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let start = Instant::now();
        let model = self.model.load_on(&self.threads, InputKind::Quantised)?;
        let load_ms = milliseconds(start.elapsed());
        let mut session = model.session();
        fill(&model, &mut session);
        // The input's memory may be reused by later steps, so the checksum is that of the first run.
        session.run()?;
        let checksum = output_crc32(model.outputs(), &session);
        let (times, allocations) = self.measure(&mut session)?;
        let profile = self.profile.then(|| Profile::measure(&model, &mut session)).transpose()?;
        let inputs: Vec<String> = model.inputs().iter().map(|port| port.element.to_string()).collect();
        if self.json {
            let mut object = json!({
                "model": self.model.model.display().to_string(),
                "isa": model.kernel_set().name(),
                "threads": session.threads(),
                "input": inputs.join(","),
                "runs": times.0.len(),
                "latency_ms": {
                    "min": times.quantile(0.0),
                    "mean": times.mean(),
                    "p50": times.quantile(0.5),
                    "p90": times.quantile(0.9),
                    "p99": times.quantile(0.99),
                    "max": times.quantile(1.0),
                },
                "allocations_per_run": allocations,
                "arena_bytes": model.arena_bytes(),
                "weights_bytes": model.weights_bytes(),
                "macs": model.macs(),
                "load_ms": load_ms,
                "fallback_steps": model.fallbacks().len(),
                "output_crc32": format!("{checksum:08x}"),
            });
            if let Some(profile) = profile {
                object["profile"] = profile.steps_json();
                object["roofline"] = profile.roofline_json();
            }
            println!("{object}");
        } else {
            println!("{}", self.model.model.display());
            let threads = match session.threads() {
                1 => "one thread".into(),
                threads => format!("{threads} threads"),
            };
            println!("  kernels      {}, {threads}, input {}", model.kernel_set(), inputs.join(", "));
            println!("  loaded in    {load_ms:.1} ms");
            println!(
                "  latency      min {:.3}  mean {:.3}  p50 {:.3}  p90 {:.3}  p99 {:.3}  max {:.3} ms over {} runs",
                times.quantile(0.0),
                times.mean(),
                times.quantile(0.5),
                times.quantile(0.9),
                times.quantile(0.99),
                times.quantile(1.0),
                times.0.len()
            );
            let rate = model.macs() as f64 / times.quantile(0.0) / 1e6;
            println!("  compute      {:.1} MMAC a run, {rate:.2} GMAC/s at best", model.macs() as f64 / 1e6);
            println!(
                "  memory       {} bytes of arena, {} bytes of weights",
                model.arena_bytes(),
                model.weights_bytes()
            );
            println!("  allocations  {allocations} a run, {} fallback step(s)", model.fallbacks().len());
            println!("  outputs      checksum {checksum:08x}");
            if let Some(profile) = profile {
                print!("{}", profile.text());
            }
        }
        Ok(())
    }

    /// Runs for the time asked for, at least once. Also returns how often a run asks for memory, rounded up.
    fn measure(&self, session: &mut Session) -> anyhow::Result<(Times, usize)> {
        let warm = Instant::now();
        while warm.elapsed().as_secs_f64() < self.warmup {
            session.run()?;
        }
        let mut times = Vec::with_capacity(1 << 20);
        let start = Instant::now();
        let before = retort_alloc_count::requests();
        loop {
            let run = Instant::now();
            session.run()?;
            times.push(run.elapsed());
            if start.elapsed().as_secs_f64() >= self.duration || times.len() == times.capacity() {
                break;
            }
        }
        let allocations = (retort_alloc_count::requests() - before).div_ceil(times.len());
        times.sort_unstable();
        Ok((Times(times), allocations))
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
