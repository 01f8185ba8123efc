//! Which tensors are stored as signed bytes.
//!
//! Some instruction sets multiply signed bytes only, so that their kernels take 128 off every byte that they read, again for every
//! block of output channels. Where nothing but such kernels reads and writes a tensor, its bytes are stored less 128 once and for
//! all. Nodes that only move bytes do so with either kind, and tables may read one and make the other.

use retort_core::kernels::{ConvolutionShape, Packing};
use retort_core::plan::step::Interpolation;

use crate::graph::{ConvolutionInt8, Graph, Node, Op, TensorId, form};
use crate::tensor::ElementType;

/// For each tensor, whether it is stored as signed bytes.
pub fn signed(graph: &Graph, packing: &dyn Packing) -> Vec<bool> {
    let mut signed: Vec<bool> =
        graph.tensors.iter().map(|tensor| tensor.element == ElementType::U8 && tensor.constant.is_none()).collect();
    for border in graph.inputs.iter().chain(&graph.outputs) {
        signed[border.tensor.0] = false;
    }
    // Without a convolution that takes signed bytes there is no use for any.
    let any = graph.nodes.iter().any(|node| match &node.op {
        Op::ConvolutionInt8(conv) => takes_signed(conv, packing),
        _ => false,
    });
    // Moved bytes are of one kind: a tensor that is not signed takes that from those that it is moved from and to.
    loop {
        let before = signed.clone();
        for node in &graph.nodes {
            let tensors = || node.inputs.iter().chain(&node.outputs).map(|id: &TensorId| id.0);
            match &node.op {
                Op::ConvolutionInt8(conv) if takes_signed(conv, packing) => continue,
                Op::Lookup(_) if any => continue,
                _ if moves(node) && tensors().all(|tensor| signed[tensor]) => continue,
                _ => tensors().for_each(|tensor| signed[tensor] = false),
            }
        }
        if signed == before {
            return signed;
        }
    }
}

/// Whether the kernels of a convolution take signed bytes.
fn takes_signed(conv: &ConvolutionInt8, packing: &dyn Packing) -> bool {
    let dimension = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let shape = ConvolutionShape {
        form: form(&conv.window, conv.groups, conv.in_channels, conv.out_channels),
        groups: dimension(conv.groups),
        kernel: conv.window.kernel.map(dimension),
        dilation: conv.window.dilation.map(dimension),
        in_channels: dimension(conv.in_channels),
        out_channels: dimension(conv.out_channels),
    };
    packing.takes_signed(&shape, conv.is_wide())
}

/// Whether a node moves elements and does not care what they are.
fn moves(node: &Node) -> bool {
    match node.op {
        Op::Reshape | Op::Transpose(_) | Op::Slice { .. } | Op::Concat(_) | Op::Gather { .. } | Op::Broadcast => true,
        Op::Resize { interpolation, .. } => interpolation == Interpolation::Nearest,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use retort_core::kernels::{KernelSet, packing};

    use super::*;
    use crate::graph::{Border, Epilogue, Window};
    use crate::tensor::{Port, Quantisation};

    fn convolution(graph: &mut Graph, x: TensorId, wide: bool) -> TensorId {
        let op = Op::ConvolutionInt8(Box::new(ConvolutionInt8 {
            window: Window::ONE,
            groups: 1,
            in_channels: 4,
            out_channels: 4,
            weights: vec![if wide { 200 } else { 3 }; 16],
            bias: vec![0; 4],
            multiplier: vec![0.5; 4],
            y_zero: 0,
            epilogue: Epilogue::default(),
        }));
        graph.add_like("convolution", op, vec![x], vec![1, 2, 2, 4])
    }

    /// A graph of bytes, and its input.
    fn with_input() -> (Graph, TensorId) {
        let mut graph = Graph::default();
        let quantisation = Some(Quantisation::UNIT);
        let x = graph.add_tensor("x", vec![1, 2, 2, 4], ElementType::U8, quantisation);
        graph.inputs.push(border(&graph, x));
        (graph, x)
    }

    fn border(graph: &Graph, tensor: TensorId) -> Border {
        let shape = graph.tensor(tensor).shape.clone();
        let order = (0..shape.len()).collect();
        Border { tensor, port: Port { name: "p".into(), element: ElementType::U8, shape, order, quantisation: None } }
    }

    #[test]
    fn bytes_between_convolutions_are_signed_and_others_are_not() {
        let (mut graph, x) = with_input();
        let a = convolution(&mut graph, x, false);
        let half = graph.add_like("half", Op::Slice { start: vec![0; 4], step: vec![1; 4] }, vec![a], vec![1, 2, 2, 4]);
        let b = convolution(&mut graph, half, false);
        let table = Op::Lookup(Box::new([7; 256]));
        let mapped = graph.add_like("mapped", table, vec![b], vec![1, 2, 2, 4]);
        let c = convolution(&mut graph, mapped, false);
        let joined = graph.add_like("joined", Op::Concat(3), vec![c, mapped], vec![1, 2, 2, 8]);
        graph.outputs.push(border(&graph, joined));
        let found = signed(&graph, packing(KernelSet::NeonDotprod));
        let expected = [(x, false), (a, true), (half, true), (b, true), (mapped, false), (c, false), (joined, false)];
        assert_eq!(expected.map(|(id, _)| (id, found[id.0])), expected);
        assert!(signed(&graph, packing(KernelSet::Portable)).iter().all(|signed| !signed));
    }

    #[test]
    fn weights_of_16_bits_take_bytes_as_they_are() {
        let (mut graph, x) = with_input();
        let a = convolution(&mut graph, x, false);
        let b = convolution(&mut graph, a, true);
        graph.outputs.push(border(&graph, b));
        assert!(!signed(&graph, packing(KernelSet::NeonDotprod))[a.0]);
    }
}
