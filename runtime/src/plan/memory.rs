//! Decides which tensors share memory.
//!
//! Every tensor gets a *location*: a buffer, an offset in it, and strides. Most tensors have a buffer of their own. But a
//! reshape is the same memory under another shape; the inputs of a concatenation are written straight into its output,
//! at an offset; a table or an activation works in place; and a slice is a view. Locations are given from the last
//! node to the first, because it is the reader of a tensor that knows where it would best lie. Where the wishes of two
//! readers collide, or a step would read and write one buffer, the tensor is barred from sharing and all is done again.

use std::collections::HashSet;

use crate::graph::{Graph, Node, Op, TensorId, Uses};

/// Where a tensor lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The buffer.
    pub buffer: usize,
    /// Bytes from the buffer's start to the first element.
    pub offset: usize,
    /// Elements between neighbours along each axis.
    pub strides: Vec<usize>,
}

/// The strides of a contiguous tensor.
pub fn contiguous(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Whether strides are those of a contiguous tensor, axes of length 1 aside.
pub fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    shape.iter().zip(strides).zip(contiguous(shape)).all(|((&length, &stride), packed)| length == 1 || stride == packed)
}

/// Elements from one pixel to the next, if a view of this shape and these strides is an NHWC image.
pub fn pixel_stride(shape: &[usize], strides: &[usize]) -> Option<usize> {
    let ([n, h, w, c], [sn, sh, sw, sc]) = (shape, strides) else { return None };
    let stride = if *w > 1 {
        *sw
    } else if *h > 1 {
        *sh
    } else if *n > 1 {
        *sn
    } else {
        *c
    };
    let fits = (*c == 1 || *sc == 1)
        && stride >= *c
        && (*w == 1 || *sw == stride)
        && (*h == 1 || *sh == stride * w)
        && (*n == 1 || *sn == stride * w * h);
    fits.then_some(stride)
}

/// The locations of all tensors that nodes or inputs fill, and the buffers' lengths in bytes.
pub struct Memory {
    /// By tensor; `None` for constants and tensors that no longer take part.
    pub locations: Vec<Option<Location>>,
    /// Bytes of each buffer.
    pub buffers: Vec<usize>,
}

/// What strides a node can write and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Any,
    Image,
    Contiguous,
}

fn access(op: &Op) -> Access {
    match op {
        Op::Convolution(_) | Op::ConvolutionInt8(_) | Op::ConvolutionDynamic(_) | Op::Pool(..) | Op::Resize { .. } => {
            Access::Image
        }
        Op::Binary(..) | Op::BinaryInt8(..) | Op::Unary(_) | Op::Lookup(_) => Access::Any,
        Op::Quantize | Op::QuantizeDynamic | Op::Dequantize => Access::Any,
        Op::Transpose(_) | Op::Slice { .. } | Op::Concat(_) | Op::Pad { .. } | Op::Broadcast => Access::Any,
        Op::Reshape | Op::Gather { .. } | Op::Softmax(_) | Op::SoftmaxInt8 { .. } | Op::Reduce(..) => {
            Access::Contiguous
        }
        Op::GlobalAverage | Op::MatMul | Op::Range | Op::External(_) => Access::Contiguous,
    }
}

fn allows(access: Access, shape: &[usize], strides: &[usize]) -> bool {
    match access {
        Access::Any => true,
        Access::Image => pixel_stride(shape, strides).is_some(),
        Access::Contiguous => is_contiguous(shape, strides),
    }
}

/// Gives every tensor its location.
pub fn assign(graph: &Graph) -> Memory {
    let uses = graph.uses();
    let mut barred = HashSet::new();
    loop {
        let mut assignment = Assignment {
            graph,
            uses: &uses,
            barred: &barred,
            memory: Memory { locations: vec![None; graph.tensors.len()], buffers: Vec::new() },
            views: HashSet::new(),
        };
        match assignment.run() {
            None => return assignment.memory,
            // Each round bars one more tensor, so the loop ends.
            Some(tensor) => {
                barred.insert(tensor);
            }
        }
    }
}

/// Where the input of a concatenation belongs whose elements begin at `start` of the joined axis; `place` itself for any
/// other node.
pub fn slot(graph: &Graph, node: &Node, start: usize, place: &Location) -> Location {
    let Op::Concat(axis) = node.op else { return place.clone() };
    let size = graph.tensor(node.output()).element.size();
    Location { offset: place.offset + start * place.strides[axis] * size, ..place.clone() }
}

struct Assignment<'a> {
    graph: &'a Graph,
    uses: &'a Uses,
    /// Tensors that must have a buffer of their own.
    barred: &'a HashSet<TensorId>,
    memory: Memory,
    /// Slices that are views of their input.
    views: HashSet<TensorId>,
}

impl Assignment<'_> {
    /// Assigns everything; returns a tensor that must not share, if one turns up.
    fn run(&mut self) -> Option<TensorId> {
        for border in self.graph.inputs.iter().chain(&self.graph.outputs) {
            self.own_buffer(border.tensor);
        }
        for node in self.graph.nodes.iter().rev() {
            self.node(node);
        }
        self.resolve_views().or_else(|| self.conflict())
    }

    fn shape(&self, id: TensorId) -> &[usize] {
        &self.graph.tensor(id).shape
    }

    fn location(&self, id: TensorId) -> Option<&Location> {
        self.memory.locations[id.0].as_ref()
    }

    fn own_buffer(&mut self, id: TensorId) {
        if self.location(id).is_none() {
            let tensor = self.graph.tensor(id);
            let location =
                Location { buffer: self.memory.buffers.len(), offset: 0, strides: contiguous(&tensor.shape) };
            self.memory.buffers.push(tensor.len() * tensor.element.size());
            self.memory.locations[id.0] = Some(location);
        }
    }

    /// Whether `id` may be given a location by the node that reads it.
    fn is_free(&self, id: TensorId) -> bool {
        let tensor = self.graph.tensor(id);
        tensor.constant.is_none() && self.location(id).is_none() && !self.barred.contains(&id)
    }

    /// Whether what makes `id` can write these strides, and everything that reads it can read them.
    fn can_lie(&self, id: TensorId, strides: &[usize]) -> bool {
        let fits = |node: usize| allows(access(&self.graph.nodes[node].op), self.shape(id), strides);
        self.uses.producer[id.0].is_some_and(fits) && self.uses.consumers[id.0].iter().all(|&node| fits(node))
    }

    fn node(&mut self, node: &Node) {
        let y = node.output();
        if let Op::Slice { .. } = node.op
            && self.is_free(y)
            && self.graph.tensor(node.inputs[0]).constant.is_none()
        {
            self.views.insert(y);
            return;
        }
        node.outputs.iter().for_each(|&output| self.own_buffer(output));
        let Some(place) = self.location(y).cloned() else { return };
        let x = node.inputs[0];
        match &node.op {
            Op::Reshape if self.is_free(x) && is_contiguous(self.shape(y), &place.strides) => {
                let strides = contiguous(self.shape(x));
                if self.can_lie(x, &strides) {
                    self.memory.locations[x.0] = Some(Location { strides, ..place });
                }
            }
            Op::Concat(axis) => {
                let mut start = 0;
                for &input in &node.inputs {
                    if self.is_free(input) && self.can_lie(input, &place.strides) {
                        self.memory.locations[input.0] = Some(slot(self.graph, node, start, &place));
                    }
                    start += self.shape(input)[*axis];
                }
            }
            Op::Unary(_) | Op::Lookup(_) | Op::Softmax(_) => {
                let is_view = self.uses.producer[x.0].is_some_and(|producer| {
                    // Tables and functions are fast on elements side by side: a slice with gaps is copied first.
                    matches!(&self.graph.nodes[producer].op, Op::Slice { step, .. } if step.last() == Some(&1))
                });
                let alone = self.uses.only_consumer(x).is_some() && !is_view;
                if alone && self.is_free(x) && self.can_lie(x, &place.strides) {
                    self.memory.locations[x.0] = Some(place);
                }
            }
            _ => {}
        }
    }

    /// Locates slices within their inputs, first to last.
    fn resolve_views(&mut self) -> Option<TensorId> {
        for node in &self.graph.nodes {
            let (Op::Slice { start, step }, y) = (&node.op, node.output()) else { continue };
            if !self.views.contains(&y) {
                continue;
            }
            let Some(place) = self.location(node.inputs[0]).cloned() else { return Some(y) };
            let size = self.graph.tensor(y).element.size();
            let skipped: usize = start.iter().zip(&place.strides).map(|(start, stride)| start * stride).sum();
            let strides: Vec<usize> = step.iter().zip(&place.strides).map(|(step, stride)| step * stride).collect();
            if !self.can_lie(y, &strides) {
                return Some(y);
            }
            self.memory.locations[y.0] = Some(Location { offset: place.offset + skipped * size, strides, ..place });
        }
        None
    }

    /// A tensor whose sharing makes a step write what it reads.
    fn conflict(&self) -> Option<TensorId> {
        for node in &self.graph.nodes {
            if self.views.contains(&node.output()) {
                continue;
            }
            for &output in &node.outputs {
                let Some(y) = self.location(output) else { continue };
                let mut start = 0;
                for &input in &node.inputs {
                    let slot = slot(self.graph, node, start, y);
                    if let Op::Concat(axis) = node.op {
                        start += self.shape(input)[axis];
                    }
                    let Some(x) = self.location(input).filter(|x| x.buffer == y.buffer) else { continue };
                    let in_place = match &node.op {
                        Op::Reshape => x.offset == y.offset,
                        Op::Unary(_) | Op::Lookup(_) | Op::Softmax(_) => x == y,
                        Op::Concat(_) => *x == slot,
                        _ => false,
                    };
                    if !in_place {
                        // Whichever of the two was given a place in a buffer that is not its own gives it up.
                        return Some(if self.barred.contains(&output) || self.is_border(output) {
                            input
                        } else {
                            output
                        });
                    }
                }
            }
        }
        None
    }

    fn is_border(&self, id: TensorId) -> bool {
        self.uses.leaves[id.0] || self.graph.inputs.iter().any(|border| border.tensor == id)
    }
}

#[cfg(test)]
mod tests {
    use retort_core::function::Function;

    use super::*;
    use crate::graph::Border;
    use crate::tensor::{ElementType, Port};

    const RELU: Op = Op::Unary(Function::Clamp { low: 0.0, high: f32::INFINITY });

    fn border(graph: &Graph, tensor: TensorId) -> Border {
        let shape = graph.tensor(tensor).shape.clone();
        let order = (0..shape.len()).collect();
        let port = Port { name: "p".into(), element: ElementType::F32, shape, order, quantisation: None };
        Border { tensor, port }
    }

    fn with_input(shape: &[usize]) -> (Graph, TensorId) {
        let mut graph = Graph::default();
        let x = graph.add_tensor("x", shape.to_vec(), ElementType::F32, None);
        graph.inputs.push(border(&graph, x));
        (graph, x)
    }

    fn assigned(mut graph: Graph, output: TensorId) -> (Graph, Memory) {
        graph.outputs.push(border(&graph, output));
        let memory = assign(&graph);
        (graph, memory)
    }

    fn at(memory: &Memory, id: TensorId) -> &Location {
        memory.locations[id.0].as_ref().unwrap()
    }

    #[test]
    fn a_slice_of_channels_is_an_image() {
        assert_eq!(pixel_stride(&[1, 4, 5, 8], &[400, 100, 20, 1]), Some(20));
        assert_eq!(pixel_stride(&[1, 4, 5, 8], &[160, 40, 8, 1]), Some(8));
        assert_eq!(pixel_stride(&[1, 4, 5, 8], &[400, 100, 20, 2]), None);
        assert_eq!(pixel_stride(&[1, 4, 5, 8], &[999, 120, 20, 1]), None);
        assert_eq!(pixel_stride(&[1, 1, 1, 8], &[999, 120, 20, 1]), Some(8));
    }

    #[test]
    fn joined_tensors_are_written_into_the_result() {
        let (mut graph, x) = with_input(&[1, 2, 2, 3]);
        let a = graph.add_like("a", RELU, vec![x], vec![1, 2, 2, 3]);
        let b = graph.add_like("b", RELU, vec![x], vec![1, 2, 2, 3]);
        let y = graph.add_like("y", Op::Concat(3), vec![a, b], vec![1, 2, 2, 6]);
        let (_, memory) = assigned(graph, y);
        let whole = at(&memory, y);
        assert_eq!(at(&memory, a), whole);
        assert_eq!(*at(&memory, b), Location { offset: 12, ..whole.clone() });
    }

    #[test]
    fn a_tensor_joined_twice_is_copied() {
        let (mut graph, x) = with_input(&[1, 2, 2, 3]);
        let a = graph.add_like("a", RELU, vec![x], vec![1, 2, 2, 3]);
        let y = graph.add_like("y", Op::Concat(3), vec![a, a], vec![1, 2, 2, 6]);
        let (_, memory) = assigned(graph, y);
        assert_ne!(at(&memory, a).buffer, at(&memory, y).buffer);
    }

    #[test]
    fn no_node_reads_the_buffer_it_writes() {
        // b is computed from a, and both are joined: they cannot both lie in the result while b is computed.
        let (mut graph, x) = with_input(&[1, 2, 2, 3]);
        let a = graph.add_like("a", RELU, vec![x], vec![1, 2, 2, 3]);
        let b = graph.add_like("b", Op::Transpose(vec![0, 2, 1, 3]), vec![a], vec![1, 2, 2, 3]);
        let y = graph.add_like("y", Op::Concat(3), vec![a, b], vec![1, 2, 2, 6]);
        let (_, memory) = assigned(graph, y);
        assert_ne!(at(&memory, a).buffer, at(&memory, b).buffer);
    }

    #[test]
    fn reshapes_share_and_activations_work_in_place() {
        let (mut graph, x) = with_input(&[1, 2, 2, 3]);
        let a = graph.add_like("a", Op::Transpose(vec![0, 2, 1, 3]), vec![x], vec![1, 2, 2, 3]);
        let b = graph.add_like("b", RELU, vec![a], vec![1, 2, 2, 3]);
        let y = graph.add_like("y", Op::Reshape, vec![b], vec![1, 12]);
        let (_, memory) = assigned(graph, y);
        let buffers = [a, b, y].map(|id| at(&memory, id).buffer);
        assert!(buffers.iter().all(|&buffer| buffer == buffers[0]), "{buffers:?}");
    }

    #[test]
    fn a_slice_with_gaps_is_packed_before_a_function_works_in_place() {
        let (mut graph, x) = with_input(&[1, 2, 2, 6]);
        let slice = Op::Slice { start: vec![0; 4], step: vec![1, 1, 1, 2] };
        let half = graph.add_like("half", slice, vec![x], vec![1, 2, 2, 3]);
        let a = graph.add_like("a", RELU, vec![half], vec![1, 2, 2, 3]);
        let b = graph.add_like("b", RELU, vec![x], vec![1, 2, 2, 3]);
        let y = graph.add_like("y", Op::Concat(3), vec![a, b], vec![1, 2, 2, 6]);
        let (_, memory) = assigned(graph, y);
        assert_eq!(at(&memory, half), at(&memory, y));
        assert_eq!(at(&memory, a), at(&memory, y));
    }

    #[test]
    fn a_slice_that_can_be_read_in_place_is_a_view() {
        let (mut graph, x) = with_input(&[1, 2, 2, 6]);
        let slice = Op::Slice { start: vec![0, 0, 0, 3], step: vec![1; 4] };
        let half = graph.add_like("half", slice, vec![x], vec![1, 2, 2, 3]);
        let y = graph.add_like("y", Op::Transpose(vec![0, 2, 1, 3]), vec![half], vec![1, 2, 2, 3]);
        let (_, memory) = assigned(graph, y);
        assert_eq!(*at(&memory, half), Location { offset: 12, ..at(&memory, x).clone() });
    }
}
