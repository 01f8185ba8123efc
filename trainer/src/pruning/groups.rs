//! Groups: layers whose channels have to be cut together, and what each cut takes with it.
//!
//! A unit is all that goes when one channel goes: outputs of the layers that make it, inputs of those that read it, what lies
//! between. Units that lead through the same tensors are a group, such as those of a residual chain; within a group any unit may go
//! instead of another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::constraints::{Constraints, Mixing};
use crate::posttraining::graph::OnnxGraph;

/// What goes together with one channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// Stands for its channels among all.
    pub root: usize,
    /// Layers that make it, by their places, and which of their outputs it is.
    pub made: Vec<(usize, usize)>,
    /// Layers that mix it into others, and which of their inputs it is.
    pub read: Vec<(usize, usize)>,
    /// Depthwise layers that it goes through, and which of their outputs it is.
    pub through: Vec<(usize, usize)>,
}

/// Units of which any may go instead of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The layers that make them, by name.
    pub layers: Vec<String>,
    /// The units.
    pub units: Vec<Unit>,
    /// Channels of a layer that go with one unit, the most of any.
    pub each: usize,
}

/// Finds all groups of more than one unit, in the order of the layers that make them.
pub fn groups(graph: &OnnxGraph, constraints: &Constraints) -> Vec<Group> {
    let Constraints { slots, layers, .. } = constraints;
    let mut units: BTreeMap<usize, Unit> = BTreeMap::new();
    let free = |root: &Option<usize>| root.filter(|root| !slots.is_pinned(*root));
    let mut add = |tensor: &str, channel: usize, put: &dyn Fn(&mut Unit)| {
        if let Some(root) = free(&slots.root(tensor, channel)) {
            put(units.entry(root).or_insert_with(|| Unit { root, ..Unit::default() }));
        }
    };
    for (place, (layer, kind)) in layers.iter().enumerate() {
        for output in 0..layer.outputs {
            match kind {
                Mixing::Full => add(&layer.name, output, &|unit| unit.made.push((place, output))),
                Mixing::Depthwise => add(&layer.name, output, &|unit| unit.through.push((place, output))),
                Mixing::Fixed => {}
            }
        }
        if *kind == Mixing::Full {
            let inputs = slots.count(&layer.input).unwrap_or(0);
            (0..inputs).for_each(|input| add(&layer.input, input, &|unit| unit.read.push((place, input))));
        }
    }
    let mut tensors: HashMap<usize, BTreeSet<&str>> = HashMap::new();
    for tensor in slots.tensors() {
        for channel in 0..slots.count(tensor).unwrap_or(0) {
            if let Some(root) = free(&slots.root(tensor, channel)) {
                tensors.entry(root).or_default().insert(tensor);
            }
        }
    }
    let mut alike: BTreeMap<(Vec<usize>, Vec<&str>), Vec<Unit>> = BTreeMap::new();
    for unit in units.into_values().filter(|unit| !unit.made.is_empty()) {
        let makers: BTreeSet<usize> = unit.made.iter().map(|(layer, _)| *layer).collect();
        let through = tensors.get(&unit.root).map(|names| names.iter().copied().collect()).unwrap_or_default();
        alike.entry((makers.into_iter().collect(), through)).or_default().push(unit);
    }
    let named = |place: &usize| name(graph, &layers[*place].0);
    let all = alike.into_iter().filter(|(_, units)| units.len() > 1).map(|((makers, _), units)| Group {
        each: units.iter().map(widest).max().unwrap_or(1),
        layers: makers.iter().map(named).collect(),
        units,
    });
    all.collect()
}

/// Channels of one layer that a unit has, the most of any.
fn widest(unit: &Unit) -> usize {
    let count = |layer: usize| unit.made.iter().filter(|(other, _)| *other == layer).count();
    unit.made.iter().map(|(layer, _)| count(*layer)).max().unwrap_or(1)
}

/// What a layer is called: as its weights are, if they have a name that says more than a number, or else as its node is.
pub fn name(graph: &OnnxGraph, layer: &crate::posttraining::layer::Layer) -> String {
    let node = &graph.nodes()[layer.node];
    match layer.weight.strip_suffix(".weight") {
        Some(name) => name.to_owned(),
        None if !node.name.is_empty() => node.name.clone(),
        None => layer.name.clone(),
    }
}
