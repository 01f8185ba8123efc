//! What layers see of the pictures: mean and covariance of the patches of their inputs.

use std::collections::HashMap;

use rayon::prelude::*;

use super::matrix::part;
use crate::data::Rng;
use crate::posttraining::fitting::patches;
use crate::posttraining::graph::OnnxGraph;
use crate::posttraining::layer::Layer;
use crate::posttraining::watch::{Show, watch};

/// The share of the mean variance that is added to every variance, so that what the pictures do not show costs something, too.
pub const CAUTION: f64 = 0.003;
/// Layers with more weights an output than this have variances only.
pub const MOST_TAPS: usize = 1536;

/// Sums over patches.
#[derive(Clone, Debug)]
pub struct Covariance {
    /// Values of a patch.
    pub taps: usize,
    count: f64,
    sums: Vec<f64>,
    /// Of products of all pairs, or, where there are too many taps, of squares.
    products: Vec<f64>,
}

impl Covariance {
    /// None yet.
    pub fn new(taps: usize) -> Covariance {
        let pairs = if taps > MOST_TAPS { taps } else { taps * taps };
        Covariance { taps, count: 0.0, sums: vec![0.0; taps], products: vec![0.0; pairs] }
    }

    /// Whether all pairs are known.
    pub fn is_whole(&self) -> bool {
        self.taps <= MOST_TAPS
    }

    /// Adds patches, one after another.
    pub fn add(&mut self, patches: &[f32]) {
        let taps = self.taps;
        for patch in patches.chunks_exact(taps.max(1)) {
            self.count += 1.0;
            self.sums.iter_mut().zip(patch).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        if !self.is_whole() {
            for patch in patches.chunks_exact(taps) {
                self.products.iter_mut().zip(patch).for_each(|(sum, value)| *sum += f64::from(*value).powi(2));
            }
            return;
        }
        self.products.par_chunks_exact_mut(taps.max(1)).enumerate().for_each(|(row, sums)| {
            for patch in patches.chunks_exact(taps).filter(|patch| patch[row] != 0.0) {
                let value = f64::from(patch[row]);
                sums.iter_mut().zip(patch).for_each(|(sum, other)| *sum += value * f64::from(*other));
            }
        });
    }

    /// Means of all taps.
    pub fn mean(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum / self.count.max(1.0)).collect()
    }

    /// Variances of all taps, a little caution added.
    pub fn variances(&self) -> Vec<f64> {
        let step = if self.is_whole() { self.taps + 1 } else { 1 };
        let plain: Vec<f64> = self
            .mean()
            .iter()
            .enumerate()
            .map(|(tap, mean)| (self.products[tap * step] / self.count.max(1.0) - mean * mean).max(0.0))
            .collect();
        let caution = CAUTION * plain.iter().sum::<f64>() / self.taps.max(1) as f64 + 1e-12;
        plain.iter().map(|variance| variance + caution).collect()
    }

    /// The covariance of all pairs of some taps, with a little caution added to the variances; none where it is not known.
    pub fn of(&self, places: &[usize]) -> Option<Vec<f64>> {
        if !self.is_whole() {
            return None;
        }
        let (mean, variances) = (self.mean(), self.variances());
        let mut all = part(&self.products, self.taps, places);
        let size = places.len();
        for (row, &a) in places.iter().enumerate() {
            for (column, &b) in places.iter().enumerate() {
                let entry = &mut all[row * size + column];
                *entry = if a == b { variances[a] } else { *entry / self.count.max(1.0) - mean[a] * mean[b] };
            }
        }
        Some(all)
    }
}

/// Adds the patches that some results of a layer at random places of a picture are made of; the same places for every model whose maps
/// have the same size.
pub fn sample(layer: &Layer, place: usize, picture: usize, pictures: usize, look: &mut dyn FnMut(&mut Rng)) {
    let mut rng = Rng::new(&[0x9a7c, picture as u64, place as u64]);
    (0..patches(layer, pictures)).for_each(|_| look(&mut rng));
}

/// What layers, by their places, see of the pictures.
///
/// # Errors
/// What the runtime says of the model.
pub fn covariances(
    graph: &OnnxGraph,
    layers: &[(usize, &Layer)],
    sizes: &dyn Fn(&str) -> usize,
    show: Show<'_>,
) -> Result<HashMap<usize, Covariance>, retort::Error> {
    let names: Vec<(String, usize)> =
        layers.iter().map(|(_, layer)| (layer.input.clone(), sizes(&layer.input))).collect();
    let mut all: Vec<Covariance> = layers.iter().map(|(_, layer)| Covariance::new(layer.taps)).collect();
    watch(graph, &names, show, &mut |picture, asked, port, values| {
        let (place, layer) = layers[asked];
        let mut patches = Vec::new();
        sample(layer, place, picture, show.pictures.len(), &mut |rng| {
            layer.patch(port, values, None, rng, &mut patches)
        });
        all[asked].add(&patches);
    })?;
    Ok(layers.iter().map(|(place, _)| *place).zip(all).collect())
}
