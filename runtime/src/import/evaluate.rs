//! What is left to tract: reading the protobuf, computing what is known at load time, and running fallback steps.

use std::sync::Arc;

use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as Type};
use tract_onnx::pb::{
    GraphProto, ModelProto, TensorShapeProto, TypeProto, ValueInfoProto, tensor_proto::DataType, tensor_shape_proto,
};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::bail;

use super::guard::guarded;
use super::layout::{Placed, element, is_signed, materialise, row_major};
use super::literal::{Elements, Literal};
use super::node::{Call, Value};
use super::ports::sign_flip;
use super::{ImportError, Refusal};
use crate::graph::{Graph, Node, Op, TensorId};
use crate::tensor::ElementType;

/// A part of the network that tract runs.
#[derive(Clone)]
pub struct Fallback {
    /// The ONNX node and its operator.
    pub name: String,
    /// Why no step of the plan covers it.
    pub reason: String,
    /// What it reads, row-major in ONNX order.
    pub inputs: Vec<TensorId>,
    /// What it makes, row-major in ONNX order.
    pub outputs: Vec<TensorId>,
    /// The model tract made of it.
    pub runnable: Arc<TypedRunnableModel>,
}

/// Decodes the protobuf of a model.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, ImportError> {
    guarded(|| tract_onnx::onnx().proto_model_for_read(&mut std::io::Cursor::new(bytes))).map_err(|problem| {
        ImportError::model(format!("is no readable ONNX model ({problem}); it may be truncated or another format"))
    })
}

/// A model of this one node. `declare` says type and shape of what is an input of it; other known values are initialisers.
fn single_node(model: &ModelProto, call: &Call<'_>, declare: impl Fn(usize) -> Option<ValueInfoProto>) -> ModelProto {
    let mut graph = GraphProto { name: call.name.to_owned(), node: vec![call.proto.clone()], ..Default::default() };
    let mut seen = Vec::new();
    for (index, (name, value)) in call.proto.input.iter().zip(&call.inputs).enumerate() {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        match (value, declare(index)) {
            (Some(_), Some(input)) => graph.input.push(input),
            (Some(Value::Literal(literal)), None) => graph.initializer.push(literal.to_proto(name)),
            _ => {}
        }
    }
    graph.output = (call.proto.output.iter().filter(|name| !name.is_empty()))
        .map(|name| ValueInfoProto { name: name.clone(), ..Default::default() })
        .collect();
    ModelProto {
        ir_version: model.ir_version,
        opset_import: model.opset_import.clone(),
        graph: Some(graph),
        ..Default::default()
    }
}

/// The elements that a node makes, by what tract infers from the shapes of its inputs alone.
pub(super) fn inferred_size(model: &ModelProto, call: &Call<'_>) -> Result<u64, Refusal> {
    let proto = single_node(model, call, |index| match call.inputs[index].as_ref()? {
        Value::Literal(literal) => Some(declaration(&call.proto.input[index], literal.data_type(), &literal.shape)),
        Value::Placed(_) => None,
    });
    let sizes = guarded(|| {
        let model = tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_output_types(true)
            .model_for_proto_model(&proto)?
            .into_typed()?;
        let outputs = model.output_outlets()?.to_vec();
        outputs
            .iter()
            .map(|&outlet| Ok(model.outlet_fact(outlet)?.shape.as_concrete().map(<[usize]>::to_vec)))
            .collect()
    });
    let sizes: Vec<Option<Vec<usize>>> =
        sizes.map_err(|problem| Refusal::Invalid(format!("cannot be computed at load time: {problem}")))?;
    let size = |shape: &Option<Vec<usize>>| {
        let shape = shape.as_ref()?;
        Some(shape.iter().fold(1u64, |product, &length| product.saturating_mul(length as u64)))
    };
    let total = sizes.iter().map(size).try_fold(0u64, |sum, size| Some(sum.saturating_add(size?)));
    total.ok_or_else(|| {
        Refusal::Invalid("computes a constant whose size depends on numbers; fold it when exporting (onnxsim)".into())
    })
}

/// Computes a node whose inputs are all known.
pub(super) fn fold(model: &ModelProto, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
    let proto = single_node(model, call, |_| None);
    let results = guarded(|| {
        tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_output_types(true)
            .model_for_proto_model(&proto)?
            .into_typed()?
            .into_runnable()?
            .run(tvec!())
    })
    .map_err(|problem| Refusal::Invalid(format!("cannot be computed at load time: {problem}")))?;
    let mut results = results.into_iter();
    (call.proto.output.iter().filter(|name| !name.is_empty()))
        .map(|name| {
            let tensor = results.next().ok_or_else(|| Refusal::Invalid(format!("made no output `{name}`")))?;
            literal_of(&tensor).map(Value::Literal)
        })
        .collect()
}

fn literal_of(tensor: &Tensor) -> Result<Literal, Refusal> {
    let unsupported = |error: TractError| Refusal::Unsupported(error.to_string());
    let shape = tensor.shape().to_vec();
    macro_rules! elements {
        ($type:ty, $variant:ident) => {{
            let view = tensor.to_plain_array_view::<$type>().map_err(unsupported)?;
            Elements::$variant(view.iter().copied().collect())
        }};
    }
    let elements = match tensor.datum_type().unquantized() {
        DatumType::F32 => elements!(f32, F32),
        DatumType::I64 => elements!(i64, I64),
        DatumType::I32 => elements!(i32, I32),
        DatumType::I8 => elements!(i8, I8),
        DatumType::U8 => elements!(u8, U8),
        DatumType::Bool => elements!(bool, Bool),
        _ => {
            let cast = tensor.cast_to::<i64>().map_err(unsupported)?;
            Elements::I64(cast.to_plain_array_view::<i64>().map_err(unsupported)?.iter().copied().collect())
        }
    };
    Literal::new(shape, elements)
}

/// Makes a fallback step: puts its node into the graph and has tract prepare it.
pub(super) fn fallback(
    graph: &mut Graph,
    model: &ModelProto,
    call: &Call<'_>,
    index: usize,
) -> Result<(Fallback, Vec<Value>), Refusal> {
    let types: Vec<Option<ElementType>> =
        call.inputs.iter().map(|value| value.as_ref().map(|value| external_element(graph, value))).collect();
    let proto = single_node(model, call, |input| match call.inputs[input].as_ref()? {
        Value::Placed(placed) => Some(declaration(&call.proto.input[input], onnx_type(types[input]?), &placed.shape)),
        Value::Literal(_) => None,
    });
    let runnable = guarded(|| {
        let model = tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_output_types(true)
            .model_for_proto_model(&proto)?;
        for node in model.nodes() {
            if node.op().name().contains("Unimplemented") {
                bail!("operator {} is unknown to it", call.proto.op_type);
            }
        }
        model.into_optimized()?.into_runnable()
    })
    .map_err(Refusal::Invalid)?;
    let mut inputs = Vec::new();
    let mut seen = Vec::new();
    for (name, value) in call.proto.input.iter().zip(&call.inputs) {
        if let Some(value @ Value::Placed(placed)) = value
            && !seen.contains(&name)
        {
            seen.push(name);
            let id = materialise(graph, call.name, value, &row_major(placed.shape.len()));
            inputs.push(if is_signed(value) {
                let op = Op::Lookup(sign_flip());
                graph.add_node(call.name, op, vec![id], placed.shape.clone(), ElementType::I8, None)
            } else {
                id
            });
        }
    }
    let (mut outputs, mut values) = (Vec::new(), Vec::new());
    for (position, name) in call.proto.output.iter().filter(|name| !name.is_empty()).enumerate() {
        let fact = runnable.model().output_fact(position).map_err(|error| Refusal::Invalid(error.to_string()))?;
        let shape = (fact.shape.as_concrete())
            .ok_or_else(|| {
                Refusal::Invalid(format!("the shape of its output `{name}` depends on data; Retort plans fixed shapes"))
            })?
            .to_vec();
        let (element, signed) = match fact.datum_type.unquantized() {
            DatumType::F32 => (ElementType::F32, false),
            DatumType::U8 => (ElementType::U8, false),
            DatumType::I8 => (ElementType::I8, true),
            DatumType::I32 => (ElementType::I32, false),
            DatumType::I64 => (ElementType::I64, false),
            DatumType::Bool => (ElementType::Bool, false),
            other => return Err(Refusal::Invalid(format!("its output `{name}` has elements of type {other:?}"))),
        };
        let made = graph.add_tensor(name, shape.clone(), element, None);
        outputs.push(made);
        values.push((made, shape, signed));
    }
    graph.nodes.push(Node {
        name: call.name.to_owned(),
        op: Op::External(index),
        inputs: inputs.clone(),
        outputs: outputs.clone(),
    });
    let values = (values.into_iter())
        .map(|(made, shape, signed)| {
            let id = if signed {
                graph.add_node(call.name, Op::Lookup(sign_flip()), vec![made], shape.clone(), ElementType::U8, None)
            } else {
                made
            };
            let order = row_major(shape.len());
            Value::Placed(Placed { id, shape, order, signed })
        })
        .collect();
    let name = format!("{} ({})", call.name, call.proto.op_type);
    Ok((Fallback { name, reason: String::new(), inputs, outputs, runnable }, values))
}

/// The type that tract sees of a value.
fn external_element(graph: &Graph, value: &Value) -> ElementType {
    if is_signed(value) { ElementType::I8 } else { element(graph, value) }
}

fn onnx_type(element: ElementType) -> DataType {
    match element {
        ElementType::F32 => DataType::Float,
        ElementType::U8 => DataType::Uint8,
        ElementType::I8 => DataType::Int8,
        ElementType::I32 => DataType::Int32,
        ElementType::I64 => DataType::Int64,
        ElementType::Bool => DataType::Bool,
    }
}

fn declaration(name: &str, data_type: DataType, shape: &[usize]) -> ValueInfoProto {
    let elem_type = data_type as i32;
    let dim = (shape.iter())
        .map(|&d| tensor_shape_proto::Dimension {
            value: Some(tensor_shape_proto::dimension::Value::DimValue(d as i64)),
            ..Default::default()
        })
        .collect();
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(Type::TensorType(TensorType { elem_type, shape: Some(TensorShapeProto { dim }) })),
            ..Default::default()
        }),
        ..Default::default()
    }
}
