//! Putting a network together, node by node, with an eye on shapes.

use super::network::{Head, Network, Node, Op, Shape};

/// Adds nodes one by one and keeps track of shapes.
#[derive(Debug)]
pub struct Builder {
    nodes: Vec<Node>,
}

/// A layer that does not fit where it was put.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("layer `{name}` does not fit: {reason}")]
pub struct ShapeError {
    /// The layer.
    pub name: String,
    /// Why not.
    pub reason: String,
}

impl Builder {
    /// A network that takes pictures of this shape. The picture is node 0.
    pub fn new(picture: Shape) -> Builder {
        Builder { nodes: vec![Node { name: "picture".into(), op: Op::Picture, inputs: Vec::new(), shape: picture }] }
    }

    /// Shape of a node's value.
    pub fn shape(&self, node: usize) -> Shape {
        self.nodes[node].shape
    }

    /// Adds a node; its place.
    pub fn add(&mut self, name: impl Into<String>, op: Op, inputs: &[usize]) -> Result<usize, ShapeError> {
        let name = name.into();
        let refuse = |reason: String| Err(ShapeError { name: name.clone(), reason });
        if self.nodes.iter().any(|node| node.name == name) {
            return refuse("another one has its name".into());
        }
        let Some(x) = inputs.first().map(|&input| self.shape(input)) else { return refuse("it takes nothing".into()) };
        let shape = match &op {
            Op::Picture => return refuse("there is one picture only".into()),
            Op::Convolve(conv) => {
                if conv.inputs != x.channels || (conv.depthwise && conv.inputs != conv.outputs) {
                    return refuse(format!("it takes {} channels and is given {}", conv.inputs, x.channels));
                }
                match (conv.out(x.height, 0), conv.out(x.width, 1)) {
                    (Some(height), Some(width)) => Shape { height, width, channels: conv.outputs },
                    _ => return refuse(format!("a window of {:?} on a map of {}×{}", conv.kernel, x.height, x.width)),
                }
            }
            Op::Dropout(_) => x,
            Op::MaxPool(size) => match (x.height / size, x.width / size) {
                (0, _) | (_, 0) => return refuse(format!("pools of {size} on a map of {}×{}", x.height, x.width)),
                (height, width) => Shape { height, width, ..x },
            },
            Op::GlobalAverage => Shape { height: 1, width: 1, ..x },
            Op::Add(_) | Op::Merge => {
                let Some(y) = inputs.get(1).map(|&input| self.shape(input)) else {
                    return refuse("it takes two values".into());
                };
                let fits = match op {
                    Op::Merge => (x.height, x.width, x.channels) == (2 * y.height, 2 * y.width, y.channels),
                    _ => x == y,
                };
                if !fits {
                    return refuse(format!(
                        "a value of {}×{}×{} and one of {}×{}×{}",
                        x.height, x.width, x.channels, y.height, y.width, y.channels
                    ));
                }
                x
            }
        };
        self.nodes.push(Node { name, op, inputs: inputs.to_vec(), shape });
        Ok(self.nodes.len() - 1)
    }

    /// The network whose answers are `head`.
    pub fn finish(self, head: Head) -> Network {
        Network { nodes: self.nodes, head }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::network::{Activation, Bias, Convolution};

    fn conv(kernel: usize, stride: usize, inputs: usize, outputs: usize) -> Convolution {
        Convolution {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [kernel / 2; 2],
            depthwise: false,
            inputs,
            outputs,
            bias: Bias::Normalised,
            activation: Activation::Relu6,
            branches: false,
        }
    }

    #[test]
    fn shapes_follow_and_what_does_not_fit_is_refused_by_name() {
        let mut builder = Builder::new(Shape { height: 9, width: 6, channels: 3 });
        let a = builder.add("a", Op::Convolve(conv(3, 2, 3, 8)), &[0]).expect("fits");
        assert_eq!(builder.shape(a), Shape { height: 5, width: 3, channels: 8 });
        let pooled = builder.add("pool", Op::MaxPool(2), &[a]).expect("fits");
        assert_eq!(builder.shape(pooled), Shape { height: 2, width: 1, channels: 8 });
        let error = builder.add("b", Op::Convolve(conv(3, 1, 4, 8)), &[a]).expect_err("channels differ");
        assert!(error.to_string().contains("`b`") && error.to_string().contains("given 8"), "{error}");
        assert!(builder.add("sum", Op::Add(Activation::None), &[a, pooled]).is_err());
        assert!(builder.add("a", Op::GlobalAverage, &[a]).is_err(), "names are unique");
        assert!(builder.add("c", Op::MaxPool(9), &[a]).is_err());
    }

    #[test]
    fn a_fully_connected_layer_is_a_window_over_the_whole_map() {
        let mut builder = Builder::new(Shape { height: 4, width: 5, channels: 2 });
        let dense = Convolution { kernel: [4, 5], padding: [0, 0], ..conv(1, 1, 2, 7) };
        assert_eq!(dense.weight_shape(), [40, 7]);
        let logits = builder.add("fc", Op::Convolve(dense), &[0]).expect("fits");
        assert_eq!(builder.shape(logits), Shape { height: 1, width: 1, channels: 7 });
        let network = builder.finish(Head::Classes { logits, classes: 7 });
        assert_eq!((network.macs(), network.parameters()), (280, 287));
    }
}
