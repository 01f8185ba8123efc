//! What has weights: convolutions and products, and the patches of their inputs that each of their results is made of.

use retort::tensor::Port;
use tract_onnx::pb::NodeProto;

use super::graph::{Floats, OnnxGraph, float, int, ints, text};
use crate::data::Rng;

/// How a layer walks over its input.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A convolution of rows and columns.
    Convolution {
        /// Rows and columns of the kernel.
        kernel: [usize; 2],
        /// Between two places.
        stride: [usize; 2],
        /// Between two taps.
        dilation: [usize; 2],
        /// Above and left.
        padding: [usize; 2],
    },
    /// A product with the last axis. Whether the weights lie output by output.
    Product {
        /// As \[out\]\[in\], or else \[in\]\[out\].
        transposed: bool,
    },
}

/// A node with weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its place among the nodes.
    pub node: usize,
    /// What it makes, which is its name, too.
    pub name: String,
    /// What it takes.
    pub input: String,
    /// The constant of its weights.
    pub weight: String,
    /// The constant of its bias, if it has one.
    pub bias: Option<String>,
    /// Number of output channels.
    pub outputs: usize,
    /// Number of groups.
    pub groups: usize,
    /// Weights of one output channel.
    pub taps: usize,
    /// How it walks.
    pub form: Form,
}

impl Layer {
    /// The layer that a node is, if its weights are known and integers can do what it does.
    pub fn of(graph: &OnnxGraph, index: usize) -> Option<Layer> {
        let node = &graph.nodes()[index];
        let weight = graph.floats(node.input.get(1)?)?;
        let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(name) => Some(graph.floats(name).filter(|bias| bias.shape.len() == 1).map(|_| name.clone())?),
            None => None,
        };
        let (outputs, groups, form) = match node.op_type.as_str() {
            "Conv" => {
                let (groups, form) = convolution(node, &weight)?;
                (weight.shape[0], groups, form)
            }
            "Gemm" => {
                let plain = float(node, "alpha", 1.0) == 1.0 && float(node, "beta", 1.0) == 1.0;
                let transposed = int(node, "transB", 0) == 1;
                let outputs = *weight.shape.get(usize::from(!transposed))?;
                (plain && int(node, "transA", 0) == 0 && weight.shape.len() == 2).then_some((
                    outputs,
                    1,
                    Form::Product { transposed },
                ))?
            }
            "MatMul" if weight.shape.len() == 2 => (weight.shape[1], 1, Form::Product { transposed: false }),
            _ => return None,
        };
        if outputs == 0 || weight.values.is_empty() || outputs % groups != 0 {
            return None;
        }
        Some(Layer {
            node: index,
            name: node.output.first()?.clone(),
            input: node.input.first()?.clone(),
            weight: node.input[1].clone(),
            bias,
            outputs,
            groups,
            taps: weight.values.len() / outputs,
            form,
        })
    }

    /// Weights output by output, and biases.
    pub fn parameters(&self, graph: &OnnxGraph) -> (Vec<f32>, Vec<f32>) {
        let weight = graph.floats(&self.weight).map(|weight| self.by_output(&weight.values)).unwrap_or_default();
        let bias = self.bias.as_ref().and_then(|bias| graph.floats(bias)).map(|bias| bias.values);
        (weight, bias.unwrap_or_else(|| vec![0.0; self.outputs]))
    }

    /// The axis of the weights that goes with the output channels.
    pub fn axis(&self) -> usize {
        usize::from(self.form == Form::Product { transposed: false })
    }

    /// Weights output by output, whatever the file's order.
    pub fn by_output<T: Copy>(&self, weights: &[T]) -> Vec<T> {
        match self.form {
            Form::Product { transposed: false } => transposed(weights, self.taps, self.outputs),
            _ => weights.to_vec(),
        }
    }

    /// Weights that lie output by output in the file's order.
    pub fn in_file<T: Copy>(&self, weights: &[T]) -> Vec<T> {
        match self.form {
            Form::Product { transposed: false } => transposed(weights, self.outputs, self.taps),
            _ => weights.to_vec(),
        }
    }

    /// Whether it is a convolution.
    pub fn is_convolution(&self) -> bool {
        matches!(self.form, Form::Convolution { .. })
    }

    /// Whether it is a convolution of every channel by itself.
    pub fn is_depthwise(&self) -> bool {
        self.is_convolution() && self.groups > 1 && self.groups == self.outputs
    }

    /// The group of an output channel.
    pub fn group(&self, output: usize) -> usize {
        output / (self.outputs / self.groups)
    }

    /// How many places of the input results are made from.
    pub fn places(&self, port: &Port) -> usize {
        match self.form {
            Form::Convolution { .. } => port.shape[2..].iter().product(),
            Form::Product { .. } => port.shape.iter().rev().skip(1).product(),
        }
    }

    /// Adds the patch that one result at a random place is made of: for each group its taps, in the order of the weights.
    /// Zero is what lies outside. `focus` sums up what the places of the input weigh, row by row: those that weigh more are taken more often.
    pub fn patch(&self, port: &Port, values: &[f32], focus: Option<&[f32]>, rng: &mut Rng, patch: &mut Vec<f32>) {
        let strides = port.strides();
        match self.form {
            Form::Product { .. } => {
                let place = rng.below(self.places(port).max(1));
                let mut rest = place;
                let mut start = 0;
                for axis in (0..port.shape.len() - 1).rev() {
                    start += rest % port.shape[axis] * strides[axis];
                    rest /= port.shape[axis];
                }
                let step = strides.last().copied().unwrap_or(1);
                patch.extend((0..self.taps).map(|tap| values[start + tap * step]));
            }
            Form::Convolution { kernel, stride, dilation, padding } => {
                let (rows, columns) = (port.shape[2], port.shape[3]);
                let chosen = focus.map(|weights| choose(weights, rng)).map(|place| [place / columns, place % columns]);
                let [row, column] = [(rows, 0), (columns, 1)].map(|(length, axis)| {
                    let reach = dilation[axis] * (kernel[axis] - 1);
                    let places = ((length + 2 * padding[axis]).saturating_sub(reach + 1)) / stride[axis] + 1;
                    let place = match chosen {
                        // The result whose patch has the chosen place in its middle.
                        Some(chosen) => {
                            ((chosen[axis] + padding[axis]).saturating_sub(reach / 2) / stride[axis]).min(places - 1)
                        }
                        None => rng.below(places),
                    };
                    (place * stride[axis]) as isize - padding[axis] as isize
                });
                for channel in 0..port.shape[1] {
                    for tap in 0..kernel[0] * kernel[1] {
                        let y = row + (tap / kernel[1] * dilation[0]) as isize;
                        let x = column + (tap % kernel[1] * dilation[1]) as isize;
                        let inside = y >= 0 && x >= 0 && (y as usize) < rows && (x as usize) < columns;
                        let at = || channel * strides[1] + y as usize * strides[2] + x as usize * strides[3];
                        patch.push(if inside { values[at()] } else { 0.0 });
                    }
                }
            }
        }
    }
}

/// A random place, by cumulated weights.
fn choose(cumulated: &[f32], rng: &mut Rng) -> usize {
    let wanted = rng.unit() * cumulated.last().copied().unwrap_or(0.0);
    cumulated.partition_point(|sum| *sum <= wanted).min(cumulated.len() - 1)
}

fn convolution(node: &NodeProto, weight: &Floats) -> Option<(usize, Form)> {
    let [_, _, rows, columns] = weight.shape[..] else { return None };
    let pair = |name: &str| match ints(node, name) {
        Some(&[a, b]) => [a.max(1) as usize, b.max(1) as usize],
        _ => [1, 1],
    };
    let padding = match (text(node, "auto_pad").as_deref(), ints(node, "pads")) {
        (None | Some("NOTSET"), Some(&[top, left, ..])) => [top.max(0) as usize, left.max(0) as usize],
        (None | Some("NOTSET" | "VALID"), _) => [0, 0],
        // Where exactly patches of the border lie is not worth knowing here.
        _ => [rows / 2, columns / 2],
    };
    let groups = int(node, "group", 1).max(1) as usize;
    Some((
        groups,
        Form::Convolution { kernel: [rows, columns], stride: pair("strides"), dilation: pair("dilations"), padding },
    ))
}

fn transposed<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}
