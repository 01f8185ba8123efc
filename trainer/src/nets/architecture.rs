//! What a detector is made of, written once.
//!
//! A plain chain of depthwise-separable blocks (Howard et al. 2017, MobileNets) without residuals or attention, each
//! convolution followed by batch normalisation and ReLU6, because that layout survives int8 best. Two merges carry
//! coarse features back to strides 16 and 8, where 1×1 heads say for each cell which classes are there and how far the
//! box's sides are: anchor-free, as in FCOS (Tian et al. 2019), outputs split by level and by branch.

use serde::{Deserialize, Serialize};

/// Strides of the levels that predict, in the order of the outputs.
pub const STRIDES: [usize; 2] = [8, 16];

/// How wide and how deep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Pixels along a side of the square input; a multiple of 32.
    pub input: usize,
    /// Number of classes.
    pub classes: usize,
    /// Channels at strides 2, 4, 8, 16 and 32.
    pub widths: [usize; 5],
    /// Blocks at strides 4, 8, 16 and 32 beyond the one that halves the map.
    pub depths: [usize; 4],
    /// Channels of the merged maps.
    pub neck: usize,
    /// Blocks before the outputs of each level.
    pub head: usize,
    /// Whether blocks that change neither size nor channels add their input to their output (He et al. 2016). It lets
    /// deep networks learn in few steps; a plain chain is quicker on a board and easier on int8.
    pub residual: bool,
}

/// The kind of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 3×3, stride 2, padding 1, over the picture.
    Stem,
    /// 3×3, padding 1, each channel on its own.
    Depthwise {
        /// 1 or 2.
        stride: usize,
    },
    /// 1×1.
    Pointwise,
    /// 1×1 with a bias, without normalisation or activation: an output.
    Output,
}

/// One convolution. All but outputs are followed by batch normalisation and ReLU6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Unique in the network, such as `stage2.1.pointwise`.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
}

impl Layer {
    /// Shape of the weight matrix: inputs of one output value by outputs; `[9, channels]` for a depthwise layer.
    pub fn weight_shape(&self) -> [usize; 2] {
        match self.kind {
            Kind::Stem => [9 * self.inputs, self.outputs],
            Kind::Depthwise { .. } => [9, self.outputs],
            Kind::Pointwise | Kind::Output => [self.inputs, self.outputs],
        }
    }

    /// Multiplications that make up one output value.
    pub fn fan_in(&self) -> usize {
        self.weight_shape()[0]
    }
}

/// Someone who walks along the wiring and makes of every layer what they need of it.
pub trait Wire {
    /// What flows along a wire.
    type Value: Clone;

    /// A convolution; with batch normalisation and ReLU6 unless it is an output.
    fn convolve(&mut self, layer: &Layer, x: &Self::Value) -> Self::Value;

    /// The sum of two values of the same shape.
    fn add(&mut self, name: &str, a: &Self::Value, b: &Self::Value) -> Self::Value;

    /// `fine` plus `coarse` with every cell repeated twice along both axes.
    fn merge(&mut self, name: &str, fine: &Self::Value, coarse: &Self::Value) -> Self::Value;
}

/// What one level predicts.
#[derive(Clone, Debug)]
pub struct Level<V> {
    /// Class logits, `classes` channels.
    pub classes: V,
    /// Logarithms of the distances to left, top, right and bottom, in strides.
    pub boxes: V,
}

impl Architecture {
    /// Walks the network from the picture to the outputs of each of the [`STRIDES`].
    pub fn wire<W: Wire>(&self, wire: &mut W, picture: &W::Value) -> Vec<Level<W::Value>> {
        let [stem, widths @ ..] = self.widths;
        let mut x = wire.convolve(&Layer { name: "stem".into(), kind: Kind::Stem, inputs: 3, outputs: stem }, picture);
        let mut inputs = stem;
        let mut maps = Vec::new();
        for (stage, (&outputs, &depth)) in widths.iter().zip(&self.depths).enumerate() {
            for block in 0..=depth {
                let name = format!("stage{}.{block}", stage + 1);
                x = match block {
                    0 => separable(wire, &name, inputs, outputs, 2, &x),
                    _ => self.block(wire, &name, outputs, &x),
                };
                inputs = outputs;
            }
            maps.push(x.clone());
        }
        let lateral = |wire: &mut W, stage: usize| {
            let layer = Layer {
                name: format!("neck.lateral{}", stage + 1),
                kind: Kind::Pointwise,
                inputs: widths[stage],
                outputs: self.neck,
            };
            wire.convolve(&layer, &maps[stage])
        };
        let coarse = lateral(wire, 3);
        let middle = lateral(wire, 2);
        let merged = wire.merge("neck.merge16", &middle, &coarse);
        let level16 = separable(wire, "neck.level16", self.neck, self.neck, 1, &merged);
        let fine = lateral(wire, 1);
        let merged = wire.merge("neck.merge8", &fine, &level16);
        let level8 = separable(wire, "neck.level8", self.neck, self.neck, 1, &merged);
        let levels = [level8, level16].into_iter().zip(STRIDES).map(|(level, stride)| {
            let x = (0..self.head)
                .fold(level, |x, block| self.block(wire, &format!("head{stride}.{block}"), self.neck, &x));
            let mut output = |branch: &str, outputs: usize| {
                let name = format!("head{stride}.{branch}");
                wire.convolve(&Layer { name, kind: Kind::Output, inputs: self.neck, outputs }, &x)
            };
            Level { classes: output("classes", self.classes), boxes: output("boxes", 4) }
        });
        levels.collect()
    }

    /// A block that keeps size and channels.
    fn block<W: Wire>(&self, wire: &mut W, name: &str, channels: usize, x: &W::Value) -> W::Value {
        let y = separable(wire, name, channels, channels, 1, x);
        if self.residual { wire.add(&format!("{name}.sum"), x, &y) } else { y }
    }

    /// Every layer, in the order of the walk.
    pub fn layers(&self) -> Vec<Layer> {
        let mut list = LayerList(Vec::new());
        self.wire(&mut list, &());
        list.0
    }

    /// Cells along a side of each level.
    pub fn sides(&self) -> [usize; 2] {
        STRIDES.map(|stride| self.input / stride)
    }

    /// Cells of all levels together.
    pub fn points(&self) -> usize {
        self.sides().iter().map(|side| side * side).sum()
    }

    /// Multiply-accumulates for one picture.
    pub fn macs(&self) -> usize {
        let mut counter = MacCounter(0);
        self.wire(&mut counter, &self.input);
        counter.0
    }
}

fn separable<W: Wire>(
    wire: &mut W,
    name: &str,
    inputs: usize,
    outputs: usize,
    stride: usize,
    x: &W::Value,
) -> W::Value {
    let depthwise = Kind::Depthwise { stride };
    let spread =
        wire.convolve(&Layer { name: format!("{name}.depthwise"), kind: depthwise, inputs, outputs: inputs }, x);
    wire.convolve(&Layer { name: format!("{name}.pointwise"), kind: Kind::Pointwise, inputs, outputs }, &spread)
}

struct LayerList(Vec<Layer>);

impl Wire for LayerList {
    type Value = ();
    fn convolve(&mut self, layer: &Layer, _x: &()) {
        self.0.push(layer.clone());
    }
    fn add(&mut self, _name: &str, _a: &(), _b: &()) {}
    fn merge(&mut self, _name: &str, _fine: &(), _coarse: &()) {}
}

/// The value is the side of the map.
struct MacCounter(usize);

impl Wire for MacCounter {
    type Value = usize;
    fn convolve(&mut self, layer: &Layer, side: &usize) -> usize {
        let side = match layer.kind {
            Kind::Stem | Kind::Depthwise { stride: 2 } => side.div_ceil(2),
            _ => *side,
        };
        self.0 += side * side * layer.fan_in() * layer.outputs;
        side
    }
    fn add(&mut self, _name: &str, a: &usize, _b: &usize) -> usize {
        *a
    }
    fn merge(&mut self, _name: &str, fine: &usize, _coarse: &usize) -> usize {
        *fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Architecture {
        Architecture {
            input: 64,
            classes: 3,
            widths: [8, 8, 16, 16, 16],
            depths: [0, 1, 0, 0],
            neck: 16,
            head: 1,
            residual: false,
        }
    }

    #[test]
    fn layers_are_named_once_and_fit_together() {
        let layers = tiny().layers();
        let mut names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), layers.len());
        // stem, five blocks, three laterals, two merged levels and two heads of a block each, four outputs
        assert_eq!(layers.len(), 1 + 5 * 2 + 3 + 2 * 2 + 2 * 2 + 4);
        assert_eq!(tiny().points(), 8 * 8 + 4 * 4);
    }

    #[test]
    fn macs_count_every_layer_at_its_size() {
        let a = Architecture { depths: [0; 4], head: 0, ..tiny() };
        let stem = 32 * 32 * 27 * 8;
        let stages =
            16 * 16 * (9 * 8 + 8 * 8) + 8 * 8 * (9 * 8 + 8 * 16) + 4 * 4 * (9 + 16) * 16 + 2 * 2 * (9 + 16) * 16;
        let neck = (2 * 2 + 4 * 4 + 8 * 8) * 16 * 16 + (4 * 4 + 8 * 8) * (9 + 16) * 16;
        let outputs = (4 * 4 + 8 * 8) * 16 * (3 + 4);
        assert_eq!(a.macs(), stem + stages + neck + outputs);
    }
}
