//! The borders of a graph: its inputs, with dynamic axes fixed, and its outputs.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, ValueInfoProto};

use super::layout::{Placed, channels_last, is_signed, materialise, row_major};
use super::node::Value;
use super::suppression::Output;
use super::{ImportError, Importer};
use crate::graph::{Border, Op};
use crate::model::Fit;
use crate::tensor::{ElementType, Port};

impl Importer<'_> {
    /// Makes a tensor of every graph input that no initialiser fills.
    pub(super) fn inputs(
        &mut self,
        graph: &GraphProto,
        shapes: &[(String, Vec<usize>)],
        fit: Option<Fit>,
    ) -> Result<(), ImportError> {
        for (name, _) in shapes {
            if !graph.input.iter().any(|input| input.name == *name) {
                let names: Vec<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
                return Err(ImportError::model(format!(
                    "a shape was given for `{name}`, but the inputs are: {}",
                    names.join(", ")
                )));
            }
        }
        let mut seen = HashSet::new();
        for input in &graph.input {
            if !seen.insert(&input.name) {
                return Err(ImportError::model(format!("two inputs are named `{}`; names must be unique", input.name)));
            }
            // An initialiser may be listed as an input, too: it is its default.
            if self.values.contains_key(&input.name) {
                continue;
            }
            let wanted = shapes.iter().find(|(name, _)| *name == input.name).map(|(_, shape)| &shape[..]);
            let (element, shape) = declared(input, wanted, fit)
                .map_err(|problem| ImportError::model(format!("input `{}`: {problem}", input.name)))?;
            let fits = self.budget.limits().check_shape(&shape);
            fits.map_err(|exceeded| ImportError::model(format!("input `{}`: {exceeded}", input.name)))?;
            // Images are kept channels-last from the start: whoever fills an input does so in memory order.
            let order = if shape.len() == 4 { channels_last(4) } else { row_major(shape.len()) };
            let memory: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
            let tensor = self.graph.add_tensor(&input.name, memory.clone(), element, None);
            self.graph.inputs.push(Border {
                tensor,
                port: Port {
                    name: input.name.clone(),
                    element,
                    shape: shape.clone(),
                    order: order.clone(),
                    quantisation: None,
                },
            });
            let signed = element == ElementType::I8;
            let id = if signed {
                self.graph.add_node(&input.name, Op::Lookup(sign_flip()), vec![tensor], memory, ElementType::U8, None)
            } else {
                tensor
            };
            self.define(&input.name, Value::Placed(Placed { id, shape, order, signed }))?;
        }
        Ok(())
    }

    /// Lists the graph's outputs, each a tensor of its own that a step writes.
    pub(super) fn outputs(&mut self, outputs: &[Output]) -> Result<(), ImportError> {
        if outputs.is_empty() {
            return Err(ImportError::model("the graph has no output"));
        }
        let mut seen = HashSet::new();
        for Output { tensor, name, .. } in outputs {
            if !seen.insert(name) {
                return Err(ImportError::model(format!("two outputs are named `{name}`; names must be unique")));
            }
            let value = self
                .values
                .get(tensor)
                .cloned()
                .ok_or_else(|| ImportError::model(format!("output `{name}` is computed by no node")))?;
            let (shape, order) = match &value {
                Value::Placed(placed) => (placed.shape.clone(), placed.order.clone()),
                Value::Literal(literal) => (literal.shape.clone(), row_major(literal.shape.len())),
            };
            if shape.contains(&0) {
                return Err(ImportError::model(format!("output `{name}` has the shape {shape:?}: no elements")));
            }
            let mut tensor = materialise(&mut self.graph, name, &value, &order);
            let memory = self.graph.tensor(tensor).shape.clone();
            if is_signed(&value) {
                let op = Op::Lookup(sign_flip());
                tensor = self.graph.add_node(name, op, vec![tensor], memory.clone(), ElementType::I8, None);
            }
            let made = self.graph.nodes.iter().any(|node| node.outputs.contains(&tensor));
            let taken = self.graph.outputs.iter().any(|border| border.tensor == tensor);
            if !made || taken {
                tensor = self.graph.add_like(name, Op::Broadcast, vec![tensor], memory);
            }
            let element = match &value {
                Value::Literal(super::literal::Literal { elements: super::literal::Elements::Bool(_), .. }) => {
                    ElementType::Bool
                }
                _ => self.graph.tensor(tensor).element,
            };
            let port = Port { name: name.clone(), element, shape, order, quantisation: None };
            self.graph.outputs.push(Border { tensor, port });
        }
        Ok(())
    }
}

/// The table between i8 and its u8 image shifted by 128.
pub(super) fn sign_flip() -> crate::graph::Table {
    Box::new(std::array::from_fn(|byte| byte as u8 ^ 0x80))
}

/// Element type and fixed shape of an input.
fn declared(
    input: &ValueInfoProto,
    wanted: Option<&[usize]>,
    fit: Option<Fit>,
) -> Result<(ElementType, Vec<usize>), String> {
    let Some(Type::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Err("is no tensor".into());
    };
    let element = match DataType::try_from(tensor.elem_type) {
        Ok(DataType::Float) => ElementType::F32,
        Ok(DataType::Uint8) => ElementType::U8,
        Ok(DataType::Int8) => ElementType::I8,
        Ok(DataType::Int32) => ElementType::I32,
        Ok(DataType::Int64) => ElementType::I64,
        Ok(DataType::Bool) => ElementType::Bool,
        Ok(other) => return Err(format!("elements of type {other:?} are not supported; export the model in float32")),
        Err(_) => return Err(format!("unknown element type {}", tensor.elem_type)),
    };
    let dims = tensor.shape.as_ref().map(|shape| &shape.dim[..]).unwrap_or_default();
    if tensor.shape.is_none() && wanted.is_none() {
        return Err(format!("has no shape; give one with --shape {}=…", input.name));
    }
    if let Some(wanted) = wanted
        && !dims.is_empty()
        && wanted.len() != dims.len()
    {
        return Err(format!("has {} axes, but the given shape {wanted:?} has {}", dims.len(), wanted.len()));
    }
    let text = |dim: &Option<Dimension>| match dim {
        Some(Dimension::DimValue(v)) if *v > 0 => v.to_string(),
        Some(Dimension::DimParam(p)) if !p.is_empty() => p.clone(),
        _ => "?".into(),
    };
    let rank = if dims.is_empty() { wanted.map_or(0, <[usize]>::len) } else { dims.len() };
    // A picture is `[batch, channels, height, width]`.
    let fitted = |axis: usize| match (rank, axis, fit) {
        (4, 2, Some(fit)) => Some(fit.height),
        (4, 3, Some(fit)) => Some(fit.width),
        _ => None,
    };
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        let fixed = match dims.get(axis).and_then(|dim| dim.value.as_ref()) {
            Some(Dimension::DimValue(v)) if *v > 0 => usize::try_from(*v).ok(),
            _ => None,
        };
        shape.push(match (fixed, wanted.map(|wanted| wanted[axis])) {
            (Some(fixed), Some(wanted)) if fixed != wanted => {
                return Err(format!("axis {axis} is fixed to {fixed} in the file; the given shape says {wanted}"));
            }
            (_, Some(0)) => return Err(format!("the given shape has length 0 on axis {axis}")),
            (Some(length), _) | (None, Some(length)) => length,
            (None, None) if axis == 0 => 1,
            (None, None) if let Some(length) = fitted(axis) => length,
            (None, None) => {
                let axes: Vec<String> = dims.iter().map(|dim| text(&dim.value)).collect();
                return Err(format!(
                    "axis {axis} of [{}] is dynamic; fix it with --shape, for example --shape {}=1,3,320,320, or with --side 320",
                    axes.join(", "),
                    input.name
                ));
            }
        });
    }
    Ok((element, shape))
}
