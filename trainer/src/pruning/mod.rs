//! Pruning: whole channels of a float model go, and what is left is a plain, narrower model.
//!
//! 1. The file is brought in order, and what its operators say about channels is gathered: [`constraints`], over [`slots`].
//! 2. Channels that go together are units, units that may stand for each other [`groups`].
//! 3. Somebody says what it costs to lose a unit: [`saliency`], [`outputs`] from what layers see of the pictures ([`covariance`]).
//! 4. What loses least for what it saves goes, until the model fits the [`budget`], whose prices are [`cost`]s.
//! 5. The graph is written with smaller weights ([`surgery`]), and these are fitted to the pictures ([`compensation`]).

mod budget;
mod compensation;
mod constraints;
mod cost;
mod covariance;
mod groups;
mod latency;
mod matrix;
mod outputs;
mod saliency;
mod slots;
mod surgery;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use budget::{Cut, cuts};
use constraints::{Constraints, Mixing};
use cost::Loads;
use covariance::covariances;
use groups::{Group, groups, name};
use latency::Clock;
use outputs::{Readers, asked};
use saliency::{Judge, Scores};
use surgery::Left;

pub use budget::Limits;
pub use saliency::Saliency;

use crate::posttraining::graph::OnnxGraph;
use crate::posttraining::watch::{Show, floats_of};
use crate::posttraining::{QuantiseError, opset, tidy};

/// What a model may take once it is pruned.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// Multiply-accumulates of one inference.
    Macs(u64),
    /// A share of those that it takes now.
    Share(f64),
    /// Predicted milliseconds of one int8 inference on all cores of a board, by its key.
    Milliseconds(String, f64),
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Goal::Macs(macs) => write!(f, "{} MMAC", *macs as f64 / 1e6),
            Goal::Share(share) => write!(f, "{} % of its MAC", 100.0 * share),
            Goal::Milliseconds(board, ms) => write!(f, "{ms} ms on {board}"),
        }
    }
}

/// How to prune.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the model may take.
    pub goal: Goal,
    /// How channels are judged.
    pub saliency: Saliency,
    /// How far layers may be cut.
    pub limits: Limits,
    /// Whether what is left is fitted to the pictures.
    pub compensate: bool,
}

/// A model that cannot be pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The bytes are no model.
    #[error("the file is no ONNX model")]
    Unreadable,
    /// It is of another operator set than can be written.
    #[error(transparent)]
    Opset(#[from] QuantiseError),
    /// There are no layers with known weights.
    #[error("the model has no convolution and no product with known weights, so there is nothing to prune")]
    NoLayers,
    /// There is nothing that may go.
    #[error(
        "no channel of the model may go: all reach its outputs or operators that cannot be cut, or layers have no more \
         channels than --multiple"
    )]
    Nothing,
    /// There are no pictures to judge by.
    #[error("no picture to judge channels by")]
    NoPictures,
    /// It already fits.
    #[error("the model takes {now}, which is within {goal} as it is")]
    Fits {
        /// The budget.
        goal: String,
        /// What it takes.
        now: String,
    },
    /// It cannot be made to fit.
    #[error(
        "the model cannot be cut to {goal}: with every layer at its narrowest it takes {least}; raise the budget{hint}"
    )]
    Budget {
        /// The budget.
        goal: String,
        /// What the narrowest takes.
        least: String,
        /// What else would do.
        hint: &'static str,
    },
    /// Nothing is known of the board.
    #[error("there is no board `{0}` whose milliseconds can be predicted")]
    Board(String),
    /// The runtime says no.
    #[error(transparent)]
    Runtime(#[from] retort::Error),
}

/// What became of a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The layers that make its channels.
    pub layers: Vec<String>,
    /// Channels of a layer before.
    pub before: usize,
    /// And after.
    pub after: usize,
    /// What was lost, in the measure of whoever judged.
    pub lost: f64,
    /// Multiply-accumulates that were saved.
    pub saved: u64,
}

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Takes {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Numbers in its layers' weights and biases.
    pub parameters: usize,
    /// Predicted milliseconds, where they are the budget.
    pub ms: Option<f64>,
}

/// A narrower model.
pub struct Pruned {
    graph: OnnxGraph,
    /// The outputs of each layer that are left, by the layer's name.
    pub left: BTreeMap<String, Vec<usize>>,
    /// What became of every group.
    pub rows: Vec<Row>,
    /// What the model took.
    pub before: Takes,
    /// What it takes now.
    pub after: Takes,
    /// Layers whose weights were fitted.
    pub fitted: usize,
}

impl Pruned {
    /// The graph.
    pub(crate) fn graph(&self) -> &OnnxGraph {
        &self.graph
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        self.graph.encode()
    }

    /// Lays metadata over the model's own.
    pub fn set_metadata(&mut self, pairs: Vec<(String, String)>) {
        self.graph.set_metadata(pairs);
    }
}

/// Prunes the bytes of a float model; `ties` are pairs of tensors whose channels stay alike, and `say` is told what is being done.
///
/// # Errors
/// A [`PruneError`].
pub fn prune(
    bytes: &[u8],
    show: Show<'_>,
    options: &Options,
    ties: &[(String, String)],
    say: &dyn Fn(&str),
) -> Result<Pruned, PruneError> {
    let by_pictures = options.saliency == Saliency::Outputs || options.compensate;
    if show.pictures.is_empty() && by_pictures {
        return Err(PruneError::NoPictures);
    }
    let mut graph = OnnxGraph::decode(bytes).ok_or(PruneError::Unreadable)?;
    let shapes = floats_of(&graph);
    opset::upgrade(&mut graph, &shapes)?;
    tidy::tidy(&mut graph);
    let shapes = floats_of(&graph);
    let constraints = Constraints::new(&graph, &shapes, ties);
    if constraints.layers.is_empty() {
        return Err(PruneError::NoLayers);
    }
    let groups = groups(&graph, &constraints);
    let size = |name: &str| shapes.get(name).map_or(0, |shape| shape.iter().product());
    let plan = Plan::new(&graph, &constraints, &shapes, &groups, options)?;
    let mut judge: Box<dyn Judge + '_> = match &options.saliency {
        Saliency::Magnitude => Box::new(Scores::magnitude(&graph, &constraints, &groups)),
        Saliency::Given(numbers) => Box::new(Scores::given(&graph, &constraints, &groups, numbers)),
        Saliency::Outputs => {
            say("looking at what layers see of the pictures");
            let layers: Vec<_> =
                asked(&constraints, &groups).into_iter().map(|place| (place, &constraints.layers[place].0)).collect();
            let seen = covariances(&graph, &layers, &size, show)?;
            let mut readers = Readers::new(&graph, &constraints, &groups, &seen);
            say("trying one layer after another, to see what reaches the end");
            let sizes = shapes.iter().map(|(name, shape)| (name.clone(), shape.iter().product())).collect();
            readers.weigh(&graph, &constraints, &seen, &sizes, show)?;
            Box::new(readers)
        }
    };
    say("choosing what goes");
    let made = plan.cuts(judge.as_mut())?;
    let left = plan.left(&made);
    let mut cut = left.cut(&graph);
    let fitted = if options.compensate {
        say("fitting what is left to the pictures");
        compensation::compensate(&graph, &mut cut, &constraints, &left, &size, show)?
    } else {
        0
    };
    let layers = constraints.layers.iter().filter(|(_, kind)| *kind != Mixing::Fixed);
    let of = layers.map(|(layer, _)| (name(&graph, layer), left.of(&layer.name).unwrap_or_default()));
    Ok(Pruned {
        left: of.collect(),
        rows: rows(&groups, &made),
        before: plan.takes(&graph, None)?,
        after: plan.takes(&cut, Some(&made))?,
        fitted,
        graph: cut,
    })
}

/// All that cuts are chosen from.
struct Plan<'a> {
    graph: &'a OnnxGraph,
    constraints: &'a Constraints,
    shapes: &'a HashMap<String, Vec<usize>>,
    groups: &'a [Group],
    options: &'a Options,
    loads: Loads,
    clock: Option<Clock>,
}

impl<'a> Plan<'a> {
    fn new(
        graph: &'a OnnxGraph,
        constraints: &'a Constraints,
        shapes: &'a HashMap<String, Vec<usize>>,
        groups: &'a [Group],
        options: &'a Options,
    ) -> Result<Plan<'a>, PruneError> {
        let places = |name: &str| shapes.get(name).map_or(1, |shape| shape.iter().product::<usize>() / shape[1].max(1));
        let mut loads = Loads::new(constraints, &places);
        let clock = match &options.goal {
            Goal::Milliseconds(board, _) => Some(Clock::new(board)?),
            _ => None,
        };
        if let Some(clock) = &clock {
            let times = clock.layers(graph)?;
            let all = loads.clone();
            let mean = times.values().sum::<f64>() / all.macs().max(1.0);
            loads.weigh(&|place| {
                let layer = &constraints.layers[place].0;
                times.get(&layer.name).map_or(mean, |ms| ms / all.of(place).max(1.0))
            });
        }
        Ok(Plan { graph, constraints, shapes, groups, options, loads, clock })
    }

    /// The cuts that bring the model within its budget.
    fn cuts(&self, judge: &mut dyn Judge) -> Result<Vec<Cut>, PruneError> {
        let now = self.loads.macs();
        let limits = self.options.limits;
        let goal = match self.options.goal {
            Goal::Macs(macs) => macs as f64,
            Goal::Share(share) => share * now,
            Goal::Milliseconds(_, ms) => return self.timed_cuts(judge, ms),
        };
        if now <= goal {
            return Err(self.fits(format!("{:.2} MMAC", now / 1e6)));
        }
        let mut loads = self.loads.clone();
        let made = cuts(self.groups, &mut loads, judge, limits, &mut |loads| loads.macs() <= goal);
        if made.is_empty() {
            return Err(PruneError::Nothing);
        }
        if loads.macs() > goal {
            return Err(self.too_dear(format!("{:.2} MMAC", loads.macs() / 1e6)));
        }
        Ok(made)
    }

    /// The fewest of all cuts after which the board takes no longer than `goal`.
    fn timed_cuts(&self, judge: &mut dyn Judge, goal: f64) -> Result<Vec<Cut>, PruneError> {
        let Some(clock) = &self.clock else { return Err(PruneError::Nothing) };
        let now = clock.ms(self.graph)?;
        if now <= goal {
            return Err(self.fits(format!("{now:.2} ms")));
        }
        let mut loads = self.loads.clone();
        let mut all = cuts(self.groups, &mut loads, judge, self.options.limits, &mut |_| false);
        let ms = |count: usize| clock.ms(&self.left(&all[..count]).cut(self.graph));
        // Every cut makes the model quicker, but for the odd one that leaves a width that kernels like less; so this is near the
        // fewest, and what is returned fits in any case.
        let (mut low, mut high) = (0, all.len());
        let least = ms(high)?;
        if high == 0 {
            return Err(PruneError::Nothing);
        }
        if least > goal {
            return Err(self.too_dear(format!("{least:.2} ms")));
        }
        while high - low > 1 {
            let middle = (low + high) / 2;
            if ms(middle)? <= goal { high = middle } else { low = middle }
        }
        all.truncate(high);
        Ok(all)
    }

    fn fits(&self, now: String) -> PruneError {
        PruneError::Fits { goal: self.options.goal.to_string(), now }
    }

    fn too_dear(&self, least: String) -> PruneError {
        let hint =
            if self.options.limits.multiple > 1 { ", or allow narrower layers with a smaller --multiple" } else { "" };
        PruneError::Budget { goal: self.options.goal.to_string(), least, hint }
    }

    fn left(&self, cuts: &[Cut]) -> Left<'a> {
        let roots = cuts.iter().flat_map(|cut| cut.units.iter().map(|unit| self.groups[cut.group].units[*unit].root));
        Left::new(self.constraints, self.shapes, roots.collect::<HashSet<usize>>())
    }

    fn takes(&self, graph: &OnnxGraph, cuts: Option<&[Cut]>) -> Result<Takes, PruneError> {
        let mut loads = self.loads.clone();
        for cut in cuts.unwrap_or_default() {
            cut.units.iter().for_each(|unit| loads.drop(&self.groups[cut.group].units[*unit]));
        }
        let ms = self.clock.as_ref().map(|clock| clock.ms(graph)).transpose()?;
        Ok(Takes { macs: loads.macs().round() as u64, parameters: graph.parameters(), ms })
    }
}

fn rows(groups: &[Group], cuts: &[Cut]) -> Vec<Row> {
    let row = |(place, group): (usize, &Group)| {
        let own = || cuts.iter().filter(|cut| cut.group == place);
        let gone: usize = own().map(|cut| cut.units.len()).sum();
        let before = group.units.len() * group.each;
        Row {
            layers: group.layers.clone(),
            before,
            after: before - gone * group.each,
            lost: own().map(|cut| cut.lost).sum(),
            saved: own().map(|cut| cut.saved).sum::<f64>().round() as u64,
        }
    };
    groups.iter().enumerate().map(row).collect()
}
