//! What a model file costs: bytes, work, and milliseconds on boards and on this machine.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use retort::Error;
use retort::model::{InputKind, LoadOptions, Model};
use retort::predict::{BOARDS, Prediction};
use serde::{Deserialize, Serialize};

use crate::limits::load_options;

/// Runs that are not timed: caches fill and threads wake up.
const WARMUP: usize = 3;
/// Runs that are timed at most; the time is stated in the middle one of them.
const RUNS: usize = 200;

/// What a model takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Multiply-accumulates of one inference.
    pub macs: u64,
    /// Bytes of weights, as the runtime holds them on the board where they take the most.
    pub weights_bytes: usize,
    /// Bytes of working memory, on the board where it is the largest.
    pub arena_bytes: usize,
    /// Predicted milliseconds of one inference on all cores, by the key of the board.
    pub predicted_ms: BTreeMap<String, f64>,
}

/// How long one inference takes on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median milliseconds, without what comes before and after the network.
    pub median_ms: f64,
    /// Inferences that were timed.
    pub runs: usize,
    /// Threads.
    pub threads: usize,
}

impl Cost {
    /// Of the model that `load` loads with the options that it is given: as each board would, whatever this machine is.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn of(load: impl Fn(&LoadOptions) -> Result<Model, Error>) -> Result<Cost, Error> {
        let (mut cost, mut last) = (Cost::default(), None::<Model>);
        for board in &BOARDS {
            // Boards with the same kernels, which are listed side by side, have the same plan.
            let same = last.take().filter(|model| model.kernel_set() == board.core.kernels.set());
            let options = board.options(LoadOptions { input: InputKind::Quantised, ..load_options() });
            let model = same.map_or_else(|| load(&options), Ok)?;
            cost.macs = model.macs();
            cost.weights_bytes = cost.weights_bytes.max(model.weights_bytes());
            cost.arena_bytes = cost.arena_bytes.max(model.arena_bytes());
            cost.predicted_ms.insert(board.key.to_owned(), Prediction::of(&model, board, board.cores).ms());
            last = Some(model);
        }
        Ok(cost)
    }
}

impl Latency {
    /// Runs the model on what its input happens to hold, for about as long as `limit` at most.
    ///
    /// # Errors
    /// What the runtime says of a model that does not run.
    pub fn measure(model: &Model, limit: Duration) -> Result<Latency, Error> {
        let mut session = model.session();
        let started = Instant::now();
        for _ in 0..WARMUP {
            session.run()?;
        }
        let mut times = Vec::new();
        while times.is_empty() || (times.len() < RUNS && started.elapsed() < limit) {
            let before = Instant::now();
            session.run()?;
            times.push(before.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(Latency { median_ms: times[times.len() / 2], runs: times.len(), threads: session.threads() })
    }
}
