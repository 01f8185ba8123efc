//! Files that are cut short, are something else, or nest too deep.

use super::*;

fn right() -> ModelProto {
    let weights = floats("w", &[2, 3, 1, 1], &[0.5; 6]);
    model(&[1, 3, 4, 4], &[weights], &[named("Conv", "convolution", &["x", "w"], &["y"])])
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let mut right = right();
    // The last field of the file: without it, the operators would be those of no version.
    right.opset_import.truncate(1);
    let bytes = right.encode_to_vec();
    for length in 0..bytes.len() {
        refused_bytes(&bytes[..length], &LoadOptions::default(), &[]);
    }
    runs(&right);
}

#[test]
fn noise_is_refused() {
    let mut state = 1u64;
    for length in (1..400).chain([5000, 100_000]) {
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        refused_bytes(&noise.take(length).collect::<Vec<u8>>(), &LoadOptions::default(), &[]);
    }
}

#[test]
fn graphs_within_graphs_are_refused_at_any_depth() {
    for depth in [1, 10, 40, 10_000] {
        // Written from the inside out, since encoding a deep structure is recursive.
        let mut graph = GraphProto { name: "innermost".into(), ..Default::default() }.encode_to_vec();
        let field = |number: u8, bytes: &[u8]| {
            let mut field = vec![number << 3 | 2];
            prost::encoding::encode_varint(bytes.len() as u64, &mut field);
            [&field, bytes].concat()
        };
        for _ in 0..depth {
            let attribute = [field(1, b"body"), field(6, &graph)].concat();
            let node = [field(3, b"branch"), field(4, b"If"), field(5, &attribute)].concat();
            graph = field(1, &node);
        }
        // Operators of version 13.
        let bytes = [field(7, &graph), field(8, &[2 << 3, 13])].concat();
        let part = if depth < 33 { "`branch`" } else { "deep" };
        refused_bytes(&bytes, &LoadOptions::default(), &[part]);
    }
}

#[test]
fn loops_are_refused_by_name() {
    for operator in ["Loop", "Scan", "If"] {
        let body = AttributeProto {
            name: "body".into(),
            r#type: AttributeType::Graph.into(),
            g: Some(GraphProto::default()),
            ..Default::default()
        };
        let node = with(named(operator, "around", &["x"], &["y"]), [body]);
        refused(&model(&[1, 4], &[], &[node]), &["`around`", operator, "onnxsim"]);
    }
}
