//! Graphs that do not hang together.

use super::*;

fn relu(name: &str, input: &str, output: &str) -> NodeProto {
    named("Relu", name, &[input], &[output])
}

#[test]
fn cycles_are_refused_by_the_node_they_begin_at() {
    refused(&model(&[1, 4], &[], &[relu("own", "y", "y")]), &["`own`", "`y`", "cycle"]);
    let pair = [relu("first", "b", "a"), relu("second", "a", "b"), relu("last", "b", "y")];
    refused(&model(&[1, 4], &[], &pair), &["`first`", "`b`", "cycle"]);
    // A cycle that no output depends on, before a suppression is looked for.
    let aside = [relu("fine", "x", "y"), relu("first", "b", "a"), relu("second", "a", "b")];
    refused(&model(&[1, 4], &[], &aside), &["`first`"]);
}

#[test]
fn missing_inputs_are_named() {
    refused(&model(&[1, 4], &[], &[relu("it", "nobody", "y")]), &["`it`", "`nobody`"]);
    refused(&model(&[1, 4], &[], &[named("Relu", "it", &[], &["y"])]), &["`it`"]);
    refused(&model(&[1, 4], &[], &[named("Relu", "it", &[""], &["y"])]), &["`it`"]);
    for operator in ["Conv", "Gemm", "MatMul", "Add", "Clip", "Concat", "Reshape", "Gather", "Slice", "Pad", "Resize"] {
        refused(&model(&[1, 3, 4, 4], &[], &[named(operator, "it", &[], &["y"])]), &["`it`"]);
    }
    for operator in ["QLinearConv", "QLinearMatMul", "QuantizeLinear", "DequantizeLinear", "BatchNormalization"] {
        refused(&model(&[1, 3, 4, 4], &[], &[named(operator, "it", &["x"], &["y"])]), &["`it`"]);
    }
    for operator in ["QLinearAdd", "QLinearConcat", "QGemm", "QLinearSoftmax", "QLinearAveragePool"] {
        let node = NodeProto { domain: "com.microsoft".into(), ..named(operator, "it", &["x"], &["y"]) };
        refused(&model(&[1, 3, 4, 4], &[], &[node]), &["`it`"]);
    }
}

#[test]
fn unknown_operators_are_named() {
    refused(&model(&[1, 4], &[], &[named("Frobnicate", "it", &["x"], &["y"])]), &["`it`", "Frobnicate"]);
    let node = NodeProto { domain: "org.example".into(), ..named("Relu", "it", &["x"], &["y"]) };
    refused(&model(&[1, 4], &[], &[node]), &["`it`", "org.example"]);
}

#[test]
fn tensors_of_one_name_are_refused() {
    let twice = [relu("first", "x", "y"), relu("second", "x", "y")];
    refused(&model(&[1, 4], &[], &twice), &["`y`", "unique"]);
    refused(&model(&[1, 4], &[], &[relu("it", "x", "x")]), &["`x`", "unique"]);
    refused(
        &model(&[1, 4], &[floats("c", &[1], &[0.0]), floats("c", &[1], &[0.0])], &[relu("it", "x", "y")]),
        &["`c`"],
    );
    let mut wrong = model(&[1, 4], &[], &[relu("it", "x", "y")]);
    wrong.graph.as_mut().unwrap().input.push(declare("x", &[1, 5]));
    refused(&wrong, &["inputs", "`x`", "unique"]);
    let mut wrong = model(&[1, 4], &[], &[relu("it", "x", "y")]);
    wrong.graph.as_mut().unwrap().output.push(declare_float("y", None));
    refused(&wrong, &["outputs", "`y`", "unique"]);
}

/// ONNX lets nodes go without a name, so that no meaning hangs on it.
#[test]
fn nodes_of_one_name_are_none_the_worse() {
    let nodes = [relu("same", "x", "a"), relu("same", "a", "y")];
    runs(&model(&[1, 4], &[], &nodes));
}

#[test]
fn borders_that_are_no_tensors_are_named() {
    let fine = [relu("it", "x", "y")];
    let mut wrong = model(&[1, 4], &[], &fine);
    wrong.graph.as_mut().unwrap().input[0].r#type = None;
    refused(&wrong, &["input `x`"]);
    let mut wrong = model(&[1, 4], &[], &fine);
    wrong.graph.as_mut().unwrap().output[0].name = "z".into();
    refused(&wrong, &["output `z`"]);
    let mut wrong = model(&[1, 4], &[], &fine);
    wrong.graph.as_mut().unwrap().output.clear();
    refused(&wrong, &["no output"]);
    let mut wrong = model(&[1, 4], &[], &fine);
    let Some(type_proto::Value::TensorType(tensor)) =
        &mut wrong.graph.as_mut().unwrap().input[0].r#type.as_mut().unwrap().value
    else {
        panic!("a tensor")
    };
    tensor.elem_type = 99;
    refused(&wrong, &["input `x`", "99"]);
}
