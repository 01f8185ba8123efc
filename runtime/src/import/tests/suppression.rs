//! Graphs that end in a suppression, cut before it.

use super::*;

const CANDIDATES: usize = 5;
const CLASSES: usize = 3;

/// A node with its inputs and output by name.
fn call(operator: &str, inputs: &[&str], outputs: &[&str]) -> Single {
    let mut single = node(operator);
    single.node.name = format!("{operator}_node");
    single.node.input = inputs.iter().map(|&name| name.to_owned()).collect();
    single.node.output = outputs.iter().map(|&name| name.to_owned()).collect();
    single
}

fn constant(name: &str, kind: DataType, dims: &[i64], raw_data: Vec<u8>) -> TensorProto {
    TensorProto { name: name.into(), data_type: kind.into(), dims: dims.to_vec(), raw_data, ..Default::default() }
}

/// Boxes and logits go in; `nodes` lead from `boxes` and `scores`, `[1, N, C]`, to what the suppression takes as `b` and `s`.
fn load(nodes: Vec<Single>, outputs: &[&str]) -> Result<Model, Error> {
    let mut all = vec![call("Sigmoid", &["logits"], &["probabilities"]), call("Neg", &["corners"], &["negated"])];
    all.extend(nodes);
    all.push(call("NonMaxSuppression", &["b", "s", "most", "overlap"], &["selected"]));
    all.push(call("Flatten", &["selected"], &["dets"]));
    let integers = |values: &[i64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let graph = GraphProto {
        name: "graph".into(),
        input: vec![declare("corners", &[1, CANDIDATES, 4]), declare("logits", &[1, CANDIDATES, CLASSES])],
        output: outputs.iter().map(|name| declare_float(name, None)).collect(),
        initializer: vec![
            constant("most", DataType::Int64, &[1], integers(&[10])),
            constant("overlap", DataType::Float, &[1], 0.625f32.to_le_bytes().to_vec()),
            constant("two", DataType::Int64, &[1], integers(&[2])),
            constant("last", DataType::Int64, &[1], integers(&[-1])),
        ],
        node: all.into_iter().map(|single| single.node).collect(),
        ..Default::default()
    };
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 11 }],
        graph: Some(graph),
        ..Default::default()
    };
    let options = LoadOptions { strict: true, ..Default::default() };
    Model::from_bytes(&model.encode_to_vec(), Path::new("suppressed.onnx"), &options)
}

/// Runs on boxes that count from 0 and logits that count from -7, and checks that the outputs are those.
fn is_cut_with_all_candidates(model: &Model) {
    let mut session = model.session();
    for index in 0..2 {
        let TensorMut::F32(memory) = session.input(index) else { panic!("input {index} is not float") };
        memory.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32 - [0.0, 7.0][index]);
    }
    session.run().unwrap();
    let output = |name: &str| {
        let index = model.outputs().iter().position(|port| port.name == name).unwrap();
        let TensorRef::F32(memory) = session.output(index) else { panic!("{name} is not float") };
        let port = &model.outputs()[index];
        Tensor { shape: port.shape.clone(), values: places(port).map(|place| memory[place]).collect() }
    };
    let boxes = output("boxes");
    assert_eq!(boxes.shape, [1, CANDIDATES, 4]);
    assert!(boxes.values.iter().enumerate().all(|(i, &value)| value == -(i as f32)), "{boxes:?}");
    let scores = output("scores");
    assert_eq!(scores.shape, [1, CANDIDATES, CLASSES]);
    let sigmoid = |i: usize| 1.0 / (1.0 + (7.0 - i as f32).exp());
    assert!(scores.values.iter().enumerate().all(|(i, &value)| (value - sigmoid(i)).abs() < 1e-6), "{scores:?}");
}

/// The way of mmdeploy: the best candidates by their best class, gathered from flattened tensors.
fn selection(boxes_by: &str) -> Vec<Single> {
    vec![
        call("ReduceMax", &["probabilities"], &["best"]).ints("axes", &[-1]).int("keepdims", 0),
        call("TopK", &["best", "two"], &["best_scores", "best_places"]).int("axis", 1),
        call("TopK", &["best", "two"], &["other_scores", "other_places"]).int("axis", 1),
        call("Flatten", &["negated"], &["flat_boxes"]).int("axis", 2),
        call("Gather", &["flat_boxes", boxes_by], &["b"]).int("axis", 0),
        call("Flatten", &["probabilities"], &["flat_scores"]).int("axis", 2),
        call("Gather", &["flat_scores", "best_places"], &["some_scores"]).int("axis", 0),
        call("Transpose", &["some_scores"], &["s"]).ints("perm", &[0, 2, 1]),
    ]
}

#[test]
fn a_suppression_gives_way_to_what_it_takes() {
    let nodes = vec![
        call("Transpose", &["probabilities"], &["s"]).ints("perm", &[0, 2, 1]),
        call("Identity", &["negated"], &["b"]),
    ];
    let model = load(nodes, &["dets"]).unwrap();
    let cut = model.cut().unwrap();
    assert_eq!((cut.node.as_str(), cut.selection, cut.centred), ("NonMaxSuppression_node", false, false));
    assert_eq!((cut.replaced.as_slice(), cut.iou), (&["dets".to_owned()][..], Some(0.625)));
    is_cut_with_all_candidates(&model);
}

#[test]
fn a_selection_of_candidates_before_it_is_left_out_too() {
    let model = load(selection("best_places"), &["dets"]).unwrap();
    assert!(model.cut().unwrap().selection);
    is_cut_with_all_candidates(&model);
}

#[test]
fn candidates_selected_apart_are_left_alone() {
    // What two TopKs found need not be the same candidates. Strictly, their steps are refused.
    let refusal = load(selection("other_places"), &["dets"]).err().map(|error| error.to_string());
    assert!(refusal.is_some_and(|text| text.contains("TopK")));
}

#[test]
fn outputs_that_do_not_depend_on_it_stay() {
    let nodes = vec![
        call("Transpose", &["probabilities"], &["s"]).ints("perm", &[0, 2, 1]),
        call("Identity", &["negated"], &["b"]),
    ];
    let model = load(nodes, &["dets", "probabilities"]).unwrap();
    let names: Vec<&str> = model.outputs().iter().map(|port| port.name.as_str()).collect();
    assert_eq!(names, ["probabilities", "boxes", "scores"]);
    is_cut_with_all_candidates(&model);
}

#[test]
fn a_graph_without_one_is_not_cut() {
    let nodes = vec![call("Identity", &["negated"], &["b"]), call("Identity", &["probabilities"], &["s"])];
    let model = load(nodes, &["b"]);
    // The suppression is there, but nothing depends on it; as ever, each node is imported.
    assert!(model.err().is_some_and(|error| error.to_string().contains("NonMaxSuppression")));
    assert!(node("Sigmoid").input(&counting(&[1, 2])).load().unwrap().cut().is_none());
}
