//! What loading a model has cost so far, held against the limits.

use super::Refusal;
use super::literal::Literal;
use super::node::Value;
use crate::graph::{Constant, Graph, Op};
use crate::limits::{Exceeded, Limit, Limits};

/// What is computed once may be this part of what is computed in every run.
const ONCE: u64 = 64;

impl From<Exceeded> for Refusal {
    fn from(exceeded: Exceeded) -> Self {
        Refusal::Invalid(exceeded.to_string())
    }
}

/// Nodes of the graph that a node of the file may become on average.
const EACH: u64 = 8;

/// Memory and work of an import.
pub(super) struct Budget<'l> {
    limits: &'l Limits,
    bytes: u64,
    work: u64,
    /// Tensors and nodes of the graph that have been counted.
    seen: [usize; 2],
}

impl<'l> Budget<'l> {
    /// What is left after a file that takes so many bytes.
    pub fn new(limits: &'l Limits, bytes: u64) -> Self {
        Budget { limits, bytes, work: 0, seen: [0; 2] }
    }

    /// The limits.
    pub fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// Counts a constant that is kept.
    pub fn keep(&mut self, literal: &Literal) -> Result<(), Exceeded> {
        self.limits.check_shape(&literal.shape)?;
        self.add(literal.bytes())
    }

    fn add(&mut self, bytes: u64) -> Result<(), Exceeded> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.limits.check(Limit::LoadBytes, self.bytes)
    }

    /// Counts what is about to be computed, in elements.
    pub fn work(&mut self, elements: u64) -> Result<(), Exceeded> {
        self.work = self.work.saturating_add(elements);
        self.limits.check(Limit::Macs, self.work.saturating_mul(ONCE))
    }

    /// Checks the values that a node made, and counts what it added to the graph.
    pub fn made(&mut self, graph: &Graph, values: &[Value]) -> Result<(), Refusal> {
        for value in values {
            match value {
                Value::Literal(literal) => self.keep(literal)?,
                Value::Placed(placed) if placed.shape.contains(&0) => {
                    return Err(Refusal::Invalid(format!(
                        "a result of shape {:?}, which has no elements",
                        placed.shape
                    )));
                }
                Value::Placed(placed) => self.limits.check_shape(&placed.shape).map(|_| ())?,
            }
        }
        for tensor in &graph.tensors[self.seen[0]..] {
            self.limits.check_shape(&tensor.shape)?;
            if let Some(constant) = &tensor.constant {
                self.add(constant_bytes(constant))?;
            }
        }
        self.limits.check(Limit::Nodes, graph.nodes.len() as u64 / EACH)?;
        for node in &graph.nodes[self.seen[1]..] {
            self.add(operator_bytes(&node.op))?;
        }
        self.seen = [graph.tensors.len(), graph.nodes.len()];
        Ok(())
    }
}

fn constant_bytes(constant: &Constant) -> u64 {
    match constant {
        Constant::F32(v) => v.len() as u64 * 4,
        Constant::U8(v) => v.len() as u64,
        Constant::I8(v) => v.len() as u64,
        Constant::I32(v) => v.len() as u64 * 4,
        Constant::I64(v) => v.len() as u64 * 8,
    }
}

/// Bytes that an operation keeps: weights and indices. What it takes beside them is small.
fn operator_bytes(op: &Op) -> u64 {
    let words = |len: usize| len as u64 * 4;
    match op {
        Op::Convolution(conv) => words(conv.taps().saturating_mul(conv.out_channels)),
        Op::ConvolutionInt8(conv) => words(conv.weights.len()),
        Op::Gather { indices, .. } => words(indices.len()),
        Op::Resize { rows, columns, .. } => words(3 * (rows.len() + columns.len())),
        _ => 256,
    }
}
