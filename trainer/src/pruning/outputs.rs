//! Saliency by outputs: how far the results of the layers that read a channel move when it goes and their other weights make good what they can.
//!
//! The squared error of a layer's results is a quadratic form in its weights whose matrix H is the covariance of its inputs. If the
//! taps c of one channel go and all other weights W are free, the least error is tr(W_c · ([H⁻¹]_cc)⁻¹ · W_cᵀ), and the weights that reach it are
//! W − W_c · ([H⁻¹]_cc)⁻¹ · [H⁻¹]_c (Hassibi and Stork 1993, Optimal Brain Surgeon, for one weight; Frantar and Alistarh 2022, Optimal Brain
//! Compression, for blocks). Errors are shares of the variance of the layer's results, so that those of all layers can be added. Of
//! two channels that say the same, the first to go costs nothing, and the second all that both said. A layer's errors count by how much
//! of them gets to the end of the model.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::constraints::{Constraints, Mixing};
use super::covariance::Covariance;
use super::groups::{Group, Unit};
use super::matrix::{inverse, part};
use super::saliency::Judge;
use crate::posttraining::graph::{Floats, OnnxGraph};
use crate::posttraining::layer::Layer;
use crate::posttraining::sensitivity::{last_results, mean_noise, results};
use crate::posttraining::watch::Show;

/// What goes on trial, as a share of the variance of a layer's results, to see how much of that gets to the end of the model.
const TRIAL: f64 = 0.01;
/// What a trial costs at least: less than that is the noise of floats.
const LEAST: f64 = 1e-6;
/// Pictures that trials are shown.
const PICTURES: usize = 4;

/// A layer's weights as its inputs go.
#[derive(Clone, Debug)]
struct Reader {
    taps: usize,
    /// Taps of one input.
    each: usize,
    /// Weights output by output, in shares of the deviation of all results together.
    weight: Vec<f64>,
    /// What a weight of the file is of these.
    scale: f64,
    /// Whether an output is still there.
    alive: Vec<bool>,
    form: Form,
    /// How much of an error here gets to the end of the model.
    gain: f64,
}

/// The quadratic form.
#[derive(Clone, Debug)]
enum Form {
    /// H⁻¹.
    Inverse(Vec<f64>),
    /// The diagonal of H, where there are too many taps for more.
    Variances(Vec<f64>),
}

impl Reader {
    fn new(weight: &[f32], outputs: usize, inputs: usize, covariance: &Covariance) -> Reader {
        let taps = covariance.taps;
        let places: Vec<usize> = (0..taps).collect();
        let (whole, variances) = (covariance.of(&places), covariance.variances());
        let mut weight: Vec<f64> = weight.iter().map(|w| f64::from(*w)).collect();
        let variance = |row: &[f64]| -> f64 {
            let Some(matrix) = &whole else { return row.iter().zip(&variances).map(|(w, v)| w * w * v).sum() };
            let lines = row.iter().zip(matrix.chunks_exact(taps)).filter(|(w, _)| **w != 0.0);
            lines.map(|(w, line)| w * line.iter().zip(row).map(|(c, w)| c * w).sum::<f64>()).sum()
        };
        let total: f64 = weight.chunks_exact(taps.max(1)).map(variance).sum();
        let scale = total.max(1e-24).sqrt().recip();
        weight.iter_mut().for_each(|w| *w *= scale);
        let inverted = whole.as_ref().and_then(|matrix| inverse(matrix, taps));
        let form = inverted.map_or(Form::Variances(variances), Form::Inverse);
        Reader { taps, each: taps / inputs.max(1), weight, scale, alive: vec![true; outputs], form, gain: 1.0 }
    }

    /// The weights that are left, as in the file, once inputs that cost so much together are gone, the cheapest first; and what that costs.
    fn trial(&self, worth: f64) -> (Vec<f32>, f64) {
        let (mut reader, mut total) = (self.clone(), 0.0);
        let mut left: Vec<usize> = (0..self.taps / self.each).collect();
        while total < worth && left.len() > 1 {
            let costs = left.iter().enumerate().map(|(place, input)| (place, reader.cost(*input)));
            let Some((place, cost)) = costs.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            reader.drop_input(left.swap_remove(place));
            total += cost;
        }
        (reader.weight.iter().map(|w| (w / self.scale) as f32).collect(), total)
    }

    fn range(&self, input: usize) -> Range<usize> {
        input * self.each..(input + 1) * self.each
    }

    /// What losing an input costs the outputs that are still there.
    fn cost(&self, input: usize) -> f64 {
        let (range, each) = (self.range(input), self.each);
        let rows = self.weight.chunks_exact(self.taps).zip(&self.alive).filter(|(_, alive)| **alive);
        let own = rows.map(|(row, _)| &row[range.clone()]);
        match &self.form {
            Form::Variances(variances) => {
                let variances = &variances[range.clone()];
                own.map(|own| own.iter().zip(variances).map(|(w, v)| w * w * v).sum::<f64>()).sum()
            }
            Form::Inverse(all) => {
                let Some(block) = self.block(all, input) else { return 0.0 };
                let line = |own: &[f64], a: usize| (0..each).map(|b| block[a * each + b] * own[b]).sum::<f64>();
                own.map(|own| (0..each).map(|a| own[a] * line(own, a)).sum::<f64>()).sum()
            }
        }
    }

    /// ([H⁻¹]_cc)⁻¹.
    fn block(&self, all: &[f64], input: usize) -> Option<Vec<f64>> {
        let places: Vec<usize> = self.range(input).collect();
        inverse(&part(all, self.taps, &places), self.each)
    }

    /// Takes an input away and lets the other weights make good what they can.
    fn drop_input(&mut self, input: usize) {
        let (taps, each, range) = (self.taps, self.each, self.range(input));
        let block = match &self.form {
            Form::Inverse(all) => self.block(all, input),
            Form::Variances(_) => None,
        };
        if let (Some(block), Form::Inverse(all)) = (block, &mut self.form) {
            // ([H⁻¹]_cc)⁻¹ · [H⁻¹]_c
            let mut lines = vec![0.0; each * taps];
            for (line, factors) in lines.chunks_exact_mut(taps).zip(block.chunks_exact(each)) {
                for (factor, row) in factors.iter().zip(all[range.start * taps..].chunks_exact(taps)) {
                    line.iter_mut().zip(row).for_each(|(line, value)| *line += factor * value);
                }
            }
            for row in self.weight.chunks_exact_mut(taps).chain(all.chunks_exact_mut(taps)) {
                let own = row[range.clone()].to_vec();
                for (factor, line) in own.iter().zip(lines.chunks_exact(taps)).filter(|(factor, _)| **factor != 0.0) {
                    row.iter_mut().zip(line).for_each(|(value, line)| *value -= factor * line);
                }
                row[range.clone()].fill(0.0);
            }
            for place in range.clone() {
                all[place * taps..][..taps].fill(0.0);
                // What is gone is never asked for again; a one keeps the matrix positive.
                all[place * (taps + 1)] = 1.0;
            }
        }
        self.weight.chunks_exact_mut(taps).for_each(|row| row[range.clone()].fill(0.0));
    }
}

/// All layers that read what may go.
pub struct Readers<'a> {
    groups: &'a [Group],
    readers: HashMap<usize, Reader>,
    /// Layers whose costs change when units of a group go: those that read them, and those that make them.
    touched: Vec<BTreeSet<usize>>,
    read: Vec<BTreeSet<usize>>,
}

/// The layers whose covariances are needed: those that mix what may go.
pub fn asked(constraints: &Constraints, groups: &[Group]) -> Vec<usize> {
    let read: BTreeSet<usize> = groups.iter().flat_map(|group| readers(&group.units)).collect();
    read.into_iter().filter(|layer| constraints.layers[*layer].1 == Mixing::Full).collect()
}

fn readers(units: &[Unit]) -> BTreeSet<usize> {
    units.iter().flat_map(|unit| &unit.read).map(|(layer, _)| *layer).collect()
}

impl<'a> Readers<'a> {
    /// From what they see of the pictures.
    pub fn new(
        graph: &OnnxGraph,
        constraints: &Constraints,
        groups: &'a [Group],
        covariances: &HashMap<usize, Covariance>,
    ) -> Readers<'a> {
        let reader = |(place, covariance): (&usize, &Covariance)| {
            let layer = &constraints.layers[*place].0;
            let weight = graph.floats(&layer.weight).map(|weight| layer.by_output(&weight.values)).unwrap_or_default();
            let inputs = constraints.slots.count(&layer.input).unwrap_or(1);
            (*place, Reader::new(&weight, layer.outputs, inputs, covariance))
        };
        let read: Vec<BTreeSet<usize>> = groups.iter().map(|group| readers(&group.units)).collect();
        let touched = groups.iter().zip(&read).map(|(group, read)| {
            let made = group.units.iter().flat_map(|unit| &unit.made).map(|(layer, _)| *layer);
            made.chain(read.iter().copied()).collect()
        });
        Readers {
            readers: covariances.iter().map(reader).collect(),
            touched: touched.collect(),
            read: read.clone(),
            groups,
        }
    }

    /// Lets errors count by what they do to the results of the model's last layers: some inputs of one layer after another go on trial.
    ///
    /// # Errors
    /// What the runtime says of the model.
    pub fn weigh(
        &mut self,
        graph: &OnnxGraph,
        constraints: &Constraints,
        covariances: &HashMap<usize, Covariance>,
        sizes: &HashMap<String, usize>,
        show: Show<'_>,
    ) -> Result<(), retort::Error> {
        let show = Show { pictures: &show.pictures[..show.pictures.len().min(PICTURES)], ..show };
        let layers: Vec<Layer> = constraints.layers.iter().map(|(layer, _)| layer.clone()).collect();
        let ends = last_results(graph, &layers);
        let whole = results(graph, &ends, sizes, show)?;
        for (place, reader) in &mut self.readers {
            let layer = &layers[*place];
            let (weight, cost) = reader.trial(TRIAL);
            let Some(shape) = graph.floats(&layer.weight).map(|weight| weight.shape) else { continue };
            let (old, mut bias) = layer.parameters(graph);
            let mean = covariances[place].mean();
            let rows = old.chunks_exact(layer.taps).zip(weight.chunks_exact(layer.taps));
            for (bias, (old, new)) in bias.iter_mut().zip(rows) {
                let moved = old.iter().zip(new).zip(&mean).map(|((old, new), mean)| f64::from(old - new) * mean);
                *bias += moved.sum::<f64>() as f32;
            }
            let mut tried = graph.clone();
            tried.set_floats(&layer.weight, &Floats { shape, values: layer.in_file(&weight) });
            if let Some(name) = &layer.bias {
                tried.set_floats(name, &Floats { shape: vec![bias.len()], values: bias });
            }
            let noise = mean_noise(&whole, &results(&tried, &ends, sizes, show)?);
            reader.gain = noise / cost.max(LEAST);
        }
        Ok(())
    }

    fn cost(readers: &HashMap<usize, Reader>, unit: &Unit) -> f64 {
        unit.read
            .iter()
            .filter_map(|(layer, input)| readers.get(layer).map(|reader| reader.gain * reader.cost(*input)))
            .sum()
    }

    fn drop_unit(readers: &mut HashMap<usize, Reader>, unit: &Unit) {
        for (layer, input) in &unit.read {
            if let Some(reader) = readers.get_mut(layer) {
                reader.drop_input(*input);
            }
        }
    }
}

impl Judge for Readers<'_> {
    fn next(&self, group: usize, left: &[usize], count: usize) -> (Vec<usize>, f64) {
        let units = &self.groups[group].units;
        let own = self.read[group].iter().filter_map(|layer| Some((*layer, self.readers.get(layer)?.clone())));
        let mut readers: HashMap<usize, Reader> = own.collect();
        let (mut chosen, mut total) = (Vec::new(), 0.0);
        for _ in 0..count {
            let others = left.iter().filter(|unit| !chosen.contains(*unit));
            let costs = others.map(|&unit| (unit, Self::cost(&readers, &units[unit])));
            let Some((unit, cost)) = costs.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            Self::drop_unit(&mut readers, &units[unit]);
            chosen.push(unit);
            total += cost;
        }
        (chosen, total)
    }

    fn gone(&mut self, group: usize, units: &[usize]) {
        for unit in units.iter().map(|unit| &self.groups[group].units[*unit]) {
            Self::drop_unit(&mut self.readers, unit);
            for (layer, output) in &unit.made {
                if let Some(reader) = self.readers.get_mut(layer) {
                    reader.alive[*output] = false;
                }
            }
        }
    }

    fn touches(&self, group: usize, other: usize) -> bool {
        !self.read[group].is_disjoint(&self.touched[other])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two inputs that say the same, one of its own.
    fn twins() -> Reader {
        let mut covariance = Covariance::new(3);
        for place in 0..400 {
            let (a, b) = ((place as f32 * 0.7).sin(), (place as f32 * 1.9).cos());
            covariance.add(&[a, a, b]);
        }
        Reader::new(&[1.0, 1.0, 0.5], 1, 3, &covariance)
    }

    #[test]
    fn of_two_that_say_the_same_one_is_free() {
        let mut reader = twins();
        assert!(reader.cost(0) < 0.01 && reader.cost(1) < 0.01, "{} {}", reader.cost(0), reader.cost(1));
        let before = reader.weight[0] + reader.weight[1];
        reader.drop_input(0);
        assert_eq!(reader.weight[0], 0.0);
        assert!((reader.weight[1] - before).abs() < 0.01 * before, "the other says it alone");
        // 4/2 of 4/2 + 1/8 of the variance is what both said.
        assert!((reader.cost(1) - 16.0 / 17.0).abs() < 0.03, "{}", reader.cost(1));
    }
}
