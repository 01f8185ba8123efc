//! `retort bench --profile`: where a model's time goes, and how far that is from the best that this processor could do.
//!
//! The roofline model (Williams, Waterman and Patterson, 2009): no step is faster than its multiply-accumulates at the peak
//! of the processor, nor than its bytes at the bandwidth of the memory they come from. Both limits are measured here, with
//! the instructions of the kernel set that the model runs on.

use std::hint::black_box;
use std::time::{Duration, Instant};

use retort_core::kernels::{Arithmetic, Kernels};
use serde_json::{Value, json};

use crate::Error;
use crate::cli::columns::{COLUMNS, tail};
use crate::model::{Model, Session, StepInfo};
use crate::vision::latency::milliseconds;

/// Runs whose least times are taken.
const RUNS: usize = 50;

/// Runs go on for so long, so that fast models have many.
const AT_LEAST: Duration = Duration::from_millis(300);

/// A slow model has fewer runs than [`RUNS`] where they would take longer.
const AT_MOST: Duration = Duration::from_secs(10);

/// How long each of the processor's limits is measured.
const LIMIT: Duration = Duration::from_millis(20);

/// A model's steps with their times, and the limits of the processor.
pub struct Profile {
    steps: Vec<Step>,
    runs: usize,
    threads: usize,
    /// One for each arithmetic that the model computes in.
    compute: Vec<Compute>,
    memory: Memory,
    kernel_set: &'static str,
}

/// A step and its least time.
struct Step {
    info: StepInfo,
    ms: f64,
}

/// What one arithmetic took, and what it could take.
struct Compute {
    arithmetic: Arithmetic,
    /// Multiply-accumulates a second of all threads, in 10⁹.
    peak: f64,
    macs: u64,
    /// Time of the steps that do them.
    ms: f64,
}

impl Compute {
    /// The least time for the multiply-accumulates.
    fn floor_ms(&self) -> f64 {
        self.macs as f64 / self.peak / 1e6
    }

    fn share_of_peak(&self) -> f64 {
        ratio(self.floor_ms(), self.ms)
    }
}

/// What the steps move, and how fast a thread reads memory.
struct Memory {
    /// Bytes that the steps read and write in a run.
    moved: u64,
    /// Bytes of the memory that they lie in.
    footprint: usize,
    /// Bytes a second that a thread reads from so much memory, in 10⁹.
    bandwidth: f64,
}

impl Memory {
    /// The least time for the bytes, if a thread writes as fast as it reads.
    fn floor_ms(&self) -> f64 {
        self.moved as f64 / self.bandwidth / 1e6
    }
}

/// `a / b`, 0 where there is nothing to divide by.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// 10⁹ multiply-accumulates a second.
fn rate(macs: u64, ms: f64) -> f64 {
    ratio(macs as f64 / 1e6, ms)
}

impl Profile {
    /// Runs the model until each step has shown its least time, then measures the processor.
    pub fn measure(model: &Model, session: &mut Session) -> Result<Profile, Error> {
        let threads = session.threads();
        let infos = model.steps();
        let (times, runs) = least_times(infos.len(), session)?;
        let steps = infos.into_iter().zip(times).map(|(info, ms)| Step { info, ms }).collect();
        let footprint = model.arena_bytes() + model.weights_bytes();
        Ok(Profile::of(steps, runs, threads, model.kernels()?, footprint))
    }

    fn of(steps: Vec<Step>, runs: usize, threads: usize, kernels: &dyn Kernels, footprint: usize) -> Profile {
        let compute = Arithmetic::ALL.into_iter().filter_map(|arithmetic| {
            let mine = || steps.iter().filter(|step| step.info.arithmetic == Some(arithmetic));
            let macs = mine().map(|step| step.info.macs).sum();
            let peak = || peak(kernels, arithmetic) * threads as f64;
            (macs > 0).then(|| Compute { arithmetic, peak: peak(), macs, ms: mine().map(|step| step.ms).sum() })
        });
        let compute = compute.collect();
        let moved = steps.iter().map(|step| step.info.bytes_moved).sum();
        let memory = Memory { moved, footprint, bandwidth: bandwidth(kernels, footprint) };
        Profile { steps, runs, threads, compute, memory, kernel_set: kernels.kernel_set().name() }
    }

    /// The sum of the steps' times.
    fn total_ms(&self) -> f64 {
        self.steps.iter().map(|step| step.ms).sum()
    }

    /// What share of the peak a step reaches, `None` where it does not multiply.
    fn share_of_peak(&self, step: &Step) -> Option<f64> {
        let compute = self.compute.iter().find(|compute| Some(compute.arithmetic) == step.info.arithmetic)?;
        Some(rate(step.info.macs, step.ms) / compute.peak)
    }

    /// The array `profile` of the JSON object: a step each, in order.
    pub fn steps_json(&self) -> Value {
        let total = self.total_ms();
        let step = |step: &Step| {
            json!({
                "node": step.info.name,
                "kind": step.info.kind,
                "kernel": step.info.kernel,
                "ms": step.ms,
                "share": ratio(step.ms, total),
                "macs": step.info.macs,
                "gmacs_per_second": rate(step.info.macs, step.ms),
                "share_of_peak": self.share_of_peak(step),
                "bytes_moved": step.info.bytes_moved,
            })
        };
        self.steps.iter().map(step).collect()
    }

    /// The object `roofline` of the JSON object.
    pub fn roofline_json(&self) -> Value {
        let compute = |compute: &Compute| {
            json!({
                "arithmetic": compute.arithmetic.name(),
                "peak_gmacs_per_second": compute.peak,
                "macs": compute.macs,
                "ms": compute.ms,
                "floor_ms": compute.floor_ms(),
                "share_of_peak": compute.share_of_peak(),
            })
        };
        let macs: u64 = self.compute.iter().map(|compute| compute.macs).sum();
        json!({
            "threads": self.threads,
            "runs": self.runs,
            "steps_ms": self.total_ms(),
            "compute": self.compute.iter().map(compute).collect::<Vec<_>>(),
            "memory": {
                "bytes_moved": self.memory.moved,
                "macs_per_byte": ratio(macs as f64, self.memory.moved as f64),
                "footprint_bytes": self.memory.footprint,
                "read_gigabytes_per_second": self.memory.bandwidth,
                "floor_ms": self.memory.floor_ms(),
            },
        })
    }

    /// The table and the roofline, for people.
    pub fn text(&self) -> String {
        let total = self.total_ms();
        let width = self.steps.iter().map(|step| step.info.kernel.len()).max().unwrap_or(0).max("kernel".len());
        let mut text = format!(
            "  least times of {} runs\n  step       ms  share     MMAC  GMAC/s   peak       kB  {:<width$}  node\n",
            self.runs, "kernel"
        );
        for (index, step) in self.steps.iter().enumerate() {
            let StepInfo { macs, kernel, .. } = step.info;
            let share_of_peak = match self.share_of_peak(step) {
                Some(share) => format!("{:.1}%", 100.0 * share),
                None => "-".into(),
            };
            let line = format!(
                "  {index:>4} {:>8.4} {:>5.1}% {:>8.3} {:>7.1} {share_of_peak:>6} {:>8.1}  {kernel:<width$}  ",
                step.ms,
                100.0 * ratio(step.ms, total),
                macs as f64 / 1e6,
                rate(macs, step.ms),
                step.info.bytes_moved as f64 / 1e3,
            );
            let node = tail(&step.info.name, COLUMNS.saturating_sub(line.chars().count()));
            text += &format!("{line}{node}\n");
        }
        text += &format!("  all  {total:>8.4}\n");
        self.compute.iter().for_each(|compute| text += &self.compute_line(compute, total));
        let Memory { moved, footprint, bandwidth } = self.memory;
        let macs: u64 = self.compute.iter().map(|compute| compute.macs).sum();
        text += &format!(
            "  memory       {:.2} MB moved, {:.1} MAC a byte; a thread reads {:.2} MB, all there are, at {bandwidth:.0} GB/s: \
             floor {:.3} ms\n",
            moved as f64 / 1e6,
            ratio(macs as f64, moved as f64),
            footprint as f64 / 1e6,
            self.memory.floor_ms()
        );
        text
    }

    fn compute_line(&self, compute: &Compute, total: f64) -> String {
        let threads = if self.threads == 1 { String::new() } else { format!(" on {} threads", self.threads) };
        format!(
            "  roofline     {} peak {:.0} GMAC/s{threads} measured with {}; convolutions and products took {:.3} ms of {:.3},\n\
             {:15}the floor for their {:.1} MMAC is {:.3} ms: {:.0} % of peak\n",
            compute.arithmetic,
            compute.peak,
            self.kernel_set,
            compute.ms,
            total,
            "",
            compute.macs as f64 / 1e6,
            compute.floor_ms(),
            100.0 * compute.share_of_peak(),
        )
    }
}

/// Each step's least time in milliseconds, less what asking for the time takes; and of how many runs.
fn least_times(steps: usize, session: &mut Session) -> Result<(Vec<f64>, usize), Error> {
    let mut least = vec![Duration::MAX; steps];
    let (start, mut runs) = (Instant::now(), 0);
    while (runs < RUNS || start.elapsed() < AT_LEAST) && (runs == 0 || start.elapsed() < AT_MOST) {
        let mut last = Instant::now();
        session.run_observed(&mut |index| {
            let now = Instant::now();
            if let Some(least) = least.get_mut(index as usize) {
                *least = (*least).min(now - last);
            }
            last = now;
        })?;
        runs += 1;
    }
    let clock = (0..1000).map(|_| Instant::now().elapsed()).min().unwrap_or_default();
    Ok((least.into_iter().map(|time| milliseconds(time.saturating_sub(clock))).collect(), runs))
}

/// The most that a thread multiplies and adds, in 10⁹ a second.
fn peak(kernels: &dyn Kernels, arithmetic: Arithmetic) -> f64 {
    let mut rounds = 1;
    // A burst of a millisecond is long against the clock, and short against being interrupted.
    while timed(|| kernels.peak(arithmetic, rounds)) < Duration::from_millis(1) && rounds < 1 << 30 {
        rounds *= 2;
    }
    let macs = kernels.peak(arithmetic, rounds);
    macs as f64 / least_of(|| kernels.peak(arithmetic, rounds)).as_secs_f64() / 1e9
}

/// Bytes that a thread reads from `len` bytes read again and again, in 10⁹ a second.
fn bandwidth(kernels: &dyn Kernels, len: usize) -> f64 {
    const LINE: usize = 64;
    let len = len.next_multiple_of(512);
    let bytes = vec![1; len + LINE];
    let memory = &bytes[bytes.as_ptr().align_offset(LINE).min(LINE)..][..len];
    len as f64 / least_of(|| kernels.read(black_box(memory))).as_secs_f64() / 1e9
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

/// The least time that the work took within [`LIMIT`]; at least a nanosecond.
fn least_of<T>(work: impl Fn() -> T) -> Duration {
    let (start, mut least) = (Instant::now(), Duration::MAX);
    while least == Duration::MAX || start.elapsed() < LIMIT {
        least = least.min(timed(&work));
    }
    least.max(Duration::from_nanos(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, kernel: &'static str, arithmetic: Option<Arithmetic>, macs: u64, ms: f64) -> Step {
        let name = name.to_owned();
        Step { info: StepInfo { name, kind: "ConvolutionInt8", kernel, macs, arithmetic, bytes_moved: 2_000_000 }, ms }
    }

    /// Two int8 steps that take 1 ms together, one step that does not multiply, and a peak of 100 GMAC/s.
    fn profile() -> Profile {
        let steps = vec![
            step("conv", "vector/product", Some(Arithmetic::Int8), 20_000_000, 0.25),
            step(&"long/".repeat(40), "vector/convolution_int8 (general)", Some(Arithmetic::Int8), 20_000_000, 0.75),
            step("concat", "portable/copy", None, 0, 0.25),
        ];
        Profile {
            steps,
            runs: 50,
            threads: 1,
            compute: vec![Compute { arithmetic: Arithmetic::Int8, peak: 100.0, macs: 40_000_000, ms: 1.0 }],
            memory: Memory { moved: 6_000_000, footprint: 1_500_000, bandwidth: 60.0 },
            kernel_set: "avx2",
        }
    }

    #[test]
    fn floors_are_work_over_limits() {
        let profile = profile();
        assert!((profile.compute[0].floor_ms() - 0.4).abs() < 1e-9);
        assert!((profile.compute[0].share_of_peak() - 0.4).abs() < 1e-9);
        assert!((profile.memory.floor_ms() - 0.1).abs() < 1e-9);
        assert!((profile.total_ms() - 1.25).abs() < 1e-9);
        let shares: Vec<_> = profile.steps.iter().map(|step| profile.share_of_peak(step)).collect();
        assert!((shares[0].unwrap_or_default() - 0.8).abs() < 1e-9);
        assert_eq!(shares[2], None);
    }

    #[test]
    fn the_table_fits_a_terminal() {
        let text = profile().text();
        assert!(
            text.contains("peak 100 GMAC/s measured with avx2; convolutions and products took 1.000 ms of 1.250,"),
            "{text}"
        );
        assert!(text.contains("40.0 MMAC is 0.400 ms: 40 % of peak"), "{text}");
        assert!(text.contains("…"), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn steps_without_work_have_no_share() {
        assert_eq!((ratio(1.0, 0.0), rate(0, 0.0)), (0.0, 0.0));
        let json = profile().steps_json();
        assert_eq!(json[2]["share_of_peak"], Value::Null);
        assert_eq!(json[1]["kernel"], "vector/convolution_int8 (general)");
        assert_eq!(profile().roofline_json()["compute"][0]["arithmetic"], "int8");
    }
}
