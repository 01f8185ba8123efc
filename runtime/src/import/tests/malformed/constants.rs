//! Constants that do not hold what they say.

use tract_onnx::pb::StringStringEntryProto;
use tract_onnx::pb::tensor_proto::DataLocation;

use super::*;

fn added(c: TensorProto) -> ModelProto {
    model(&[1, 4], &[c], &[named("Add", "sum", &["x", "c"], &["y"])])
}

#[test]
fn data_in_another_file_is_refused() {
    let entry = StringStringEntryProto { key: "location".into(), value: "/etc/passwd".into() };
    let external = TensorProto {
        data_location: Some(DataLocation::External.into()),
        external_data: vec![entry.clone()],
        ..constant("c", DataType::Float, &[4], Vec::new())
    };
    refused(&added(external.clone()), &["`c`", "another file", "save_as_external_data=False"]);
    // Either of the two marks is enough, in whatever tensor.
    refused(&added(TensorProto { external_data: Vec::new(), ..external.clone() }), &["`c`", "another file"]);
    refused(&added(TensorProto { data_location: None, ..external.clone() }), &["`c`", "another file"]);
    let value = AttributeProto {
        name: "value".into(),
        r#type: AttributeType::Tensor.into(),
        t: Some(external),
        ..Default::default()
    };
    let nodes = [with(named("Constant", "it", &[], &["c"]), [value]), named("Add", "sum", &["x", "c"], &["y"])];
    refused(&model(&[1, 4], &[], &nodes), &["`it`", "another file"]);
}

#[test]
fn data_of_another_length_is_refused() {
    for bytes in [1, 4, 15, 17, 32] {
        refused(
            &added(constant("c", DataType::Float, &[4], vec![0; bytes])),
            &["`c`", &format!("{bytes} bytes"), "16"],
        );
    }
    refused(&added(constant("c", DataType::Float, &[4], Vec::new())), &["`c`", "0 elements"]);
    refused(&added(TensorProto { float_data: vec![0.0; 3], ..constant("c", DataType::Float, &[4], vec![]) }), &["`c`"]);
    refused(&added(TensorProto { int32_data: vec![0; 4], ..constant("c", DataType::Float, &[4], vec![]) }), &["`c`"]);
}

#[test]
fn shapes_that_overflow_are_refused() {
    let shapes: [&[i64]; 8] = [
        &[1 << 32, 1 << 32],
        &[1 << 62, 4],
        &[i64::MAX, i64::MAX, i64::MAX],
        &[1 << 32, 1 << 32, 0],
        &[0, 1 << 32, 1 << 32],
        &[1 << 33, 1 << 31, 4],
        &[1 << 40],
        &[i64::MAX],
    ];
    for dims in shapes {
        refused(&added(constant("c", DataType::Float, dims, Vec::new())), &["`c`"]);
        refused(&added(constant("c", DataType::Float, dims, vec![0; 16])), &["`c`"]);
    }
}

#[test]
fn shapes_that_are_none_are_refused() {
    refused(&added(constant("c", DataType::Float, &[-4], vec![0; 16])), &["`c`", "-4"]);
    refused(&added(constant("c", DataType::Float, &[i64::MIN, 2], vec![0; 16])), &["`c`", "negative"]);
    refused(&added(floats("c", &[1; 17], &[0.0])), &["`c`", "17 axes", "--limit axes="]);
    refused(&added(floats("c", &[1; 100_000], &[0.0])), &["`c`", "--limit axes="]);
    refused(&added(floats("c", &[3], &[0.0; 3])), &["`sum`", "broadcast"]);
    refused(&added(floats("c", &[0], &[])), &["`sum`"]);
}

#[test]
fn types_that_are_none_are_refused() {
    for kind in [0, 8, 17, 99, -1] {
        refused(&added(TensorProto { data_type: kind, ..floats("c", &[4], &[0.0; 4]) }), &["`c`"]);
    }
    refused(&added(constant("c", DataType::Int32, &[4], vec![0; 16])), &["`sum`", "i32"]);
}
