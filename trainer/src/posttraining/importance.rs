//! What an error of a tensor's channels does to whoever computes with them.
//!
//! A layer's result is a weighted sum of its input's channels, so an error of a channel counts by the squares of the weights that it
//! meets, over the variance of the results that they make: networks are full of channels of a hundred times the range of
//! their neighbours, which the next layer takes down to the same size. Where no layer reads a tensor directly, an error counts by the
//! variance of its own channel.

use std::collections::HashMap;

use retort::tensor::Port;

use super::borders::Borders;
use super::formula::{Formulas, Map};
use super::graph::OnnxGraph;
use super::layer::{Form, Layer};

/// The least variance of a channel, as a share of the mean over all: of one that is hardly alive nothing depends.
const ALIVE: f64 = 1e-3;

/// Mean and variance of each channel of a tensor.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    count: f64,
    sums: Vec<f64>,
    squares: Vec<f64>,
    /// The largest absolute value of each channel.
    pub reach: Vec<f32>,
}

/// Which channel each element of a tensor belongs to: the second axis, or of an input of a product the last.
#[derive(Clone, Copy, Debug)]
pub struct Channels {
    count: usize,
    stride: usize,
}

impl Channels {
    /// Those of a tensor.
    pub fn of(port: &Port, last: bool) -> Channels {
        let axis = if last { port.shape.len().saturating_sub(1) } else { 1.min(port.shape.len().saturating_sub(1)) };
        match (port.shape.get(axis), port.strides().get(axis)) {
            (Some(&count), Some(&stride)) => Channels { count: count.max(1), stride: stride.max(1) },
            _ => Channels { count: 1, stride: 1 },
        }
    }

    /// The channel of the element at a place in memory.
    pub fn at(self, place: usize) -> usize {
        place / self.stride % self.count
    }
}

impl Moments {
    /// Counts values.
    pub fn watch(&mut self, channels: Channels, values: &[f32]) {
        self.sums.resize(channels.count, 0.0);
        self.squares.resize(channels.count, 0.0);
        self.reach.resize(channels.count, 0.0);
        self.count += values.len() as f64 / channels.count as f64;
        for (place, &value) in values.iter().enumerate() {
            let channel = channels.at(place);
            self.sums[channel] += f64::from(value);
            self.squares[channel] += f64::from(value).powi(2);
            self.reach[channel] = self.reach[channel].max(value.abs());
        }
    }

    /// Mean and variance of each channel.
    pub fn mean_and_variance(&self) -> (Vec<f32>, Vec<f32>) {
        let mean: Vec<f64> = self.sums.iter().map(|sum| sum / self.count).collect();
        let variances = self.squares.iter().zip(&mean).map(|(square, mean)| square / self.count - mean * mean);
        (mean.iter().map(|mean| *mean as f32).collect(), variances.map(|variance| variance.max(0.0) as f32).collect())
    }

    /// The variance of each channel, those that are hardly alive apart.
    pub fn variances(&self) -> Vec<f64> {
        let sums = self.sums.iter().zip(&self.squares);
        let variances: Vec<f64> =
            sums.map(|(sum, square)| (square / self.count - (sum / self.count).powi(2)).max(0.0)).collect();
        let mean = variances.iter().sum::<f64>() / variances.len().max(1) as f64;
        variances.iter().map(|variance| variance.max(ALIVE * mean).max(1e-12)).collect()
    }
}

/// A function of a tensor that somebody computes with, and what an error of each channel of it costs.
#[derive(Clone)]
pub struct Use {
    /// The function.
    pub map: Map,
    /// For each channel.
    pub costs: Vec<f64>,
}

/// The uses of a rounded tensor.
pub fn uses(
    graph: &OnnxGraph,
    formulas: &Formulas,
    borders: &Borders,
    moments: &HashMap<String, Moments>,
    tensor: &str,
) -> Vec<Use> {
    let links = graph.links();
    let mut all = Vec::new();
    // Functions that are only computed behind the borders are computed in floats, of the tensor itself.
    let inner = |name: &str| borders.rounded.iter().any(|rounded| rounded == name);
    let behind = links.readers(tensor).iter().any(|&reader| {
        let mut open = vec![reader];
        let mut seen = Vec::new();
        while let Some(index) = open.pop() {
            let output = &graph.nodes()[index].output[0];
            if seen.contains(&index) || !formulas.is_function_of(output, tensor) || inner(output) {
                continue;
            }
            seen.push(index);
            let readers = links.readers(output);
            let goes_on = |reader: &usize| formulas.is_function_of(&graph.nodes()[*reader].output[0], tensor);
            if links.leaves(output) || !readers.iter().all(goes_on) {
                return true;
            }
            open.extend(readers);
        }
        false
    });
    // Of the tensor itself, and of what it is the root of.
    let made = borders.rounded.iter().filter(|name| formulas.is_function_of(name, tensor));
    for seen in std::iter::once(tensor).chain(made.map(String::as_str)) {
        let map = if seen == tensor { std::sync::Arc::new(|x| x) as Map } else { formulas.map(seen) };
        let mut plain = links.leaves(seen) || behind && seen == tensor;
        let others = links.readers(seen).iter().filter(|&&reader| !formulas.continues(&graph.nodes()[reader], seen));
        for &reader in others {
            match borders.layers.iter().find(|layer| layer.node == reader) {
                Some(layer) => match costs(graph, layer, moments) {
                    Some(costs) => all.push(Use { map: map.clone(), costs }),
                    None => plain = true,
                },
                None => plain = true,
            }
        }
        if let (true, Some(moments)) = (plain, moments.get(seen)) {
            let variances = moments.variances();
            let share = 1.0 / variances.len().max(1) as f64;
            all.push(Use { map, costs: variances.iter().map(|variance| share / variance).collect() });
        }
    }
    all
}

/// What an error of each input channel costs a layer: the mean over its results of what it adds to them, relative to their variance.
pub fn costs(graph: &OnnxGraph, layer: &Layer, moments: &HashMap<String, Moments>) -> Option<Vec<f64>> {
    let weight = layer.by_output(&graph.floats(&layer.weight)?.values);
    let variances = moments.get(&layer.name)?.variances();
    if variances.len() != layer.outputs {
        return None;
    }
    let taps = match layer.form {
        Form::Convolution { kernel, .. } => kernel[0] * kernel[1],
        Form::Product { .. } => 1,
    };
    let inputs = layer.taps / taps;
    let mut costs = vec![0.0; inputs * layer.groups];
    for (output, weights) in weight.chunks_exact(layer.taps).enumerate() {
        let first = layer.group(output) * inputs;
        for (input, weights) in weights.chunks_exact(taps).enumerate() {
            let square: f64 = weights.iter().map(|w| f64::from(*w).powi(2)).sum();
            costs[first + input] += square / variances[output] / layer.outputs as f64;
        }
    }
    Some(costs)
}
