//! Networks of every operator, weights, pictures and trainings for the tests.

use crate::data::{Label, Rng, Sample};
use crate::nets::{
    Activation, Architecture, Bias, Block, Builder, Convolution, Family, Folded, Head, Network, Op, Role, Shape,
    Weights,
};
use crate::quantise::{Ranges, Scales, calibrate};
use crate::train::{Decline, Labels, Lesson, LossWeights, OptimiserOptions, Place, Rule, Schedule, Training};

const CLASSES: usize = 3;

pub fn shape(side: usize, channels: usize) -> Shape {
    Shape { height: side, width: side, channels }
}

pub fn conv(kernel: usize, inputs: usize, outputs: usize, activation: Activation) -> Convolution {
    Convolution {
        kernel: [kernel; 2],
        stride: [1, 1],
        padding: [kernel / 2; 2],
        depthwise: false,
        inputs,
        outputs,
        bias: Bias::Plain,
        activation,
        branches: false,
    }
}

/// What no architecture has: a maximum, and a sum with an activation.
pub fn pooled() -> Network {
    let mut builder = Builder::new(shape(13, 3));
    let mut add = |name: &str, op: Op, inputs: &[usize]| builder.add(name, op, inputs).expect("it fits");
    let first = add("first", Op::Convolve(conv(3, 3, 8, Activation::None)), &[0]);
    let pool = add("pool", Op::MaxPool(2), &[first]);
    let second = add("second", Op::Convolve(conv(3, 8, 8, Activation::None)), &[pool]);
    let sum = add("sum", Op::Add(Activation::Relu), &[pool, second]);
    let again = add("again", Op::MaxPool(3), &[sum]);
    let mean = add("mean", Op::GlobalAverage, &[again]);
    let logits = add("head.logits", Op::Convolve(conv(1, 8, CLASSES, Activation::None)), &[mean]);
    builder.finish(Head::Classes { logits, classes: CLASSES })
}

/// Networks that have every operator between them.
pub fn networks() -> Vec<Network> {
    let base = Architecture { widths: vec![8, 12, 16, 16, 24], neck: 16, ..Architecture::default() };
    let detector = Architecture { depths: vec![0, 1, 0, 0], head: 1, ..base.clone() };
    let residual = Architecture {
        depths: vec![1, 1, 0, 1],
        residual: true,
        block: Block::Dense,
        activation: Activation::Relu,
        ..base
    };
    let classifier = Architecture {
        family: Family::Classifier,
        block: Block::Branched,
        widths: vec![8, 8, 16],
        depths: vec![1, 1],
        stem: 1,
        residual: true,
        dropout: 0.2,
        ..Architecture::default()
    };
    let perceptron = Architecture {
        family: Family::Perceptron,
        widths: vec![20, 9],
        activation: Activation::Relu,
        input_dropout: 0.1,
        ..Architecture::default()
    };
    let build = |a: &Architecture, side, channels| a.build(shape(side, channels), CLASSES).expect("it fits");
    vec![
        build(&detector, 64, 3),
        build(&residual, 32, 3),
        build(&classifier, 20, 1),
        // Sums over so many values are beyond what f32 holds exactly.
        build(&perceptron, 48, 3),
        pooled(),
    ]
}

/// Random weights of a network without normalisations, with biases that are not 0.
pub fn plain(network: &Network, seed: u64) -> Weights {
    let mut weights = Weights::random(network, seed);
    let mut rng = Rng::new(&[seed, 0xb1a5]);
    for parameter in weights.parameters.iter_mut().filter(|parameter| parameter.role != Role::Weight) {
        parameter.values.iter_mut().for_each(|value| *value += 0.3 * rng.normal());
    }
    for moments in &mut weights.moments {
        moments.mean.iter_mut().for_each(|mean| *mean = 0.2 * rng.normal());
        moments.variance.iter_mut().for_each(|variance| *variance = rng.range(0.2, 2.0));
    }
    // Answers begin next to 0; so that they move, they are made larger.
    for place in network.answers() {
        let name = &network.nodes[place].name;
        let of = weights.parameters.iter_mut().filter(|p| p.layer == *name && p.role == Role::Weight);
        of.for_each(|parameter| parameter.values.iter_mut().for_each(|value| *value *= 5.0));
    }
    Folded::new(&weights).weights()
}

pub fn samples(network: &Network, count: usize, seed: u64) -> Vec<Sample> {
    let Shape { height, width, channels } = network.input();
    let one = |index: usize| {
        let mut rng = Rng::new(&[seed, index as u64]);
        let pixels = (0..height * width * channels).map(|_| rng.below(256) as u8).collect();
        Sample { width, height, channels, pixels, ..Sample::default() }
    };
    (0..count).map(one).collect()
}

/// The ranges of random pictures.
pub fn ranges(weights: &Weights, percentile: f64) -> Ranges {
    let seen = samples(&weights.network, 16, 1);
    calibrate(&Folded::new(weights), &seen.iter().collect::<Vec<_>>(), percentile)
}

/// A training in the board's integers from `weights` on.
pub fn training(network: &Network, ranges: &Ranges, steps: usize) -> Training {
    Training {
        seed: 3,
        schedule: Schedule {
            peak: 1e-3,
            warmup: 1,
            steps,
            decline: Decline::Cosine,
            floor: 0.1,
            milestones: Vec::new(),
            factor: 1.0,
        },
        optimiser: OptimiserOptions {
            rule: Rule::AdamW,
            decay: 0.0,
            clip: 10.0,
            momentum: 0.9,
            max_norm: f32::INFINITY,
        },
        loss: LossWeights {
            hard_classes: 1.0,
            hard_boxes: 1.0,
            soft_classes: 1.0,
            soft_boxes: 1.0,
            sides: 0.0,
            temperature: 1.0,
            smoothing: 0.0,
        },
        ties: Vec::new(),
        pictures: 0,
        average: 0.5,
        measured: 0,
        top: 9,
        validate: 0,
        patience: 0,
        keep_best: false,
        place: Place::Cpu,
        scales: Some(Scales::new(network, ranges).expect("calibrated")),
    }
}

/// A lesson of random pictures; those of each class are as bright as no others.
pub fn lesson(network: &Network, step: usize) -> Lesson {
    let shape = network.input();
    let mut rng = Rng::new(&[7, step as u64]);
    let mut lesson = Lesson::default();
    for picture in 0..6 {
        let class = picture % CLASSES;
        lesson.pictures.extend((0..shape.len()).map(|_| (rng.below(86) + class * 85) as f32 / 255.0));
        lesson.labels.push(match network.levels().is_empty() {
            true => Labels::Classes((0..CLASSES).map(|c| f32::from(u8::from(c == class))).collect()),
            false => Labels::Boxes(vec![Label::new(class, [4.0, 4.0, 20.0, 24.0])]),
        });
    }
    lesson
}
