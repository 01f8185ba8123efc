//! Dequantise → convolve, whose result stays in floats, multiplies bytes: the sums are made floats, not the inputs.
//!
//! Sums of bytes are exact, so that the result is rounded once, where floats round at every product and sum. Depthwise
//! convolutions stay as they are: they have too few products behind an output for it to be worth while.

use retort_core::function::Function;
use retort_core::plan::step::ConvolutionForm;

use super::dequantise::dequantised;
use crate::graph::{Constant, Convolution, ConvolutionDynamic, Graph, Op, Scaling, Sums, Uses, Weights, form};
use crate::quantised;
use crate::tensor::Quantisation;

/// Rewrites every such convolution. To run behind the integer pass, which takes those whose result is quantised.
pub fn run(graph: &mut Graph) -> usize {
    let uses = graph.uses();
    (0..graph.nodes.len()).filter(|&index| rewrite(graph, &uses, index).is_some()).count()
}

fn rewrite(graph: &mut Graph, uses: &Uses, index: usize) -> Option<()> {
    let node = &graph.nodes[index];
    let Op::Convolution(conv) = &node.op else { return None };
    let bytes = dequantised(graph, uses, node.inputs[0])?;
    let from = graph.tensor(bytes).quantisation?;
    let op = sums(conv, from)?;
    let name = node.name.clone();
    let parameters = Constant::F32(vec![from.scale, from.zero_point as f32]);
    let parameters = graph.add_constant(&name, vec![2], parameters);
    let node = &mut graph.nodes[index];
    node.op = Op::ConvolutionDynamic(Box::new(op));
    node.inputs = vec![bytes, parameters];
    Some(())
}

/// The convolution of bytes; none where it would not be quicker or sums might overflow.
fn sums(conv: &Convolution, from: Quantisation) -> Option<ConvolutionDynamic> {
    let Weights::Quantised(weights) = &conv.weights else { return None };
    let Convolution { window, groups, in_channels, out_channels, activation, .. } = *conv;
    let form = form(&window, groups, in_channels, out_channels);
    let scale: Vec<f32> = weights.scales.iter().map(|scale| from.scale * scale).collect();
    if form == ConvolutionForm::Depthwise
        || activation != Function::Identity
        || scale.iter().any(|scale| !scale.is_finite())
        || quantised::overflowing(&weights.values, &vec![0; out_channels]).is_some()
    {
        return None;
    }
    let bias = conv.bias.as_ref().map(|bias| bias.floats.clone());
    Some(ConvolutionDynamic {
        window,
        groups,
        in_channels,
        out_channels,
        weights: weights.values.clone(),
        sums: Sums::Floats(Scaling { by_input: false, scale: Some(scale), bias, activation }),
    })
}
