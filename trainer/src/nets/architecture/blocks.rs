//! The blocks that chains are made of.

use super::{Architecture, Block};
use crate::nets::builder::{Builder, ShapeError};
use crate::nets::network::{Activation, Bias, Convolution, Op};

/// A square convolution with the architecture's normalisation and activation.
pub(super) fn convolution(
    a: &Architecture,
    kernel: usize,
    stride: usize,
    inputs: usize,
    outputs: usize,
) -> Convolution {
    Convolution {
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        depthwise: false,
        inputs,
        outputs,
        bias: Bias::Normalised,
        activation: a.activation,
        branches: false,
    }
}

/// A fully connected layer, or a 1×1 convolution, with a trained bias: an answer.
pub(super) fn answer(builder: &mut Builder, name: String, outputs: usize, x: usize) -> Result<usize, ShapeError> {
    let conv = Convolution {
        kernel: [1, 1],
        stride: [1, 1],
        padding: [0, 0],
        depthwise: false,
        inputs: builder.shape(x).channels,
        outputs,
        bias: Bias::Plain,
        activation: Activation::None,
        branches: false,
    };
    builder.add(name, Op::Convolve(conv), &[x])
}

/// A block from `x` to `outputs` channels.
pub(super) fn block(
    a: &Architecture,
    builder: &mut Builder,
    name: &str,
    outputs: usize,
    stride: usize,
    x: usize,
) -> Result<usize, ShapeError> {
    let inputs = builder.shape(x).channels;
    let y = match a.block {
        Block::Separable => {
            let depthwise = Convolution { depthwise: true, ..convolution(a, 3, stride, inputs, inputs) };
            let spread = builder.add(format!("{name}.depthwise"), Op::Convolve(depthwise), &[x])?;
            let pointwise = convolution(a, 1, 1, inputs, outputs);
            builder.add(format!("{name}.pointwise"), Op::Convolve(pointwise), &[spread])?
        }
        Block::Dense | Block::Branched => {
            let branches = a.block == Block::Branched;
            let dense = Convolution { branches, ..convolution(a, 3, stride, inputs, outputs) };
            builder.add(format!("{name}.dense"), Op::Convolve(dense), &[x])?
        }
    };
    if a.residual && stride == 1 && inputs == outputs {
        return builder.add(format!("{name}.sum"), Op::Add(Activation::None), &[x, y]);
    }
    Ok(y)
}

/// The stem and the stages; the map after each, the stem's first.
pub(super) fn chain(a: &Architecture, builder: &mut Builder, stem: usize) -> Result<Vec<usize>, ShapeError> {
    let widths = a.all_widths();
    let refuse = |reason: &str| Err(ShapeError { name: "stem".into(), reason: reason.into() });
    let Some((&first, widths)) = widths.split_first() else { return refuse("there is no width") };
    if widths.len() != a.depths.len() {
        return refuse("widths has one number for the stem and one a stage, depths one a stage");
    }
    let convolution = convolution(a, 3, stem, builder.shape(0).channels, first);
    let mut x = builder.add("stem", Op::Convolve(convolution), &[0])?;
    let mut maps = vec![x];
    for (stage, (&outputs, &depth)) in widths.iter().zip(&a.depths).enumerate() {
        for index in 0..=depth {
            let stride = if index == 0 { 2 } else { 1 };
            x = block(a, builder, &format!("stage{}.{index}", stage + 1), outputs, stride, x)?;
        }
        maps.push(x);
    }
    Ok(maps)
}
