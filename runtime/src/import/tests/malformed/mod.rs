//! Models that are wrong, or only too large: each is refused by an error that names the node, the tensor or the limit at
//! fault. None may panic, run for ever, or take memory that it does not need.

mod constants;
mod files;
mod graphs;
mod operators;
mod scales;
mod sizes;

use std::time::{Duration, Instant};

use super::*;
use crate::guard::MISTAKE;
use crate::limits::{Limit, Limits};

/// What no refusal may take, on a slow machine under load: none computes anything large first.
const LONGEST: Duration = Duration::from_secs(60);

/// A node with this name.
fn named(operator: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let texts = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    NodeProto {
        op_type: operator.into(),
        name: name.into(),
        input: texts(inputs),
        output: texts(outputs),
        ..Default::default()
    }
}

fn with(mut node: NodeProto, attributes: impl IntoIterator<Item = AttributeProto>) -> NodeProto {
    node.attribute.extend(attributes);
    node
}

fn whole(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int.into(), i, ..Default::default() }
}

fn wholes(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Ints.into(), ints: ints.to_vec(), ..Default::default() }
}

fn constant(name: &str, kind: DataType, dims: &[i64], raw_data: Vec<u8>) -> TensorProto {
    TensorProto { name: name.into(), data_type: kind.into(), dims: dims.to_vec(), raw_data, ..Default::default() }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    constant(name, DataType::Float, dims, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn integers(name: &str, values: &[i64]) -> TensorProto {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    constant(name, DataType::Int64, &[values.len() as i64], bytes)
}

/// A model from `x` to `y`, both float.
fn model(x: &[usize], constants: &[TensorProto], nodes: &[NodeProto]) -> ModelProto {
    let graph = GraphProto {
        name: "graph".into(),
        input: vec![declare("x", x)],
        initializer: constants.to_vec(),
        node: nodes.to_vec(),
        output: vec![declare_float("y", None)],
        ..Default::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![
            OperatorSetIdProto { domain: String::new(), version: 13 },
            OperatorSetIdProto { domain: "com.microsoft".into(), version: 1 },
        ],
        graph: Some(graph),
        ..Default::default()
    }
}

fn load(bytes: &[u8], options: &LoadOptions) -> Result<Model, Error> {
    let began = Instant::now();
    let result = Model::from_bytes(bytes, Path::new("hostile.onnx"), options);
    assert!(began.elapsed() < LONGEST, "it took {:?}", began.elapsed());
    result
}

/// Refuses bytes, and looks for `parts` in what is said.
fn refused_bytes(bytes: &[u8], options: &LoadOptions, parts: &[&str]) {
    let Err(error) = load(bytes, options) else { panic!("it loads, though {parts:?}") };
    let error = error.to_string();
    assert!(!error.contains(MISTAKE), "{error}");
    for part in ["hostile.onnx"].iter().chain(parts) {
        assert!(error.contains(part), "does not say `{part}`: {error}");
    }
}

fn refused(model: &ModelProto, parts: &[&str]) {
    refused_bytes(&model.encode_to_vec(), &LoadOptions::default(), parts);
}

/// What loads, runs: it cannot leave its arena, and comes to an end.
fn runs(model: &ModelProto) -> Model {
    let loaded = load(&model.encode_to_vec(), &LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    loaded.session().run().unwrap_or_else(|error| panic!("{error}"));
    loaded
}
