//! How long a network would take on a board that is not at hand.
//!
//! A prediction is arithmetic, not a measurement: instructions that were counted for each kind of step ([`rates`]), the
//! instructions and multiply-accumulates a cycle of the board's cores and the speed of its memory ([`board`]), put
//! together for each step ([`cost`]). `runtime/PREDICTION.md` says where the numbers come from, and sets predictions beside
//! published latencies of other runtimes. Nothing here knows how hot the board is or what else it does.

pub mod board;
pub mod cost;
pub mod rates;
pub mod work;

#[cfg(test)]
mod tests;

pub use board::{BOARDS, Board};
pub use cost::{Cost, Setting};
pub use work::{Kind, Work, effort};

use crate::model::Model;

/// A prediction for a model.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The board.
    pub board: &'static Board,
    /// Threads.
    pub threads: usize,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// A step and its predicted cost.
#[derive(Clone, Debug)]
pub struct Step {
    /// The ONNX node that it came from.
    pub name: String,
    /// What it has to do.
    pub work: Work,
    /// What that costs.
    pub cost: Cost,
}

impl Prediction {
    /// Predicts a model on a board, on so many threads or as many as the board has cores.
    pub fn of(model: &Model, board: &'static Board, threads: usize) -> Prediction {
        let steps = model.plan_steps().map(|(info, step)| (info.name.to_owned(), Work::of(&step, info.macs)));
        Prediction::of_steps(steps, (model.arena_bytes() + model.weights_bytes()) as u64, board, threads)
    }

    fn of_steps(
        steps: impl Iterator<Item = (String, Work)>,
        footprint: u64,
        board: &'static Board,
        threads: usize,
    ) -> Prediction {
        let threads = threads.clamp(1, board.cores);
        let setting = Setting { board, threads, footprint };
        let steps = steps.map(|(name, work)| Step { name, work, cost: setting.cost(&work) }).collect();
        Prediction { board, threads, steps }
    }

    /// All steps together, in milliseconds.
    pub fn ms(&self) -> f64 {
        self.steps.iter().map(|step| step.cost.ms).sum()
    }

    /// Steps that tract would run, of which next to nothing is known.
    pub fn fallbacks(&self) -> usize {
        self.steps.iter().filter(|step| step.work.kind == Kind::External).count()
    }
}
