//! What it costs to lose a channel.

use std::collections::HashMap;

use super::constraints::Constraints;
use super::groups::{Group, name};
use crate::posttraining::graph::OnnxGraph;

/// How channels are judged.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Saliency {
    /// By how much the results of the layers that read a channel change on pictures, once the rest of their weights make good what
    /// can be made good.
    #[default]
    Outputs,
    /// By the sum of the absolute weights that make a channel, normalisation included, as a share of its layer's (Li et al. 2017,
    /// Pruning Filters for Efficient ConvNets).
    Magnitude,
    /// By numbers for each output of each layer, by the layer's name, such as first-order Taylor terms.
    Given(HashMap<String, Vec<f64>>),
}

/// Someone who says which units of a group are to go next.
pub trait Judge: Sync {
    /// The best `count` of those units of a group that are left, by their places, and what losing them costs.
    fn next(&self, group: usize, left: &[usize], count: usize) -> (Vec<usize>, f64);

    /// Is told that units are gone.
    fn gone(&mut self, group: usize, units: &[usize]);

    /// Whether what `group` costs may have changed with what has gone from `other`.
    fn touches(&self, group: usize, other: usize) -> bool;
}

/// Numbers that do not depend on what is gone.
pub struct Scores(Vec<Vec<f64>>);

impl Scores {
    /// The sum over the layers that make a unit of what `of` says of their outputs.
    fn new(groups: &[Group], of: &dyn Fn(usize, usize) -> f64) -> Scores {
        let scores = |group: &Group| {
            let units = group.units.iter();
            units.map(|unit| unit.made.iter().map(|(layer, output)| of(*layer, *output)).sum()).collect()
        };
        Scores(groups.iter().map(scores).collect())
    }

    /// By magnitude.
    pub fn magnitude(graph: &OnnxGraph, constraints: &Constraints, groups: &[Group]) -> Scores {
        let layers = constraints.layers.iter().map(|(layer, _)| {
            let weight = graph.floats(&layer.weight).map(|weight| layer.by_output(&weight.values)).unwrap_or_default();
            let rows = weight.chunks_exact(layer.taps.max(1));
            let norms: Vec<f64> = rows.map(|row| row.iter().map(|w| f64::from(w.abs())).sum()).collect();
            let all = norms.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            norms.into_iter().map(|norm| norm / all).collect()
        });
        let layers: Vec<Vec<f64>> = layers.collect();
        Scores::new(groups, &|layer, output| layers[layer].get(output).copied().unwrap_or(0.0))
    }

    /// By given numbers; of layers that nothing is said of, nothing is lost.
    pub fn given(
        graph: &OnnxGraph,
        constraints: &Constraints,
        groups: &[Group],
        numbers: &HashMap<String, Vec<f64>>,
    ) -> Scores {
        let layers: Vec<Option<&Vec<f64>>> =
            constraints.layers.iter().map(|(layer, _)| numbers.get(&name(graph, layer))).collect();
        Scores::new(groups, &|layer, output| layers[layer].and_then(|all| all.get(output)).copied().unwrap_or(0.0))
    }
}

impl Judge for Scores {
    fn next(&self, group: usize, left: &[usize], count: usize) -> (Vec<usize>, f64) {
        let mut units = left.to_vec();
        units.sort_by(|a, b| self.0[group][*a].total_cmp(&self.0[group][*b]));
        units.truncate(count);
        let cost = units.iter().map(|unit| self.0[group][*unit]).sum();
        (units, cost)
    }

    fn gone(&mut self, _: usize, _: &[usize]) {}

    fn touches(&self, _: usize, _: usize) -> bool {
        false
    }
}
