//! Scales and zero points of every value in a network.
//!
//! Activations are u8, one scale a tensor. After ReLU and ReLU6 the zero point is 0, and after ReLU6 255 stands for
//! at most 6, so the saturation of the byte is the activation. Weights are s8, one scale an output channel, symmetric.

use std::collections::HashMap;

use super::observer::Observer;
use crate::data::Sample;
use crate::nets::{EMBEDDING, FloatPass, Folded, FoldedLayer, Head, Level, Network, channel_means, embedding, run};

/// Class logits below this are all the same to anyone: σ(−8) is 0.0003.
const LOGIT_FLOOR: f32 = -8.0;
/// Decoding clamps box values to this range.
const BOX_LIMIT: f32 = 4.0;
/// How much further than was seen the range of the embedding goes: what is unlike anything seen must not look the same at
/// the edge of the bytes.
const HEADROOM: f32 = 1.5;
/// As far as this at least a detector's class logits reach where they are still learned: σ(4) is 0.98.
const LOGIT_CEILING: f32 = 4.0;
/// How much further than was seen other answers may go where they are still learned.
const ANSWER_ROOM: f32 = 1.25;
/// Scenes watched at once.
const BATCH: usize = 8;

/// real = scale · (byte − zero).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Positive.
    pub scale: f32,
    /// The byte that stands for 0.
    pub zero: u8,
}

impl Scale {
    /// The scale of pictures: byte b stands for b/255.
    pub const PICTURE: Scale = Scale { scale: 1.0 / 255.0, zero: 0 };

    /// A scale under which all of `low..=high` has a byte; zero has one of its own.
    pub fn spanning(low: f32, high: f32) -> Scale {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let mut scale = ((high - low) / 255.0).max(1e-6);
        if low == 0.0 {
            // Rounded down where needed, so that byte 255 never stands for more than `high`.
            while scale * 255.0 > high && high > 1e-3 {
                scale = f32::from_bits(scale.to_bits() - 1);
            }
            return Scale { scale, zero: 0 };
        }
        Scale { scale, zero: (-low / scale).round().clamp(0.0, 255.0) as u8 }
    }

    /// What a real becomes: the nearest that a byte stands for.
    pub fn round(self, real: f32) -> f32 {
        self.real(self.stored(real))
    }

    /// The byte of a real, as a whole number.
    pub fn stored(self, real: f32) -> f32 {
        ((real / self.scale).round_ties_even() + f32::from(self.zero)).clamp(0.0, 255.0)
    }

    /// What a byte stands for.
    pub fn real(self, stored: f32) -> f32 {
        self.scale * (stored - f32::from(self.zero))
    }

    /// The reals that bytes 0 and 255 stand for.
    pub fn span(self) -> (f32, f32) {
        let zero = f32::from(self.zero);
        (-self.scale * zero, self.scale * (255.0 - zero))
    }
}

/// Scales by the name of the layer or merge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranges(HashMap<String, Scale>);

impl FromIterator<(String, Scale)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (String, Scale)>>(scales: I) -> Ranges {
        Ranges(scales.into_iter().collect())
    }
}

impl Ranges {
    /// The scale of what a layer or merge puts out.
    pub fn of(&self, name: &str) -> Option<Scale> {
        self.0.get(name).copied()
    }

    /// The same with room for answers that are still learned. Hidden values can shrink into their ranges, while an answer
    /// means what it says: a logit that had never been above 0 would stay at 0, without a gradient, however sure of it the
    /// network became.
    pub fn with_room(mut self, network: &Network) -> Ranges {
        let mut widen = |place: usize, wider: &dyn Fn(f32, f32) -> (f32, f32)| {
            if let Some(scale) = self.0.get_mut(&network.nodes[place].name) {
                let (low, high) = scale.span();
                let (low, high) = wider(low, high);
                *scale = Scale::spanning(low, high);
            }
        };
        for level in network.levels() {
            widen(level.classes, &|low, high| ((ANSWER_ROOM * low).max(LOGIT_FLOOR), high.max(LOGIT_CEILING)));
            // Only logarithms have a limit; logits of distributions have none.
            let limit = if network.bins() == 0 { BOX_LIMIT } else { f32::INFINITY };
            widen(level.boxes, &|low, high| ((ANSWER_ROOM * low).max(-limit), (ANSWER_ROOM * high).min(limit)));
        }
        if let Head::Classes { logits, .. } = network.head {
            widen(logits, &|low, high| (ANSWER_ROOM * low, ANSWER_ROOM * high));
        }
        self
    }
}

/// Runs pictures through the folded network and turns what was seen into scales that hold the `percentile` share of
/// each tensor's values.
pub fn calibrate(folded: &Folded, samples: &[&Sample], percentile: f64) -> Ranges {
    let mut observers: HashMap<String, Observer> = HashMap::new();
    // The means that the embedding is made of are no nodes of the network.
    let embedded: Vec<_> = embedding(&folded.network).into_iter().map(|place| &folded.network.nodes[place]).collect();
    let mut watch = |name: &str, values: &[f32]| match observers.get_mut(name) {
        Some(observer) => observer.watch(values),
        None => {
            let mut observer = Observer::default();
            observer.watch(values);
            observers.insert(name.to_owned(), observer);
        }
    };
    let mut pass = FloatPass::new(folded, |name, values| {
        watch(name, values);
        if let Some(node) = embedded.iter().find(|node| node.name == name) {
            watch(EMBEDDING, &channel_means(values, node.shape));
        }
    });
    for samples in samples.chunks(BATCH) {
        run(folded, samples, &mut pass);
    }
    drop(pass);
    let scale = |(name, observer): (String, Observer)| {
        let (low, high) = observer.range(percentile);
        if name == EMBEDDING {
            return (name, Scale::spanning(HEADROOM * low, HEADROOM * high));
        }
        let place = folded.network.nodes.iter().position(|node| node.name == name);
        let is = |branch: fn(&Level<usize>) -> usize| folded.network.levels().iter().any(|l| Some(branch(l)) == place);
        let (low, high) = if is(|level| level.classes) {
            (low.max(LOGIT_FLOOR), high)
        } else if folded.network.bins() == 0 && is(|level| level.boxes) {
            (low.max(-BOX_LIMIT), high.min(BOX_LIMIT))
        } else {
            (low, high)
        };
        (name, Scale::spanning(low, high))
    };
    Ranges(observers.into_iter().map(scale).collect())
}

/// A layer's weights and bias as integers.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelWeights {
    /// As the float weights lie, from −127 to 127.
    pub weight: Vec<i8>,
    /// One scale an output channel.
    pub scales: Vec<f32>,
    /// In units of input scale · weight scale.
    pub bias: Vec<i32>,
}

/// Quantises a layer whose input has the given scale.
pub fn quantise_weights(layer: &FoldedLayer, input: Scale) -> ChannelWeights {
    let outputs = layer.convolution.outputs;
    let mut scales = vec![0.0f32; outputs];
    for row in layer.weight.chunks_exact(outputs) {
        for (scale, weight) in scales.iter_mut().zip(row) {
            *scale = scale.max(weight.abs() / 127.0);
        }
    }
    for (scale, bias) in scales.iter_mut().zip(&layer.bias) {
        // A channel with next to no weights still needs a bias that fits into 32 bits.
        *scale = scale.max(bias.abs() / input.scale / (1 << 29) as f32).max(1e-12);
    }
    let weight = layer
        .weight
        .chunks_exact(outputs)
        .flat_map(|row| row.iter().zip(&scales).map(|(w, s)| (w / s).round_ties_even().clamp(-127.0, 127.0) as i8));
    let bias = layer
        .bias
        .iter()
        .zip(&scales)
        .map(|(b, s)| (f64::from(*b) / (f64::from(input.scale) * f64::from(*s))).round_ties_even() as i32);
    ChannelWeights { weight: weight.collect(), bias: bias.collect(), scales }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::{Activation, Bias, Convolution};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scales_hold_their_range_and_zero_exactly(low in -50f32..0.5, high in 0.01f32..50.0) {
            let s = Scale::spanning(low, high);
            let real = |byte: u8| s.scale * (f32::from(byte) - f32::from(s.zero));
            prop_assert_eq!(real(s.zero), 0.0);
            prop_assert!(real(255) >= high - s.scale && real(0) <= low.min(0.0) + s.scale);
            if s.zero == 0 {
                prop_assert!(real(255) <= high || low < 0.0);
            }
        }
    }

    #[test]
    fn answers_that_are_still_learned_have_room() {
        let network = crate::nets::examples::detector(32, 1);
        let level = &network.levels()[0];
        let [classes, boxes] = [level.classes, level.boxes].map(|place| network.nodes[place].name.clone());
        let seen = [(classes.clone(), -8.0, -0.5), (boxes.clone(), -1.0, 3.9), ("stem".into(), 0.0, 3.0)];
        let ranges = Ranges(seen.map(|(name, low, high)| (name, Scale::spanning(low, high))).into());
        let roomy = ranges.clone().with_room(&network);
        let span = |name: &str| roomy.of(name).expect("there").span();
        let near = |(a, b): (f32, f32), (c, d): (f32, f32)| (a - c).abs() < 0.05 && (b - d).abs() < 0.05;
        assert!(near(span(&classes), (-8.0, 4.0)) && near(span(&boxes), (-1.25, 4.0)));
        assert_eq!(roomy.of("stem"), ranges.of("stem"));
    }

    #[test]
    fn weights_are_within_half_a_step_of_their_channel() {
        let convolution = Convolution {
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
            depthwise: false,
            inputs: 3,
            outputs: 2,
            bias: Bias::Plain,
            activation: Activation::None,
            branches: false,
        };
        let weight = vec![1.0, -0.0101, 0.3, 0.02, -2.54, 0.0];
        let folded = FoldedLayer { name: "l".into(), convolution, weight, bias: vec![0.5, -1000.0] };
        let q = quantise_weights(&folded, Scale { scale: 0.02, zero: 0 });
        assert!((q.scales[0] - 0.02).abs() < 1e-6);
        assert_eq!(q.weight, [50, -64, 15, 127, -127, 0]);
        assert_eq!(q.bias[0], 1250);
        for (i, &w) in folded.weight.iter().enumerate() {
            assert!((f32::from(q.weight[i]) * q.scales[i % 2] - w).abs() <= q.scales[i % 2] * 0.5001);
        }
    }
}
