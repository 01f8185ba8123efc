//! Perceptrons: fully connected layers with trained biases, as in Hinton et al. 2015, section 3.

use super::Architecture;
use super::blocks::{answer, convolution};
use crate::nets::builder::{Builder, ShapeError};
use crate::nets::network::{Bias, Convolution, Head, Network, Op, Shape};

pub(super) fn build(a: &Architecture, picture: Shape, classes: usize) -> Result<Network, ShapeError> {
    let mut builder = Builder::new(picture);
    let mut x = 0;
    if a.input_dropout > 0.0 {
        x = builder.add("input.dropout", Op::Dropout(a.input_dropout), &[x])?;
    }
    for (index, units) in a.all_widths().into_iter().enumerate() {
        let shape = builder.shape(x);
        // The first layer's window is the whole picture, the others' the one cell that is left.
        let layer = Convolution {
            kernel: [shape.height, shape.width],
            padding: [0, 0],
            bias: Bias::Plain,
            ..convolution(a, 1, 1, shape.channels, units)
        };
        x = builder.add(format!("hidden{}", index + 1), Op::Convolve(layer), &[x])?;
        if a.dropout > 0.0 {
            x = builder.add(format!("hidden{}.dropout", index + 1), Op::Dropout(a.dropout), &[x])?;
        }
    }
    if x == 0 || builder.shape(x).height * builder.shape(x).width != 1 {
        return Err(ShapeError { name: "hidden1".into(), reason: "a perceptron has at least one hidden layer".into() });
    }
    let logits = answer(&mut builder, "head.logits".into(), classes, x)?;
    Ok(builder.finish(Head::Classes { logits, classes }))
}

#[cfg(test)]
mod tests {
    use super::super::Family;
    use super::*;

    #[test]
    fn parameters_are_those_of_the_paper() {
        let picture = Shape { height: 28, width: 28, channels: 1 };
        let a = Architecture { family: Family::Perceptron, widths: vec![800, 800], ..Architecture::default() };
        let network = a.build(picture, 10).expect("it fits");
        assert_eq!(network.parameters(), 785 * 800 + 801 * 800 + 801 * 10);
        assert!(Architecture { widths: vec![], ..a }.build(picture, 10).is_err());
    }
}
