//! Images of which the file leaves height and width open.

use super::*;
use crate::model::Fit;

/// A model that takes a picture of open sides.
fn load(options: &LoadOptions) -> Result<Model, Error> {
    let axis = |value| Dimension { value: Some(value), ..Default::default() };
    let open = |name: &str| axis(dimension::Value::DimParam(name.into()));
    let dim = vec![open("batch"), axis(dimension::Value::DimValue(3)), open("height"), open("width")];
    let mut relu = node("Relu").node;
    relu.input = vec!["image".into()];
    let graph = GraphProto {
        name: "graph".into(),
        input: vec![declare_float("image", Some(TensorShapeProto { dim }))],
        output: vec![declare_float("y0", None)],
        node: vec![relu],
        ..Default::default()
    };
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
        graph: Some(graph),
        ..Default::default()
    };
    Model::from_bytes(&model.encode_to_vec(), Path::new("open.onnx"), options)
}

#[test]
fn open_sides_fit_the_pictures_unless_a_shape_is_given() {
    let error = load(&LoadOptions::default()).err().map(|error| error.to_string());
    assert!(error.is_some_and(|text| text.contains("axis 2") && text.contains("--side")));
    let fitted = LoadOptions { fit: Some(Fit::new(1920, 1080, 320)), ..Default::default() };
    assert_eq!(load(&fitted).unwrap().inputs()[0].shape, [1, 3, 192, 320]);
    let given = LoadOptions { shapes: vec![("image".into(), vec![1, 3, 8, 8])], ..fitted };
    assert_eq!(load(&given).unwrap().inputs()[0].shape, [1, 3, 8, 8]);
}
