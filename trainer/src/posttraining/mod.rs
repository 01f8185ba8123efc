//! Int8 models from finished float ones, whoever trained them: post-training quantisation of any ONNX file.
//!
//! 1. The file is brought in order: [`opset`], [`tidy`].
//! 2. What computes in integers is told from what does not: [`borders`], with activations found by [`formula`].
//! 3. Channels of different ranges are brought to one ([`equalise`]), or get scales of their own ([`untangle`], [`split`]).
//! 4. Pictures are shown to the float model, and every tensor that is to be bytes gets a range: [`calibrate`], [`importance`],
//!    [`range`]; what it finds in them counts most: [`focus`].
//! 5. The weights become integers by what the layers make of the pictures: [`fitting`], [`rounding`].
//! 6. What rounding harms most may stay in floats: [`sensitivity`].
//! 7. All is written as pairs of QuantizeLinear and DequantizeLinear: [`write`](mod@write); or, where that is asked for, as
//!    operators on bytes: [`qoperator`].

pub(crate) mod borders;
mod calibrate;
mod equalise;
pub(crate) mod fitting;
pub mod focus;
pub(crate) mod formula;
pub(crate) mod graph;
pub(crate) mod importance;
pub(crate) mod layer;
pub(crate) mod opset;
mod qoperator;
mod range;
mod rounding;
pub(crate) mod sensitivity;
mod split;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod tidy;
mod untangle;
pub(crate) mod watch;
pub(crate) mod write;

use std::collections::{HashMap, HashSet};

use borders::Borders;
use calibrate::{calibrate, moments};
use fitting::{nearest, refine};
use formula::Formulas;
use graph::OnnxGraph;
use importance::Moments;
use range::Found;
use rounding::Integers;
use sensitivity::{Costs, Harm, Without};
use watch::floats_of;

pub use range::Method;
pub use sensitivity::Worth;
pub use watch::{Show, options};

/// Tensors that are joined share a scale where none has more than so many times the range of another.
const ALIKE: f32 = 2.0;
/// Pictures that the error of a whole model is measured on.
const MEASURED: usize = 16;

/// A model that cannot be quantised.
#[derive(Debug, thiserror::Error)]
pub enum QuantiseError {
    /// The bytes are no model.
    #[error("the file is no ONNX model")]
    Unreadable,
    /// It is of another operator set than can be written.
    #[error("{node}: {problem}")]
    Opset {
        /// The node.
        node: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing that integers could compute.
    #[error("the model has no convolution and no product with known weights, so there is nothing to quantise")]
    Nothing,
    /// There is nothing to calibrate with.
    #[error("no picture to calibrate with")]
    NoPictures,
    /// The runtime says no.
    #[error(transparent)]
    Runtime(#[from] retort::Error),
}

/// What may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether weights are rounded by what their layers make of the pictures, or to the nearest.
    pub fit: bool,
    /// Whether channels of different ranges are brought to one, or get scales of their own.
    pub equalise: bool,
    /// What rounding a tensor has to do for it to be left in floats.
    pub worth: Worth,
}

impl Default for Options {
    fn default() -> Self {
        Options { fit: true, equalise: true, worth: Worth { harm: 1e-2, for_time: 0.5 } }
    }
}

/// A model of which all is known that an int8 one is written from.
pub struct Prepared<'a> {
    graph: OnnxGraph,
    show: Show<'a>,
    sizes: HashMap<String, usize>,
    borders: Borders,
    found: Vec<Found>,
    integers: Vec<Integers>,
    harms: Vec<Harm>,
    worth: Worth,
    /// What was changed before anything was rounded.
    pub changes: Changes,
}

/// What was changed in a graph without changing what it computes.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Nodes that were folded away.
    pub folded: usize,
    /// Layers whose channels were brought to one range.
    pub equalised: usize,
    /// Depthwise convolutions that were moved in front of a join.
    pub moved: usize,
    /// Tensors whose channels got scales of their own.
    pub split: Vec<String>,
}

/// An int8 model.
pub struct Quantised {
    graph: OnnxGraph,
    /// Share of the multiply-accumulates that are done in integers.
    pub in_integers: f64,
    /// Squared error of the last layers' results over their variance, the mean over those layers.
    pub noise: f64,
    /// What became of each rounded tensor.
    pub tensors: Vec<Rounded>,
}

/// A tensor that is rounded to bytes.
#[derive(Clone, Debug)]
pub struct Rounded {
    /// Its name.
    pub name: String,
    /// The least and the greatest number that a byte stands for.
    pub span: (f32, f32),
    /// How that was found.
    pub method: Method,
    /// What rounding it, and what shares its scale, alone does to the results, relative to their variance.
    pub harm: f64,
    /// Whether it was left in floats for that.
    pub in_floats: bool,
    /// Its squared error in the whole model over its variance; none where it is in floats.
    pub noise: Option<f64>,
}

impl Quantised {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        self.graph.encode()
    }

    /// Writes layers as QLinearConv and QLinearMatMul, which say the same; returns how many.
    pub fn use_operators_on_bytes(&mut self) -> usize {
        qoperator::fold(&mut self.graph)
    }

    /// Lays metadata over the model's own.
    pub fn set_metadata(&mut self, pairs: Vec<(String, String)>) {
        self.graph.set_metadata(pairs);
    }
}

/// A graph with what is known of it.
struct Plan {
    formulas: Formulas,
    sizes: HashMap<String, usize>,
    borders: Borders,
}

impl Plan {
    fn new(graph: &OnnxGraph, tie: &dyn Fn(&[String]) -> bool) -> Plan {
        let formulas = Formulas::new(graph);
        let shapes = floats_of(graph).into_iter();
        let sizes: HashMap<String, usize> = shapes.map(|(name, shape)| (name, shape.iter().product())).collect();
        let floats: HashSet<String> = sizes.keys().cloned().collect();
        let borders = Borders::new(graph, &formulas, &floats, tie);
        Plan { formulas, sizes, borders }
    }
}

/// Prepares the bytes of a float model; `say` is told what is being done.
///
/// # Errors
/// A [`QuantiseError`].
pub fn prepare<'a>(
    bytes: &[u8],
    show: Show<'a>,
    options: &Options,
    say: &dyn Fn(&str),
) -> Result<Prepared<'a>, QuantiseError> {
    if show.pictures.is_empty() {
        return Err(QuantiseError::NoPictures);
    }
    let mut graph = OnnxGraph::decode(bytes).ok_or(QuantiseError::Unreadable)?;
    let shapes = floats_of(&graph);
    opset::upgrade(&mut graph, &shapes)?;
    let mut changes = Changes { folded: tidy::tidy(&mut graph), ..Changes::default() };
    let apart = |_: &[String]| false;
    let mut plan = Plan::new(&graph, &apart);
    if plan.borders.layers.is_empty() {
        return Err(QuantiseError::Nothing);
    }
    say("looking at what channels hold");
    let mut known = moments(&graph, &plan.borders, &plan.sizes, show)?;
    if options.equalise {
        changes.equalised = equalise::equalise(&mut graph, &plan.borders, &known);
        changes.moved = untangle::untangle(&mut graph, &|name| Some(known.get(name)?.reach.len()));
        plan = Plan::new(&graph, &apart);
        known = moments(&graph, &plan.borders, &plan.sizes, show)?;
        say("rounding one tensor after another, to see what that does");
        let harms = harms(&graph, &plan, &known, show)?;
        let harm = |name: &str| {
            let place = plan.borders.place(name).map(|place| plan.borders.scale_of[place]);
            harms.iter().find(|harm| Some(harm.place) == place).map_or(0.0, |harm| harm.noise)
        };
        changes.split = split::split(&mut graph, &plan.formulas, &plan.borders, &known, &harm);
        if !changes.split.is_empty() {
            plan = Plan::new(&graph, &apart);
            known = moments(&graph, &plan.borders, &plan.sizes, show)?;
        }
    }
    let plan = Plan::new(&graph, &|names| alike(names, &known));
    say("finding ranges");
    let Plan { formulas, sizes, borders } = plan;
    let found = calibrate(&graph, &formulas, &borders, &known, &sizes, show)?;
    let scales: Vec<_> = found.iter().map(|found| found.scale).collect();
    let mut integers = nearest(&graph, &borders);
    if options.fit {
        say("fitting weights");
        refine(&graph, &borders, &scales, &sizes, show, &mut integers)?;
    }
    say("rounding one tensor after another, to see what is better left in floats");
    let harms = sensitivity::rank(&graph, &borders, &scales, &sizes, show)?;
    Ok(Prepared { graph, show, sizes, borders, found, integers, harms, worth: options.worth, changes })
}

/// What rounding each tensor does, before anything is done about it.
fn harms(
    graph: &OnnxGraph,
    plan: &Plan,
    known: &HashMap<String, Moments>,
    show: Show<'_>,
) -> Result<Vec<Harm>, retort::Error> {
    let Plan { formulas, sizes, borders } = plan;
    let found = calibrate(graph, formulas, borders, known, sizes, show)?;
    let scales: Vec<_> = found.iter().map(|found| found.scale).collect();
    sensitivity::rank(graph, borders, &scales, sizes, show)
}

/// Whether tensors reach about as far as one another.
fn alike(names: &[String], known: &HashMap<String, Moments>) -> bool {
    let reach = |moments: &Moments| moments.reach.iter().fold(0.0f32, |a, b| a.max(*b));
    let reaches: Vec<f32> = names.iter().filter_map(|name| known.get(name)).map(reach).collect();
    let largest = reaches.iter().fold(0.0f32, |a, b| a.max(*b));
    reaches.iter().all(|reach| *reach * ALIKE >= largest)
}

impl Prepared<'_> {
    /// Number of layers that integers can compute.
    pub fn layers(&self) -> usize {
        self.borders.layers.len()
    }

    /// The int8 model, with up to a share `floats` of the multiply-accumulates left in floats for the sake of what rounding harms most.
    ///
    /// # Errors
    /// What the runtime says of the model.
    pub fn quantised(&self, floats: f64) -> Result<Quantised, retort::Error> {
        let Prepared { graph, borders, .. } = self;
        let scales: Vec<_> = self.found.iter().map(|found| found.scale).collect();
        let costs = Costs::new(graph, borders, &self.sizes);
        let chosen = sensitivity::worst(&costs, &self.harms, floats, self.worth);
        let left_out: HashSet<usize> = chosen.into_iter().collect();
        let in_floats = costs.in_floats(&left_out);
        let extent = Without::new(borders, left_out.clone());
        let written = write::qdq(graph, borders, &scales, &self.integers, &extent);
        let few = Show { pictures: &self.show.pictures[..self.show.pictures.len().min(MEASURED)], ..self.show };
        let noises = sensitivity::noises(graph, &written, borders, &self.sizes, &left_out, few)?;
        let noise = sensitivity::error(graph, &written, borders, &self.sizes, few)?;
        let tensors = borders.rounded.iter().zip(&borders.scale_of).map(|(name, &place)| Rounded {
            name: name.clone(),
            span: self.found[place].scale.span(),
            method: self.found[place].method,
            harm: self.harms.iter().find(|harm| harm.place == place).map_or(0.0, |harm| harm.noise),
            in_floats: left_out.contains(&place),
            noise: noises.get(name).copied(),
        });
        Ok(Quantised { in_integers: 1.0 - in_floats, noise, tensors: tensors.collect(), graph: written })
    }
}
