//! What a model costs with some of its channels gone: multiply-accumulates, and what a board takes for them.

use super::constraints::{Constraints, Mixing};
use super::groups::Unit;

/// A layer as far as its cost goes.
#[derive(Clone, Debug, PartialEq)]
struct Load {
    kind: Mixing,
    /// Multiply-accumulates of one output and input channel.
    each: f64,
    /// What one of them weighs.
    weight: f64,
    inputs: usize,
    outputs: usize,
}

impl Load {
    fn macs(&self) -> f64 {
        match self.kind {
            Mixing::Full => self.each * (self.inputs * self.outputs) as f64,
            Mixing::Depthwise => self.each * self.outputs as f64,
            Mixing::Fixed => self.each,
        }
    }
}

/// The layers of a model and how wide they still are.
#[derive(Clone, Debug, PartialEq)]
pub struct Loads(Vec<Load>);

impl Loads {
    /// Those of a whole model; `places` says how many places a layer's output has.
    pub fn new(constraints: &Constraints, places: &dyn Fn(&str) -> usize) -> Loads {
        let loads = constraints.layers.iter().map(|(layer, kind)| {
            let inputs = constraints.slots.count(&layer.input).unwrap_or(1);
            let (places, taps) = (places(&layer.name) as f64, layer.taps as f64);
            let each = match kind {
                Mixing::Full => places * taps / inputs as f64,
                Mixing::Depthwise => places * taps,
                Mixing::Fixed => places * taps * layer.outputs as f64,
            };
            Load { kind: *kind, each, weight: 1.0, inputs, outputs: layer.outputs }
        });
        Loads(loads.collect())
    }

    /// Lets a multiply-accumulate of each layer weigh what `weight` says of it, by its place.
    pub fn weigh(&mut self, weight: &dyn Fn(usize) -> f64) {
        self.0.iter_mut().enumerate().for_each(|(place, load)| load.weight = weight(place));
    }

    /// Multiply-accumulates of one layer.
    pub fn of(&self, layer: usize) -> f64 {
        self.0[layer].macs()
    }

    /// Multiply-accumulates of all layers.
    pub fn macs(&self) -> f64 {
        self.0.iter().map(Load::macs).sum()
    }

    /// What all of them weigh.
    pub fn weighed(&self) -> f64 {
        self.0.iter().map(|load| load.macs() * load.weight).sum()
    }

    /// Takes a unit away.
    pub fn drop(&mut self, unit: &Unit) {
        unit.made.iter().chain(&unit.through).for_each(|(layer, _)| self.0[*layer].outputs -= 1);
        unit.read.iter().for_each(|(layer, _)| self.0[*layer].inputs -= 1);
    }
}
