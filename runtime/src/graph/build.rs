//! Making tensors and nodes.

use std::sync::Arc;

use super::{Constant, Graph, Node, Op, Tensor, TensorId};
use crate::tensor::{ElementType, Quantisation};

impl Graph {
    /// Adds a tensor that a node or the outside will fill.
    pub fn add_tensor(
        &mut self,
        name: impl Into<String>,
        shape: Vec<usize>,
        element: ElementType,
        quantisation: Option<Quantisation>,
    ) -> TensorId {
        self.tensors.push(Tensor { name: name.into(), shape, element, quantisation, constant: None });
        TensorId(self.tensors.len() - 1)
    }

    /// Adds a constant. Its length must be the product of `shape`.
    pub fn add_constant(&mut self, name: impl Into<String>, shape: Vec<usize>, constant: Constant) -> TensorId {
        let element = match &constant {
            Constant::F32(_) => ElementType::F32,
            Constant::U8(_) => ElementType::U8,
            Constant::I8(_) => ElementType::I8,
            Constant::I32(_) => ElementType::I32,
            Constant::I64(_) => ElementType::I64,
        };
        let id = self.add_tensor(name, shape, element, None);
        self.tensors[id.0].constant = Some(Arc::new(constant));
        id
    }

    /// Adds a node with one output of this shape and type, named after the node; returns the output.
    pub fn add_node(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<TensorId>,
        shape: Vec<usize>,
        element: ElementType,
        quantisation: Option<Quantisation>,
    ) -> TensorId {
        let output = self.add_tensor(name, shape, element, quantisation);
        self.nodes.push(Node { name: name.to_owned(), op, inputs, outputs: vec![output] });
        output
    }

    /// Adds a node whose output has its first input's type and quantisation.
    pub fn add_like(&mut self, name: &str, op: Op, inputs: Vec<TensorId>, shape: Vec<usize>) -> TensorId {
        let Tensor { element, quantisation, .. } = *self.tensor(inputs[0]);
        self.add_node(name, op, inputs, shape, element, quantisation)
    }

    /// Adds a reshape; nothing where the shape is already that.
    pub fn add_reshape(&mut self, name: &str, x: TensorId, shape: Vec<usize>) -> TensorId {
        if self.tensor(x).shape == shape { x } else { self.add_like(name, Op::Reshape, vec![x], shape) }
    }

    /// Adds a transpose; nothing where no axis moves, a reshape where only axes of length 1 do.
    pub fn add_transpose(&mut self, name: &str, x: TensorId, perm: &[usize]) -> TensorId {
        let shape: Vec<usize> = perm.iter().map(|&axis| self.tensor(x).shape[axis]).collect();
        let moved: Vec<usize> = perm.iter().copied().filter(|&axis| self.tensor(x).shape[axis] != 1).collect();
        if moved.is_sorted() {
            self.add_reshape(name, x, shape)
        } else {
            self.add_like(name, Op::Transpose(perm.to_vec()), vec![x], shape)
        }
    }
}
