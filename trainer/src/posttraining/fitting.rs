//! The weights of all layers as integers: rounded to the nearest, or fitted to pictures.

use std::collections::HashMap;

use super::borders::Borders;
use super::graph::OnnxGraph;
use super::layer::Layer;
use super::rounding::{Integers, MOST_TAPS, fit};
use super::watch::{Show, watch};
use crate::data::Rng;
use crate::quantise::Scale;

/// Patches that a layer's weights are fitted to, at least, and for each of its taps.
const PATCHES: usize = 2048;
const PATCHES_A_TAP: usize = 4;
/// Most values of patches that are kept at once.
const MOST_VALUES: usize = 48 << 20;

/// Every layer with its weights rounded to the nearest integers.
pub fn nearest(graph: &OnnxGraph, borders: &Borders) -> Vec<Integers> {
    let rounded = borders.layers.iter().map(|layer| {
        let (weight, bias) = layer.parameters(graph);
        Integers::nearest(layer, &weight, &bias)
    });
    rounded.collect()
}

/// Fits the weights of every layer to what it makes of the pictures.
pub fn refine(
    graph: &OnnxGraph,
    borders: &Borders,
    scales: &[Scale],
    sizes: &HashMap<String, usize>,
    show: Show<'_>,
    integers: &mut [Integers],
) -> Result<(), retort::Error> {
    let mut next = 0;
    while next < borders.layers.len() {
        let mut chosen = Vec::new();
        let mut values = 0;
        while next < borders.layers.len() && values < MOST_VALUES {
            let layer = &borders.layers[next];
            if layer.taps <= MOST_TAPS {
                chosen.push(next);
                values += patches(layer, show.pictures.len()) * show.pictures.len() * layer.taps * layer.groups;
            }
            next += 1;
        }
        let inputs = chosen.iter().map(|&layer| &borders.layers[layer].input);
        let names: Vec<(String, usize)> = inputs.map(|input| (input.clone(), sizes[input])).collect();
        let mut all = vec![Vec::new(); chosen.len()];
        watch(graph, &names, show, &mut |picture, place, port, values| {
            let layer = &borders.layers[chosen[place]];
            let mut rng = Rng::new(&[0x9a7c, picture as u64, chosen[place] as u64]);
            let focus = show.focus.and_then(|focus| focus.cumulated(picture, port));
            let share = show.focus.map_or(1.0, |focus| focus.share(picture));
            let count = (patches(layer, show.pictures.len()) as f32 * share).round() as usize;
            (0..count).for_each(|_| layer.patch(port, values, focus.as_deref(), &mut rng, &mut all[place]));
        })?;
        for (&layer, float) in chosen.iter().zip(&all) {
            let (weight, bias) = borders.layers[layer].parameters(graph);
            let scale = borders.place(&borders.layers[layer].input).map_or(Scale::PICTURE, |place| scales[place]);
            integers[layer] = fit(&borders.layers[layer], &weight, &bias, float, scale);
        }
    }
    Ok(())
}

/// Patches that are taken of each picture.
pub fn patches(layer: &Layer, pictures: usize) -> usize {
    PATCHES.max(PATCHES_A_TAP * layer.taps).div_ceil(pictures.max(1))
}
