//! Each family on outputs small enough to work out by hand, in every memory order and element type.

use proptest::prelude::*;

use super::*;
use crate::candidates::Candidate;
use crate::contract::{Labels, ScoreForm};
use crate::geometry::Rect;
use crate::tensor::{ElementType, Quantisation};

fn port(name: &str, shape: &[usize], order: &[usize]) -> Port {
    Port { name: name.into(), element: ElementType::F32, shape: shape.into(), order: order.into(), quantisation: None }
}

fn plain(name: &str, shape: &[usize]) -> Port {
    port(name, shape, &(0..shape.len()).collect::<Vec<_>>())
}

fn contract(classes: &str, head: &str) -> Contract {
    let image = "image = { colour = \"rgb\", resize = \"stretch\" }";
    Contract::from_toml(&format!("task = \"detect\"\nclasses = {classes}\n{image}\n[head]\n{head}")).unwrap()
}

fn decoded(
    contract: &Contract,
    input: [usize; 2],
    ports: &[Port],
    outputs: &[TensorRef<'_>],
    score: f32,
) -> Vec<Candidate> {
    let mut candidates = Candidates::with_capacity(10);
    Decoder::new(contract, input, ports, score).unwrap().decode(&outputs, &mut candidates);
    candidates.sorted().to_vec()
}

#[track_caller]
fn assert_found(found: &Candidate, class: u32, score: f32, rect: [f32; 4]) {
    let Rect { left, top, right, bottom } = found.rect;
    let near = |a: f32, b: f32| (a - b).abs() < 1e-4 * b.abs().max(1.0);
    let all = [left, top, right, bottom].iter().zip(rect).all(|(&a, b)| near(a, b));
    assert!(found.class == class && near(found.score, score) && all, "{found:?} is not {class} {score} {rect:?}");
}

const RETORT: &str = r#"
    kind = "retort"
    levels = [{ stride = 8, scores = "cls_8", boxes = "box_8" }]
"#;

/// Two classes on a grid of 2 columns and 1 row; the second cell shows class 1.
const LOGITS: [[f32; 2]; 2] = [[-3.0, -2.0], [-1.0, 2.0]];
/// Distances e⁰, e¹, e⁴ (the limit) and e⁻⁴ (the other limit), of 8 pixels.
const DISTANCES: [f32; 4] = [0.0, 1.0, 9.0, -9.0];

#[test]
fn retorts_own_head_in_both_memory_orders() {
    let contract = contract("[\"a\", \"b\"]", RETORT);
    let e = std::f32::consts::E;
    let score = 1.0 / (1.0 + (-2f32).exp());
    let rect = [12.0 - 8.0, 4.0 - 8.0 * e, 12.0 + 8.0 * e.powi(4), 4.0 + 8.0 * e.powi(-4)];
    for order in [[0, 1, 2, 3], [0, 2, 3, 1]] {
        let ports = [port("box_8", &[1, 4, 1, 2], &order), port("cls_8", &[1, 2, 1, 2], &order)];
        let by_channel = order[1] == 1;
        let lay = |rows: [Vec<f32>; 2]| -> Vec<f32> {
            let channels = rows[0].len();
            if by_channel { (0..channels).flat_map(|c| [rows[0][c], rows[1][c]]).collect() } else { rows.concat() }
        };
        let boxes = lay([vec![0.0; 4], DISTANCES.to_vec()]);
        let scores = lay(LOGITS.map(|row| row.to_vec()));
        let outputs = [TensorRef::F32(&boxes), TensorRef::F32(&scores)];
        let found = decoded(&contract, [16, 8], &ports, &outputs, 0.5);
        assert_eq!(found.len(), 1);
        assert_found(&found[0], 1, score, rect);
    }
}

#[test]
fn quantised_outputs_decode_to_what_they_mean() {
    let contract = contract("[\"a\", \"b\"]", RETORT);
    let quantised = |name: &str, channels, element, scale, zero_point| Port {
        element,
        quantisation: Some(Quantisation { scale, zero_point }),
        ..port(name, &[1, channels, 1, 2], &[0, 2, 3, 1])
    };
    let ports = [quantised("box_8", 4, ElementType::I8, 0.5, -10), quantised("cls_8", 2, ElementType::U8, 0.25, 100)];
    // Logits -3, -2; -1, 2 and distances 0; 0, 1, -1, -5.
    let scores = [88, 92, 96, 108];
    let boxes = [-10, -10, -10, -10, -10, -8, -12, -20];
    let outputs = [TensorRef::I8(&boxes), TensorRef::U8(&scores)];
    let found = decoded(&contract, [16, 8], &ports, &outputs, 0.88);
    let e = std::f32::consts::E;
    assert_eq!(found.len(), 1);
    assert_found(&found[0], 1, 0.880797, [4.0, 4.0 - 8.0 * e, 12.0 + 8.0 / e, 4.0 + 8.0 * e.powi(-4)]);
    // The next stored value above logit 2 means 2.25, which is sigmoid 0.905: nothing reaches that.
    assert!(decoded(&contract, [16, 8], &ports, &outputs, 0.885).is_empty());
    assert!(decoded(&contract, [16, 8], &ports, &outputs, 1.0).is_empty());
    assert_eq!(decoded(&contract, [16, 8], &ports, &outputs, 0.0).len(), 2);
}

#[test]
fn distributions_over_bins_become_their_means() {
    let head = r#"
        kind = "dfl"
        reg_max = 3
        score_form = "probabilities"
        point_labels = "every"
        levels = [{ stride = 4, scores = "s4", boxes = "b4" }, { stride = 8, scores = "s8", boxes = "b8" }]
    "#;
    let contract = contract("[\"a\", \"b\"]", head);
    // 8 × 4 pixels are 2 cells of stride 4 and 1 of stride 8, half of which lies outside.
    let ports = [plain("s4", &[2, 2]), plain("b4", &[2, 16]), plain("s8", &[1, 1, 2]), plain("b8", &[1, 1, 16])];
    let sure = 50.0;
    #[rustfmt::skip]
    let bins = [
        sure, 0.0, 0.0, 0.0, // bin 0
        0.0, sure, 0.0, 0.0, // bin 1
        0.0, 0.0, 0.0, sure, // bin 3
        sure, sure, sure, sure, // as likely 0 as 1, 2 and 3
    ];
    let coarse = [0.0; 16];
    let fine = [[0.0; 16], bins].concat();
    let outputs = [
        TensorRef::F32(&[0.1, 0.2, 0.8, 0.6]),
        TensorRef::F32(&fine),
        TensorRef::F32(&[0.1, 0.7]),
        TensorRef::F32(&coarse),
    ];
    let found = decoded(&contract, [8, 4], &ports, &outputs, 0.5);
    assert_eq!(found.len(), 3);
    assert_found(&found[0], 0, 0.8, [6.0, 2.0 - 4.0, 6.0 + 12.0, 2.0 + 6.0]);
    assert_found(&found[1], 1, 0.7, [4.0 - 12.0, 4.0 - 12.0, 4.0 + 12.0, 4.0 + 12.0]);
    assert_found(&found[2], 1, 0.6, [6.0, 2.0 - 4.0, 6.0 + 12.0, 2.0 + 6.0]);
}

#[test]
fn yolox_multiplies_objectness_and_finds_the_level() {
    let contract = contract("[\"a\", \"b\"]", "kind = \"yolox\"\noutput = \"o\"\nstrides = [8, 16]");
    // 16 × 16 pixels: four cells of stride 8, then one of 16.
    let mut rows = [[0.0; 7]; 5];
    rows[3] = [0.5, 0.25, 0.0, 2f32.ln(), 0.9, 0.1, 0.8];
    rows[4] = [0.5, 0.5, 0.0, 0.0, 0.5, 0.9, 0.2];
    rows[0] = [0.5, 0.5, 0.0, 0.0, 0.4, 0.9, 0.2];
    let found = decoded(&contract, [16, 16], &[plain("o", &[1, 5, 7])], &[TensorRef::F32(rows.as_flattened())], 0.4);
    assert_eq!(found.len(), 2);
    assert_found(&found[0], 1, 0.72, [8.0, 2.0, 16.0, 18.0]);
    assert_found(&found[1], 0, 0.45, [0.0, 0.0, 16.0, 16.0]);
}

#[test]
fn fastestdet_weighs_objectness_and_class() {
    let contract = contract("[\"a\"]", "kind = \"fastestdet\"\noutput = \"o\"");
    // Two columns, one row, as NCHW: objectness, x, y, w, h, class.
    let output = [0.1, 0.8, 0.0, 0.5, 0.0, -0.5, 0.0, 0.0, 0.0, 1.0, 0.2, 0.9];
    let found = decoded(&contract, [20, 10], &[plain("o", &[1, 6, 1, 2])], &[TensorRef::F32(&output)], 0.5);
    assert_eq!(found.len(), 1);
    let (x, y) = ((0.5f32.tanh() + 1.0) * 10.0, -0.5f32.tanh() * 10.0);
    let height = 10.0 / (1.0 + (-1f32).exp());
    let rect = [x - 5.0, y - height / 2.0, x + 5.0, y + height / 2.0];
    assert_found(&found[0], 0, 0.8f32.powf(0.6) * 0.9f32.powf(0.4), rect);
}

#[test]
fn ssd_offsets_start_from_their_priors() {
    let head = "kind = \"ssd\"\nscores = \"s\"\nboxes = \"b\"\nstrides = [8, 16]\nsizes = [[4, 40], [10]]";
    let contract = contract("[\"face\"]", head);
    // 16 × 8 pixels: two cells of two priors, then one cell of one prior.
    let ports = [plain("s", &[1, 5, 2]), plain("b", &[1, 5, 4])];
    let scores = [0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.1, 0.9, 0.4, 0.6];
    let mut boxes = [[0.0; 4]; 5];
    boxes[3] = [1.0, 0.0, 0.0, 5.0];
    let outputs = [TensorRef::F32(&scores), TensorRef::F32(boxes.as_flattened())];
    let found = decoded(&contract, [16, 8], &ports, &outputs, 0.5);
    assert_eq!(found.len(), 2);
    // The prior of side 40 is cut to the input's 16 × 8; its height grows e-fold.
    let half = 4.0 * std::f32::consts::E;
    assert_found(&found[0], 0, 0.9, [12.0 + 1.6 - 8.0, 4.0 - half, 12.0 + 1.6 + 8.0, 4.0 + half]);
    // The last level's cell reaches beyond the lower edge, on which its centre lies; its prior is 10 wide and 8 high.
    assert_found(&found[1], 0, 0.6, [3.0, 4.0, 13.0, 12.0]);
}

#[test]
fn ready_boxes_in_every_form() {
    for (form, numbers) in [
        ("corners", [0.1, 0.2, 0.5, 0.4]),
        ("corner-size", [0.1, 0.2, 0.4, 0.2]),
        ("centre-size", [0.3, 0.3, 0.4, 0.2]),
    ] {
        let head = format!(
            "kind = 'boxes'\nscores = 's'\nboxes = 'b'\nunits = 'fractions'\nform = '{form}'\ncolumns = 'after-background'"
        );
        let contract = contract("[\"face\"]", &head);
        let ports = [plain("s", &[1, 1, 2]), plain("b", &[1, 1, 4])];
        let found =
            decoded(&contract, [100, 50], &ports, &[TensorRef::F32(&[0.2, 0.8]), TensorRef::F32(&numbers)], 0.5);
        assert_found(&found[0], 0, 0.8, [10.0, 10.0, 50.0, 20.0]);
    }
}

#[test]
fn queries_find_something_or_say_that_there_is_nothing() {
    let boxes = [0.3, 0.3, 0.4, 0.2, 0.5, 0.5, 1.0, 1.0];
    let ports = |columns| [plain("s", &[1, 2, columns]), plain("b", &[1, 2, 4])];
    let head = |scores: &str| {
        let head = format!("kind = 'detr'\nscores = 's'\nboxes = 'b'\nquery_scores = '{scores}'");
        contract("[\"a\", \"b\"]", &head)
    };
    // The first query: e² of e⁰ + e² + e¹; the second is surest that there is nothing.
    let logits = [0.0, 2.0, 1.0, 1.0, 0.0, 9.0];
    let outputs = [TensorRef::F32(&logits), TensorRef::F32(&boxes)];
    let found = decoded(&head("softmax"), [100, 50], &ports(3), &outputs, 0.3);
    assert_eq!(found.len(), 1);
    let e = std::f32::consts::E;
    assert_found(&found[0], 1, e * e / (1.0 + e * e + e), [10.0, 10.0, 50.0, 20.0]);
    // Classes on their own: both of the first query, none of the second.
    let outputs = [TensorRef::F32(&[0.0, 2.0, -3.0, -9.0]), TensorRef::F32(&boxes)];
    let found = decoded(&head("sigmoid"), [100, 50], &ports(2), &outputs, 0.4);
    assert_eq!(found.len(), 2);
    assert_found(&found[0], 1, sigmoid(2.0), [10.0, 10.0, 50.0, 20.0]);
    assert_found(&found[1], 0, 0.5, [10.0, 10.0, 50.0, 20.0]);
    // A softmax wants a column for nothing.
    assert!(Decoder::new(&head("softmax"), [9, 9], &ports(2), 0.5).is_err());
}

#[test]
fn ready_detections_with_and_without_an_output_of_labels() {
    let rows = [1.0, 2.0, 3.0, 4.0, 0.9, 5.0, 6.0, 7.0, 8.0, 0.2, 0.0, 0.0, 1.0, 1.0, 0.8];
    let contract =
        |labels: &str| contract("[\"a\", \"b\"]", &format!("kind = \"detections\"\ndetections = \"d\"\n{labels}"));
    let ports = [plain("d", &[1, 3, 5]), Port { element: ElementType::I64, ..plain("l", &[1, 3]) }];
    // The third has a class that the contract does not know.
    let outputs = [TensorRef::F32(&rows), TensorRef::I64(&[1, 0, 7])];
    let found = decoded(&contract("labels = \"l\""), [9, 9], &ports, &outputs, 0.5);
    assert_eq!(found.len(), 1);
    assert_found(&found[0], 1, 0.9, [1.0, 2.0, 3.0, 4.0]);
    let six = [1.0, 2.0, 3.0, 4.0, 0.9, 1.0];
    let found = decoded(&contract(""), [9, 9], &[plain("d", &[1, 1, 6])], &[TensorRef::F32(&six)], 0.5);
    assert_found(&found[0], 1, 0.9, [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn shapes_that_do_not_fit_are_refused_by_key() {
    let contract = contract("[\"a\", \"b\"]", RETORT);
    for (scores, boxes, key) in [
        (plain("cls_8", &[1, 3, 1, 2]), plain("box_8", &[1, 4, 1, 2]), "head.levels.0.scores"),
        (plain("cls_8", &[1, 2, 1, 2]), plain("box_8", &[1, 4, 2, 2]), "head.levels.0.boxes"),
        (plain("cls_8", &[2]), plain("box_8", &[1, 4, 1, 2]), "head.levels.0.scores"),
        (plain("cls", &[1, 2, 1, 2]), plain("box_8", &[1, 4, 1, 2]), "head.levels.0.scores"),
        (
            Port { element: ElementType::I64, ..plain("cls_8", &[1, 2, 1, 2]) },
            plain("box_8", &[1, 4, 1, 2]),
            "head.levels.0.scores",
        ),
    ] {
        let error = Decoder::new(&contract, [16, 8], &[scores, boxes], 0.5).unwrap_err();
        assert!(matches!(&error, ContractError { key: at, .. } if at == key), "{error}");
    }
}

#[test]
fn outputs_of_another_run_add_nothing() {
    let contract = contract("[\"a\", \"b\"]", RETORT);
    let ports = [plain("box_8", &[1, 4, 1, 2]), plain("cls_8", &[1, 2, 1, 2])];
    let outputs = [TensorRef::F32(&[0.0; 8]), TensorRef::I64(&[9; 4])];
    assert!(decoded(&contract, [16, 8], &ports, &outputs, 0.0).is_empty());
}

proptest! {
    #[test]
    fn scanning_finds_what_looking_at_each_would(
        values in prop::collection::vec(any::<u8>(), 1..200),
        classes in 1usize..40,
        by_column in any::<bool>(),
        score in 0f32..1.0,
        every in any::<bool>(),
    ) {
        let rows = values.len() / classes;
        prop_assume!(rows > 0);
        let values = &values[..rows * classes];
        let order: &[usize] = if by_column { &[0, 2, 1] } else { &[0, 1, 2] };
        let stored = Port {
            element: ElementType::U8,
            quantisation: Some(Quantisation { scale: 1.0 / 255.0, zero_point: 0 }),
            ..port("s", &[1, rows, classes], order)
        };
        let outputs = [stored, port("s", &[1, rows, classes], order)];
        let strides = outputs[0].strides();
        let at = |row: usize, class: usize| values[row * strides[1] + class * strides[2]];
        let mut expected = Vec::new();
        for row in 0..rows {
            let best = (0..classes).map(|class| at(row, class)).max().unwrap();
            let mut reach = (0..classes).filter(|&class| f32::from(at(row, class)) * (1.0 / 255.0) >= score);
            if every {
                expected.extend(reach.map(|class| (row, class as u32)));
            } else if reach.next().is_some() {
                let first = (0..classes).find(|&class| at(row, class) == best).unwrap();
                expected.push((row, first as u32));
            }
        }
        let labels = if every { Labels::Every } else { Labels::Best };
        let floats: Vec<f32> = values.iter().map(|&value| f32::from(value) * (1.0 / 255.0)).collect();
        for (index, data) in [TensorRef::U8(values), TensorRef::F32(&floats)].into_iter().enumerate() {
            let plan = Plan { outputs: &outputs[index..=index], classes, input: [1, 1], score };
            let matrix = matrix::Matrix::find(&plan, "head.scores", "s", Some(rows), classes).unwrap();
            let mut found = Vec::new();
            let threshold = scan::threshold(score, ScoreForm::Probabilities);
            scan::scan(&matrix.of(&&[data][..]), 0, threshold, labels, |row, class, _| found.push((row, class)));
            prop_assert_eq!(&found, &expected);
        }
    }
}
