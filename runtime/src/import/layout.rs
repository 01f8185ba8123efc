//! In which order a tensor's axes lie in memory, and how to change that as rarely as possible.
//!
//! The importer keeps, for every ONNX value, the order of its axes in memory. A transpose only renames axes. A reshape
//! only renames them too as long as it splits or merges axes that are neighbours in memory. Bytes move where neither
//! holds, and nowhere else.

use super::Refusal;
use super::literal::{Literal, count};
use super::node::Value;
use crate::graph::{Graph, TensorId};
use crate::tensor::ElementType;

/// An ONNX value that a tensor of the graph holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    /// The tensor, in memory order.
    pub id: TensorId,
    /// Lengths of the axes in ONNX order.
    pub shape: Vec<usize>,
    /// The axes as they lie in memory, outermost first.
    pub order: Vec<usize>,
    /// Whether the file's elements are i8, held here shifted by 128 as u8.
    pub signed: bool,
}

/// The order of axes in which images are kept: batch, rows, columns, channels.
pub(super) fn channels_last(rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    if rank > 2 {
        order[1..].rotate_left(1);
    }
    order
}

/// The ONNX order itself.
pub(super) fn row_major(rank: usize) -> Vec<usize> {
    (0..rank).collect()
}

impl Placed {
    /// The tensor with its axes in `order`.
    pub fn in_order(&self, graph: &mut Graph, name: &str, order: &[usize]) -> TensorId {
        let perm: Vec<usize> =
            order.iter().map(|axis| self.order.iter().position(|a| a == axis).unwrap_or_default()).collect();
        graph.add_transpose(name, self.id, &perm)
    }

    /// Where an ONNX axis lies in memory.
    pub fn memory_axis(&self, axis: usize) -> usize {
        self.order.iter().position(|&a| a == axis).unwrap_or_default()
    }

    /// The same value held by another tensor.
    pub fn with(&self, id: TensorId) -> Placed {
        Placed { id, ..self.clone() }
    }

    /// Output axis i is input axis `perm[i]`; nothing moves.
    pub fn transposed(&self, perm: &[usize]) -> Placed {
        let mut renamed = vec![0; perm.len()];
        for (new, &old) in perm.iter().enumerate() {
            renamed[old] = new;
        }
        Placed {
            shape: perm.iter().map(|&axis| self.shape[axis]).collect(),
            order: self.order.iter().map(|&axis| renamed[axis]).collect(),
            ..self.clone()
        }
    }

    /// Channels of an image laid out as pixels: of each pixel's, `rows` × `columns` at a time become a block. The place in the
    /// block is the `outer` or the inner part of a channel's number. It moves once.
    pub fn spread(
        &self,
        graph: &mut Graph,
        name: &str,
        [rows, columns]: [usize; 2],
        outer: bool,
    ) -> Result<Placed, Refusal> {
        let &[n, channels, height, width] = &self.shape[..] else {
            return Err(Refusal::Invalid(format!("a tensor of shape {:?} is no image", self.shape)));
        };
        if channels % (rows * columns) != 0 {
            return Err(Refusal::Invalid(format!("{channels} channels do not make blocks of {rows} × {columns}")));
        }
        let depth = channels / (rows * columns);
        let (split, perm) = match outer {
            true => ([n, rows, columns, depth, height, width], [0, 3, 4, 1, 5, 2]),
            false => ([n, depth, rows, columns, height, width], [0, 1, 4, 2, 5, 3]),
        };
        let spread = self.reshaped(graph, name, &split)?.transposed(&perm);
        spread.reshaped(graph, name, &[n, depth, height * rows, width * columns])
    }

    /// The value under another shape with as many elements.
    pub fn reshaped(&self, graph: &mut Graph, name: &str, shape: &[usize]) -> Result<Placed, Refusal> {
        if count(&self.shape)? != count(shape)? {
            return Err(Refusal::Invalid(format!("{:?} cannot be reshaped to {shape:?}", self.shape)));
        }
        let wide = |shape: &[usize]| -> Vec<usize> { (0..shape.len()).filter(|&a| shape[a] != 1).collect() };
        let groups = group_axes(&self.shape, &wide(&self.shape), shape, &wide(shape));
        // The axes in memory, those of length 1 left out, and in the order that keeps each group together.
        let memory: Vec<usize> = self.order.iter().copied().filter(|&a| self.shape[a] != 1).collect();
        let group_of = |axis: usize| groups.iter().position(|(old, _)| old.contains(&axis)).unwrap_or_default();
        let mut sequence: Vec<usize> = Vec::new();
        for group in memory.iter().map(|&axis| group_of(axis)) {
            if !sequence.contains(&group) {
                sequence.push(group);
            }
        }
        let kept: Vec<usize> = sequence.iter().flat_map(|&group| groups[group].0.clone()).collect();
        let id = if kept == memory {
            self.id
        } else {
            let narrow = (0..self.shape.len()).filter(|&a| self.shape[a] == 1);
            self.in_order(graph, name, &narrow.chain(kept).collect::<Vec<_>>())
        };
        let narrow = (0..shape.len()).filter(|&a| shape[a] == 1);
        let order: Vec<usize> = narrow.chain(sequence.iter().flat_map(|&group| groups[group].1.clone())).collect();
        let id = graph.add_reshape(name, id, order.iter().map(|&axis| shape[axis]).collect());
        Ok(Placed { id, shape: shape.to_vec(), order, signed: self.signed })
    }
}

/// Splits the axes of a reshape into the smallest runs, old and new, that hold the same number of elements.
fn group_axes(old: &[usize], old_axes: &[usize], new: &[usize], new_axes: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let (mut groups, mut i, mut j) = (Vec::new(), 0, 0);
    while i < old_axes.len() && j < new_axes.len() {
        let (start_i, start_j) = (i, j);
        let (mut left, mut right) = (old[old_axes[i]], new[new_axes[j]]);
        while left != right {
            if left < right && i + 1 < old_axes.len() {
                i += 1;
                left *= old[old_axes[i]];
            } else if j + 1 < new_axes.len() {
                j += 1;
                right *= new[new_axes[j]];
            } else {
                break;
            }
        }
        groups.push((old_axes[start_i..=i].to_vec(), new_axes[start_j..=j].to_vec()));
        i += 1;
        j += 1;
    }
    groups
}

/// Operands of one rank in one order of axes.
pub(super) struct Aligned {
    /// The operands.
    pub ids: Vec<TensorId>,
    /// The ONNX shape that they broadcast to.
    pub shape: Vec<usize>,
    /// The axes as they lie in memory.
    pub order: Vec<usize>,
}

/// Brings operands to one rank and one order of axes, so that they broadcast axis by axis.
pub(super) fn align(graph: &mut Graph, name: &str, operands: &[&Value]) -> Result<Aligned, Refusal> {
    let rank = operands.iter().map(|value| value.shape().len()).max().unwrap_or(0);
    let mut shape = vec![1; rank];
    for operand in operands {
        let padded = rank - operand.shape().len();
        for (axis, &length) in operand.shape().iter().enumerate() {
            let merged = &mut shape[axis + padded];
            match (*merged, length) {
                (_, 1) => {}
                (1, _) => *merged = length,
                (a, b) if a == b => {}
                (a, b) => return Err(Refusal::Invalid(format!("axes of lengths {a} and {b} do not broadcast"))),
            }
        }
    }
    let extended = |order: &[usize]| -> Vec<usize> {
        let padded = rank - order.len();
        (0..padded).chain(order.iter().map(|&axis| axis + padded)).collect()
    };
    // The largest computed operand stays as it is; the others follow it.
    let order = (operands.iter())
        .filter_map(|value| match value {
            Value::Placed(placed) => Some((placed.shape.iter().product::<usize>(), extended(&placed.order))),
            Value::Literal(_) => None,
        })
        .reduce(|a, b| if b.0 > a.0 { b } else { a })
        .map_or_else(|| row_major(rank), |(_, order)| order);
    let mut ids = Vec::new();
    for operand in operands {
        let mut full = vec![1; rank - operand.shape().len()];
        full.extend_from_slice(operand.shape());
        let memory: Vec<usize> = order.iter().map(|&axis| full[axis]).collect();
        ids.push(match operand {
            Value::Literal(literal) => {
                let literal = Literal { shape: full, ..(*literal).clone() };
                graph.add_constant(name, memory, literal.to_constant(&order))
            }
            Value::Placed(placed) => {
                let padded = rank - placed.shape.len();
                let own = extended(&placed.order);
                let in_memory: Vec<usize> = own.iter().map(|&axis| full[axis]).collect();
                let id = if padded > 0 { graph.add_reshape(name, placed.id, in_memory) } else { placed.id };
                Placed { id, shape: full, order: own, signed: placed.signed }.in_order(graph, name, &order)
            }
        });
    }
    Ok(Aligned { ids, shape, order })
}

/// Puts a value into the graph in the given order, constants included.
pub(super) fn materialise(graph: &mut Graph, name: &str, value: &Value, order: &[usize]) -> TensorId {
    match value {
        Value::Placed(placed) => placed.in_order(graph, name, order),
        Value::Literal(literal) => {
            let shape = order.iter().map(|&axis| literal.shape[axis]).collect();
            graph.add_constant(name, shape, literal.to_constant(order))
        }
    }
}

/// Whether the file's elements of this value are signed bytes.
pub(super) fn is_signed(value: &Value) -> bool {
    match value {
        Value::Placed(placed) => placed.signed,
        Value::Literal(literal) => matches!(literal.elements, super::literal::Elements::I8(_)),
    }
}

/// The element type of a value as the graph holds it.
pub(super) fn element(graph: &Graph, value: &Value) -> ElementType {
    use super::literal::Elements;
    match value {
        Value::Placed(placed) => graph.tensor(placed.id).element,
        Value::Literal(literal) => match literal.elements {
            Elements::F32(_) => ElementType::F32,
            Elements::I64(_) => ElementType::I64,
            Elements::I32(_) => ElementType::I32,
            Elements::I8(_) | Elements::U8(_) => ElementType::U8,
            Elements::Bool(_) => ElementType::Bool,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(graph: &mut Graph, shape: &[usize]) -> Placed {
        let order = channels_last(shape.len());
        let id = graph.add_tensor("x", order.iter().map(|&a| shape[a]).collect(), ElementType::F32, None);
        Placed { id, shape: shape.to_vec(), order, signed: false }
    }

    fn moves(graph: &Graph) -> usize {
        graph.nodes.iter().filter(|node| node.op.kind() == "Transpose").count()
    }

    #[test]
    fn a_detection_head_moves_nothing() {
        // [1, 4, 20, 30] → transpose to NHWC → reshape to [1, 600, 4]
        let mut graph = Graph::default();
        let x = image(&mut graph, &[1, 4, 20, 30]);
        let y = x.transposed(&[0, 2, 3, 1]).reshaped(&mut graph, "r", &[1, 600, 4]).unwrap();
        assert_eq!(graph.tensor(y.id).shape, [1, 600, 4]);
        assert_eq!((y.order, moves(&graph)), (vec![0, 1, 2], 0));
        // [1, 4, 20, 30] → reshape to [1, 4, 600] keeps the channels innermost.
        let y = x.reshaped(&mut graph, "r", &[1, 4, 600]).unwrap();
        assert_eq!(graph.tensor(y.id).shape, [1, 600, 4]);
        assert_eq!((y.order, moves(&graph)), (vec![0, 2, 1], 0));
    }

    #[test]
    fn flattening_an_image_moves_its_channels_out() {
        let mut graph = Graph::default();
        let x = image(&mut graph, &[1, 4, 20, 30]);
        let y = x.reshaped(&mut graph, "r", &[1, 2400]).unwrap();
        assert_eq!((graph.tensor(y.id).shape.as_slice(), moves(&graph)), ([1, 2400].as_slice(), 1));
    }

    #[test]
    fn a_channel_shuffle_moves_once() {
        let mut graph = Graph::default();
        let x = image(&mut graph, &[1, 6, 5, 7]);
        let split = x.reshaped(&mut graph, "r", &[1, 2, 3, 5, 7]).unwrap();
        assert_eq!(moves(&graph), 0);
        let y = split.transposed(&[0, 2, 1, 3, 4]).reshaped(&mut graph, "r", &[1, 6, 5, 7]).unwrap();
        assert_eq!(graph.tensor(y.id).shape, [1, 5, 7, 6]);
        assert_eq!(moves(&graph), 1);
    }
}
