//! Models that a few bytes make very large: refused before the memory is taken or the time spent, and let through where
//! the limit is raised.

use super::*;

fn limited(limit: Limit, most: u64) -> LoadOptions {
    LoadOptions { limits: Limits::default().with(limit, most), ..LoadOptions::default() }
}

/// Refuses a model whose `limit` is one lower than what it takes, and loads it where it is not.
fn just_fits(model: &ModelProto, limit: Limit, takes: u64, part: &str) {
    let bytes = model.encode_to_vec();
    load(&bytes, &limited(limit, takes)).unwrap_or_else(|error| panic!("{error}"));
    let raise = format!("--limit {}=", limit.key());
    refused_bytes(&bytes, &limited(limit, takes - 1), &[part, &takes.to_string(), &(takes - 1).to_string(), &raise]);
}

/// What comes of a node whose inputs are constants alone, added to x.
fn folded(operator: &str, constants: &[TensorProto], attributes: &[AttributeProto]) -> ModelProto {
    let inputs: Vec<&str> = constants.iter().map(|constant| constant.name.as_str()).collect();
    let made = with(named(operator, "made", &inputs, &["c"]), attributes.iter().cloned());
    model(&[1, 4], constants, &[made, named("Add", "sum", &["x", "c"], &["y"])])
}

#[test]
fn each_limit_holds_and_can_be_raised() {
    let relus: Vec<NodeProto> = (0..9)
        .map(|i| {
            let from = if i == 0 { "x".into() } else { format!("t{i}") };
            let to = if i == 8 { "y".into() } else { format!("t{}", i + 1) };
            named("Relu", &format!("n{i}"), &[&from], &[&to])
        })
        .collect();
    // With an input and an output.
    just_fits(&model(&[1, 4], &[], &relus), Limit::Nodes, 11, "nodes");
    just_fits(&model(&[2, 3, 4], &[], &[named("Relu", "it", &["x"], &["y"])]), Limit::Axes, 3, "input `x`");
    just_fits(&model(&[2, 3, 4], &[], &[named("Relu", "it", &["x"], &["y"])]), Limit::Elements, 24, "input `x`");
    let weights = floats("w", &[6, 3, 1, 1], &[0.5; 18]);
    let convolution = model(&[1, 3, 8, 8], &[weights], &[named("Conv", "it", &["x", "w"], &["y"])]);
    let loaded = runs(&convolution);
    just_fits(&convolution, Limit::ArenaBytes, loaded.arena_bytes() as u64, "working memory");
    let macs = loaded.plan_steps().map(|(_, step)| crate::predict::effort(&step)).sum();
    assert!(macs >= 6 * 3 * 64, "{macs}");
    just_fits(&convolution, Limit::Macs, macs, "`it`");
    let expanded = model(&[1, 4], &[integers("shape", &[50, 4])], &[named("Expand", "it", &["x", "shape"], &["y"])]);
    just_fits(&expanded, Limit::Elements, 200, "`it`");
}

#[test]
fn a_file_beyond_the_limit_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.onnx");
    // A file with a hole takes no room on the disk.
    std::fs::File::create(&path).unwrap().set_len((1 << 30) + 1).unwrap();
    let error = Model::open(&path, &LoadOptions::default()).err().unwrap().to_string();
    for part in ["long.onnx", "1073741825 bytes", "1073741824", "--limit file-bytes="] {
        assert!(error.contains(part), "{error}");
    }
    let error = Model::open(Path::new("/dev/zero"), &limited(Limit::FileBytes, 1000)).err().unwrap().to_string();
    assert!(error.contains("/dev/zero") && error.contains("1001 bytes"), "{error}");
}

#[test]
fn inputs_of_huge_axes_are_refused() {
    for shape in [&[1, 3, 1 << 20, 1 << 20][..], &[1 << 40], &[1 << 60, 1 << 60], &[1; 17]] {
        refused(&model(shape, &[], &[named("Relu", "it", &["x"], &["y"])]), &["input `x`", "--limit"]);
    }
    let mut negative = model(&[1, 4], &[], &[named("Relu", "it", &["x"], &["y"])]);
    let axis = |length| Dimension { value: Some(dimension::Value::DimValue(length)), ..Default::default() };
    negative.graph.as_mut().unwrap().input[0] =
        declare_float("x", Some(TensorShapeProto { dim: vec![axis(1), axis(-4)] }));
    refused(&negative, &["input `x`", "axis 1"]);
    // As many bytes as an address space has.
    let pick = [named("Relu", "it", &["x"], &["y"])];
    refused(&model(&[1 << 31, 1 << 31], &[], &pick), &["input `x`", "elements"]);
}

#[test]
fn results_of_huge_axes_are_refused() {
    let far = 1 << 40;
    let expand = named("Expand", "it", &["x", "shape"], &["y"]);
    refused(&model(&[1, 4], &[integers("shape", &[far, 4])], &[expand]), &["`it`", "elements"]);
    let resize = named("Resize", "it", &["x", "", "", "sizes"], &["y"]);
    refused(&model(&[1, 1, 2, 2], &[integers("sizes", &[1, 1, far, 2])], &[resize]), &["`it`", "elements"]);
    let pad = named("Pad", "it", &["x", "pads"], &["y"]);
    let pads = integers("pads", &[1 << 20; 8]);
    refused(&model(&[1, 1, 2, 2], &[pads], &[pad]), &["`it`", "elements"]);
    // A sum of a column and a row is a matrix.
    let outer = [named("Reshape", "column", &["x", "shape"], &["c"]), named("Add", "it", &["x", "c"], &["y"])];
    let column = integers("shape", &[1 << 20, 1]);
    refused(&model(&[1, 1 << 20], &[column], &outer), &["`it`", "elements"]);
    let product = [named("Reshape", "column", &["x", "shape"], &["c"]), named("MatMul", "it", &["c", "x"], &["y"])];
    let column = integers("shape", &[1 << 20, 1]);
    refused(&model(&[1, 1 << 20], &[column], &product), &["`it`", "elements"]);
    // By way of tract.
    let tile = named("Tile", "it", &["x", "times"], &["y"]);
    refused(&model(&[1, 4], &[integers("times", &[far, far])], &[tile]), &["`it`"]);
}

#[test]
fn constants_that_are_computed_large_are_refused() {
    let far = 1 << 40;
    refused(&folded("ConstantOfShape", &[integers("n", &[far])], &[]), &["`made`", "elements"]);
    refused(&folded("ConstantOfShape", &[integers("n", &[far, far])], &[]), &["`made`", "elements"]);
    let number = |name: &str, value: i64| constant(name, DataType::Int64, &[], value.to_le_bytes().to_vec());
    refused(&folded("Range", &[number("a", 0), number("b", far), number("c", 1)], &[]), &["`made`", "elements"]);
    refused(&folded("Range", &[number("a", 0), number("b", 4), number("c", 0)], &[]), &["`made`", "steps of 0"]);
    refused(&folded("Tile", &[integers("a", &[1]), integers("n", &[far])], &[]), &["`made`", "elements"]);
    refused(&folded("Expand", &[integers("a", &[1]), integers("n", &[far])], &[]), &["`made`", "elements"]);
    refused(&folded("Pad", &[integers("a", &[1]), integers("n", &[far, far])], &[]), &["`made`", "elements"]);
    let on_off = constant("v", DataType::Int64, &[2], vec![0; 16]);
    refused(&folded("OneHot", &[integers("i", &[1]), number("d", far), on_off], &[]), &["`made`", "elements"]);
    let long = |name: &str, shape: &[i64]| floats(name, shape, &vec![1.0; 1 << 15]);
    let outer = [long("a", &[1 << 15, 1]), long("b", &[1, 1 << 15])];
    for operator in ["MatMul", "Add", "Gemm"] {
        refused(&folded(operator, &outer, &[]), &["`made`", "elements"]);
    }
    let conv = [floats("a", &[1, 1, 2, 2], &[1.0; 4]), floats("w", &[1, 1, 1, 1], &[1.0])];
    refused(&folded("Conv", &conv, &[wholes("pads", &[1 << 20; 4])]), &["`made`"]);
}

/// A constant doubled again and again, each node a few bytes.
#[test]
fn constants_that_double_are_refused() {
    let mut nodes: Vec<NodeProto> = (0..60)
        .map(|i| {
            let (from, to) = (format!("c{i}"), format!("c{}", i + 1));
            with(named("Concat", &format!("double{i}"), &[&from, &from], &[&to]), [whole("axis", 0)])
        })
        .collect();
    nodes.push(named("Add", "sum", &["x", "c60"], &["y"]));
    let bytes = model(&[1, 4], &[floats("c0", &[1024], &[0.0; 1024])], &nodes).encode_to_vec();
    refused_bytes(&bytes, &limited(Limit::Elements, 1 << 20), &["`double", "--limit elements="]);
    refused_bytes(&bytes, &limited(Limit::LoadBytes, 1 << 20), &["`double", "--limit load-bytes="]);
}

/// The same weights taken by many nodes, each of which keeps its own copy.
#[test]
fn weights_that_many_nodes_take_are_counted_each_time() {
    let side = 256;
    let weights = floats("w", &[side, side, 1, 1], &vec![0.0; (side * side) as usize]);
    let nodes: Vec<NodeProto> = (0..50)
        .map(|i| {
            let from = if i == 0 { "x".into() } else { format!("t{i}") };
            let to = if i == 49 { "y".into() } else { format!("t{}", i + 1) };
            named("Conv", &format!("n{i}"), &[&from, "w"], &[&to])
        })
        .collect();
    let bytes = model(&[1, side as usize, 1, 1], &[weights], &nodes).encode_to_vec();
    load(&bytes, &limited(Limit::LoadBytes, 20 << 20)).unwrap_or_else(|error| panic!("{error}"));
    refused_bytes(&bytes, &limited(Limit::LoadBytes, 8 << 20), &["node `n", "--limit load-bytes="]);
}

/// Two bytes a node, of which each would take two hundred of memory.
#[test]
fn many_empty_messages_are_refused_before_they_are_decoded() {
    let field = |number: u8, bytes: &[u8]| {
        let mut field = vec![number << 3 | 2];
        prost::encoding::encode_varint(bytes.len() as u64, &mut field);
        [&field, bytes].concat()
    };
    let nodes = field(7, &[1 << 3 | 2, 0].repeat(30_000));
    refused_bytes(&nodes, &LoadOptions::default(), &["20001 nodes", "--limit nodes="]);
    let attributes = field(7, &field(1, &[5 << 3 | 2, 0].repeat(10_000_000)));
    refused_bytes(&attributes, &LoadOptions::default(), &["--limit load-bytes="]);
    let dimensions = field(7, &field(5, &[1 << 3, 1].repeat(200_000_000 / 2)));
    refused_bytes(&dimensions, &LoadOptions::default(), &[]);
}

#[test]
fn sums_of_many_operands_are_refused() {
    let inputs = vec!["x"; 200_000];
    refused(&model(&[1, 4], &[], &[named("Sum", "it", &inputs, &["y"])]), &["`it`", "--limit nodes="]);
}

/// As many nodes as are let through, in the patterns that passes look for, are still planned in a time one can wait for.
#[test]
fn the_most_nodes_are_planned_in_time() {
    let constants = [floats("s", &[], &[0.1]), constant("z", DataType::Uint8, &[], vec![0])];
    let mut nodes = Vec::new();
    for i in 0..4990 {
        let from = if i == 0 { "x".into() } else { format!("t{i}") };
        let to = if i == 4989 { "y".into() } else { format!("t{}", i + 1) };
        let [q, d, r] = ["q", "d", "r"].map(|letter| format!("{letter}{i}"));
        nodes.push(named("QuantizeLinear", &q, &[&from, "s", "z"], &[&q]));
        nodes.push(named("DequantizeLinear", &d, &[&q, "s", "z"], &[&d]));
        nodes.push(named("Sigmoid", &r, &[&d], &[&r]));
        nodes.push(named("Add", &to, &[&r, &d], &[&to]));
    }
    runs(&model(&[1, 4], &constants, &nodes));
}
