//! Steps that move elements; none where a tensor already lies where it should.

use retort_core::plan::step::{self, Step};

use super::super::PlanningError;
use super::super::memory::{contiguous, slot};
use super::super::writer::word;
use super::views::{Strided, walk};
use super::{Lowering, Steps};
use crate::graph::{Node, Op, TensorId};
use crate::tensor::ElementType;

impl Lowering<'_> {
    fn size(&self, id: TensorId) -> usize {
        self.graph.tensor(id).element.size()
    }

    fn copy(&self, size: usize, shape: &[usize], x: &Strided, y: &Strided) -> Result<Step, PlanningError> {
        let (extent, [x, y]) = walk(shape, [x, y])?;
        Ok(Step::Copy(step::Copy { size: word(size)?, extent, x, y }))
    }

    /// Steps of a node that only moves elements.
    pub(super) fn movement(&mut self, node: &Node) -> Result<Steps, PlanningError> {
        let (input, output) = (node.inputs[0], node.output());
        let shape = self.graph.tensor(output).shape.clone();
        let size = self.size(output);
        match &node.op {
            Op::Reshape => {
                let (x, y) = (self.strided(input)?, self.strided(output)?);
                if (x.place, x.offset) == (y.place, y.offset) {
                    return Ok(vec![]);
                }
                let flat = |at: Strided| Strided { strides: contiguous(&shape), ..at };
                Ok(vec![self.copy(size, &shape, &flat(x), &flat(y))?])
            }
            Op::Transpose(perm) => {
                let (mut x, y) = (self.strided(input)?, self.strided(output)?);
                x.strides = perm.iter().map(|&axis| x.strides[axis]).collect();
                Ok(vec![self.copy(size, &shape, &x, &y)?])
            }
            Op::Slice { start, step } => {
                let x = self.strided(input)?.within(start, step, size);
                let y = self.strided(output)?;
                let is_view = (x.place, x.offset) == (y.place, y.offset);
                if is_view { Ok(vec![]) } else { Ok(vec![self.copy(size, &shape, &x, &y)?]) }
            }
            Op::Broadcast => {
                let (x, y) = (self.broadcast(input, &shape)?, self.strided(output)?);
                Ok(vec![self.copy(size, &shape, &x, &y)?])
            }
            Op::Concat(axis) => self.concat(node, *axis, size),
            Op::Pad { before, value } => {
                let y = self.strided(output)?;
                let bits = match self.graph.tensor(output).element {
                    ElementType::F32 => value.to_bits(),
                    _ => *value as u32,
                };
                let (extent, [whole]) = walk(&shape, [&y])?;
                let fill = step::Fill { size: word(size)?, extent, y: whole, value: bits };
                let inner = y.within(before, &vec![1; shape.len()], size);
                let (x, from) = (self.strided(input)?, self.graph.tensor(input).shape.clone());
                Ok(vec![Step::Fill(fill), self.copy(size, &from, &x, &inner)?])
            }
            Op::Gather { axis, indices } => {
                let from = &self.graph.tensor(input).shape;
                let (outer, len, inner) = split(from, *axis);
                Ok(vec![Step::Gather(step::Gather {
                    size: word(size)?,
                    outer: word(outer)?,
                    len: word(len)?,
                    inner: word(inner)?,
                    x: self.span(input)?,
                    y: self.span(output)?,
                    indices: self.writer.blob(indices.iter().flat_map(|i| i.to_le_bytes()).collect())?,
                })])
            }
            _ => Err(self.unsupported(node, "is no movement")),
        }
    }

    fn concat(&mut self, node: &Node, axis: usize, size: usize) -> Result<Steps, PlanningError> {
        let place = self.location(node.output()).cloned();
        let whole = self.strided(node.output())?;
        let (mut start, mut steps) = (0, Vec::new());
        for &input in &node.inputs {
            let shape = self.graph.tensor(input).shape.clone();
            let written = (self.location(input).zip(place.as_ref()))
                .is_some_and(|(own, place)| *own == slot(self.graph, node, start, place));
            if !written {
                let mut from = vec![0; shape.len()];
                from[axis] = start;
                let part = whole.clone().within(&from, &vec![1; shape.len()], size);
                let x = self.strided(input)?;
                steps.push(self.copy(size, &shape, &x, &part)?);
            }
            start += shape[axis];
        }
        Ok(steps)
    }
}

/// Products of the axes in front of, at, and behind `axis`.
pub(super) fn split(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}
