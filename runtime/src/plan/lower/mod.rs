//! Turns each node into steps, now that every tensor has its place.

mod convolution;
mod movement;
mod node;
mod views;

use retort_core::kernels::{KernelSet, Packing, packing};
use retort_core::plan::step::Step;
use retort_core::plan::view::Span;
use retort_core::plan::{Element, MAX_RANK, PortRecord};

use super::arena::{Buffer, place};
use super::memory::{Location, Memory, assign};
use super::signed::signed;
use super::writer::{Frame, PlanWriter, word};
use super::{Place, PlanningError};
use crate::graph::{Border, Graph, Node, TensorId};
use crate::tensor::ElementType;

/// A graph being turned into steps.
pub struct Lowering<'g> {
    graph: &'g Graph,
    memory: Memory,
    /// Where each buffer starts in the arena.
    offsets: Vec<usize>,
    /// Working memory of each node.
    scratch: Vec<Span>,
    arena_len: usize,
    packing: &'static dyn Packing,
    /// For each tensor, whether its bytes are stored as signed ones.
    signed: Vec<bool>,
    writer: PlanWriter,
}

impl<'g> Lowering<'g> {
    /// Places all tensors and working memory.
    pub fn new(graph: &'g Graph, kernel_set: KernelSet) -> Result<Self, PlanningError> {
        let (memory, packing) = (assign(graph), packing(kernel_set));
        let mut lowering = Lowering {
            graph,
            offsets: vec![0; memory.buffers.len()],
            scratch: vec![Span::default(); graph.nodes.len()],
            memory,
            arena_len: 0,
            packing,
            signed: signed(graph, packing),
            writer: PlanWriter::default(),
        };
        lowering.place()?;
        Ok(lowering)
    }

    /// Chooses the offset of every buffer, and of every node's working memory.
    fn place(&mut self) -> Result<(), PlanningError> {
        let end = self.graph.nodes.len();
        let mut buffers: Vec<Buffer> =
            self.memory.buffers.iter().map(|&len| Buffer { len, first: usize::MAX, last: 0 }).collect();
        // Moment 0 is before the first node, moment i + 1 is node i.
        let mut touch = |tensor: TensorId, moment: usize| {
            if let Some(location) = &self.memory.locations[tensor.0] {
                let buffer = &mut buffers[location.buffer];
                buffer.first = buffer.first.min(moment);
                buffer.last = buffer.last.max(moment);
            }
        };
        self.graph.inputs.iter().for_each(|border| touch(border.tensor, 0));
        self.graph.outputs.iter().for_each(|border| touch(border.tensor, end + 1));
        for (index, node) in self.graph.nodes.iter().enumerate() {
            node.inputs.iter().chain(&node.outputs).for_each(|&tensor| touch(tensor, index + 1));
        }
        buffers.iter_mut().for_each(|buffer| buffer.first = buffer.first.min(buffer.last));
        let tensors = buffers.len();
        let mut owners = Vec::new();
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let len = self.scratch_len(node)?;
            if len > 0 {
                buffers.push(Buffer { len, first: index + 1, last: index + 1 });
                owners.push(index);
            }
        }
        let (offsets, arena_len) = place(&buffers);
        // The greatest of all lengths stands for whatever is longer.
        if word(arena_len).is_err() || arena_len == usize::MAX {
            return Err(PlanningError::TooLarge { what: "an arena", bytes: arena_len });
        }
        for ((&owner, &offset), buffer) in owners.iter().zip(&offsets[tensors..]).zip(&buffers[tensors..]) {
            self.scratch[owner] = Span { offset: word(offset)?, len: word(buffer.len)? };
        }
        self.offsets = offsets[..tensors].to_vec();
        self.arena_len = arena_len;
        Ok(())
    }

    /// Writes all steps and the rest of the plan; also returns where each tensor lies.
    pub fn finish(mut self, contract: &str) -> Result<(Vec<u8>, Vec<Option<Place>>), PlanningError> {
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let macs = self.graph.node_macs(node);
            for step in self.node(index, node)? {
                self.writer.step(&node.name, macs, &step)?;
            }
        }
        let borders = self.graph.inputs.iter().chain(&self.graph.outputs);
        let ports = borders.map(|border| self.port(border)).collect::<Result<Vec<_>, _>>()?;
        let places = (0..self.graph.tensors.len()).map(|index| self.tensor_place(TensorId(index))).collect();
        let frame = Frame {
            kernel_set: self.packing.kernel_set(),
            arena_len: self.arena_len,
            ports: &ports,
            input_count: self.graph.inputs.len(),
            contract,
        };
        Ok((self.writer.finish(&frame)?, places))
    }

    fn tensor_place(&self, id: TensorId) -> Option<Place> {
        let location = self.memory.locations[id.0].as_ref()?;
        let tensor = self.graph.tensor(id);
        let offset = self.offsets[location.buffer] + location.offset;
        Some(Place { offset, len: tensor.len() * tensor.element.size() })
    }

    fn port(&mut self, border: &Border) -> Result<PortRecord, PlanningError> {
        let port = &border.port;
        if port.shape.len() > MAX_RANK {
            return Err(PlanningError::Node {
                node: port.name.clone(),
                problem: format!("an input or output of {} axes; the limit is {MAX_RANK}", port.shape.len()),
            });
        }
        let (mut shape, mut order) = ([0; MAX_RANK], [0; MAX_RANK]);
        for (axis, (&length, &at)) in port.shape.iter().zip(&port.order).enumerate() {
            (shape[axis], order[axis]) = (word(length)?, word(at)?);
        }
        Ok(PortRecord {
            name: self.writer.name(&port.name)?,
            element: match port.element {
                ElementType::F32 => Element::F32,
                ElementType::U8 => Element::U8,
                ElementType::I8 => Element::I8,
                ElementType::I32 => Element::I32,
                ElementType::I64 => Element::I64,
                ElementType::Bool => Element::Bool,
            },
            span: self.span(border.tensor)?,
            quantised: port.quantisation.is_some(),
            scale: port.quantisation.map_or(0.0, |q| q.scale),
            zero: port.quantisation.map_or(0, |q| q.zero_point),
            rank: word(port.shape.len())?,
            shape,
            order,
        })
    }

    /// The location of a tensor that a node reads or writes.
    fn location(&self, id: TensorId) -> Option<&Location> {
        self.memory.locations[id.0].as_ref()
    }

    fn unsupported(&self, node: &Node, problem: impl Into<String>) -> PlanningError {
        PlanningError::Node { node: node.name.clone(), problem: problem.into() }
    }
}

/// The steps of one node; most have one.
type Steps = Vec<Step>;
