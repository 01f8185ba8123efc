//! Making good: the weights that are left are fitted to what the layers made of the pictures before anything was cut.
//!
//! Layer after layer, in the order in which they run, the weights are those of least squares between the results of the whole model and
//! those that the cut one makes of its own, already fitted, inputs, so that errors do not pile up (He et al. 2017, Channel Pruning for
//! Accelerating Very Deep Neural Networks, equation 5, with the weights of all outputs free). A little caution draws them to the weights that were cut.

use std::collections::HashSet;

use super::constraints::{Constraints, Mixing};
use super::covariance::{Covariance, MOST_TAPS, sample};
use super::matrix::solve_rows;
use super::surgery::Left;
use crate::posttraining::graph::{Floats, OnnxGraph};
use crate::posttraining::layer::Layer;
use crate::posttraining::watch::{Show, watch};

/// Results of a layer, patch by patch, output by output.
type Results = Vec<f32>;

/// Fits every layer behind a cut; returns how many.
///
/// # Errors
/// What the runtime says of the models.
pub fn compensate(
    whole: &OnnxGraph,
    cut: &mut OnnxGraph,
    constraints: &Constraints,
    left: &Left<'_>,
    sizes: &dyn Fn(&str) -> usize,
    show: Show<'_>,
) -> Result<usize, retort::Error> {
    let behind = behind(whole, constraints, left);
    let fits = |(_, (layer, kind)): &(usize, &(Layer, Mixing))| {
        *kind == Mixing::Full && layer.taps <= MOST_TAPS && behind.contains(&layer.node)
    };
    let chosen: Vec<(usize, &Layer)> =
        constraints.layers.iter().enumerate().filter(fits).map(|(place, (layer, _))| (place, layer)).collect();
    let wanted = results(whole, &chosen, left, sizes, show)?;
    for ((place, layer), wanted) in chosen.iter().zip(&wanted) {
        let Some(now) = Layer::of(cut, layer.node) else { continue };
        let mut patches = Vec::new();
        let names = [(now.input.clone(), sizes(&now.input))];
        watch(cut, &names, show, &mut |picture, _, port, values| {
            sample(layer, *place, picture, show.pictures.len(), &mut |rng| {
                now.patch(port, values, None, rng, &mut patches)
            });
        })?;
        fit(cut, &now, &patches, wanted);
    }
    Ok(chosen.len())
}

/// The nodes that something cut goes into.
fn behind(whole: &OnnxGraph, constraints: &Constraints, left: &Left<'_>) -> HashSet<usize> {
    let narrower = |name: &String| left.of(name).is_some_and(|left| constraints.slots.count(name) != Some(left.len()));
    let mut tensors: HashSet<&String> = HashSet::new();
    let mut nodes = HashSet::new();
    for (index, node) in whole.nodes().iter().enumerate() {
        if node.input.iter().any(|name| narrower(name) || tensors.contains(name)) {
            nodes.insert(index);
            tensors.extend(&node.output);
        }
    }
    nodes
}

/// What layers of the whole model make of the pictures, as far as their outputs are left.
fn results(
    whole: &OnnxGraph,
    layers: &[(usize, &Layer)],
    left: &Left<'_>,
    sizes: &dyn Fn(&str) -> usize,
    show: Show<'_>,
) -> Result<Vec<Results>, retort::Error> {
    let names: Vec<(String, usize)> =
        layers.iter().map(|(_, layer)| (layer.input.clone(), sizes(&layer.input))).collect();
    let rows: Vec<(Vec<f32>, Vec<f32>)> = layers
        .iter()
        .map(|(_, layer)| {
            let outputs = left.of(&layer.name).unwrap_or_default();
            let (weight, bias) = layer.parameters(whole);
            let row = |output: &usize| weight[output * layer.taps..][..layer.taps].to_vec();
            (outputs.iter().flat_map(row).collect(), outputs.iter().map(|output| bias[*output]).collect())
        })
        .collect();
    let mut all = vec![Vec::new(); layers.len()];
    watch(whole, &names, show, &mut |picture, asked, port, values| {
        let (place, layer) = layers[asked];
        let (weight, bias) = &rows[asked];
        let mut patch = Vec::new();
        sample(layer, place, picture, show.pictures.len(), &mut |rng| {
            patch.clear();
            layer.patch(port, values, None, rng, &mut patch);
            let sums =
                weight.chunks_exact(layer.taps).map(|row| row.iter().zip(&patch).map(|(w, x)| w * x).sum::<f32>());
            all[asked].extend(sums.zip(bias).map(|(sum, bias)| sum + bias));
        });
    })?;
    Ok(all)
}

/// Sets a layer's weights and bias to those that make `wanted` of the patches.
fn fit(cut: &mut OnnxGraph, layer: &Layer, patches: &[f32], wanted: &[f32]) {
    let (taps, outputs) = (layer.taps, layer.outputs);
    let (mut weight, mut bias) = layer.parameters(cut);
    let mut inputs = Covariance::new(taps);
    inputs.add(patches);
    let places: Vec<usize> = (0..taps).collect();
    let Some(matrix) = inputs.of(&places) else { return };
    let mean = inputs.mean();
    let count = (patches.len() / taps.max(1)).max(1) as f64;
    // What the weights do not make of the patches yet, and how it goes with the inputs.
    let mut missing = vec![0.0f64; outputs];
    let mut together = vec![0.0f64; outputs * taps];
    for (patch, wanted) in patches.chunks_exact(taps).zip(wanted.chunks_exact(outputs)) {
        for (output, wanted) in wanted.iter().enumerate() {
            let row = &weight[output * taps..][..taps];
            let got: f32 = row.iter().zip(patch).map(|(w, x)| w * x).sum();
            let error = f64::from(wanted - got - bias[output]);
            missing[output] += error / count;
            let sums = together[output * taps..][..taps].iter_mut().zip(patch.iter().zip(&mean));
            sums.for_each(|(sum, (value, mean))| *sum += error * (f64::from(*value) - mean) / count);
        }
    }
    let Some(change) = solve_rows(&matrix, taps, &together) else { return };
    for (output, change) in change.chunks_exact(taps).enumerate() {
        let row = weight[output * taps..][..taps].iter_mut();
        row.zip(change).for_each(|(w, change)| *w += *change as f32);
        let moved: f64 = change.iter().zip(&mean).map(|(change, mean)| change * mean).sum();
        bias[output] += (missing[output] - moved) as f32;
    }
    let Some(shape) = cut.floats(&layer.weight).map(|weight| weight.shape) else { return };
    cut.set_floats(&layer.weight, &Floats { shape, values: layer.in_file(&weight) });
    if cut.nodes()[layer.node].op_type == "MatMul" {
        return;
    }
    let name = layer.bias.clone().unwrap_or_else(|| cut.fresh(&format!("{}.bias", layer.name)));
    cut.set_floats(&name, &Floats { shape: vec![outputs], values: bias });
    let inputs = &mut cut.nodes_mut()[layer.node].input;
    inputs.truncate(2);
    inputs.push(name);
}
