//! The contract read from every side, written, read again, and refused.

use proptest::prelude::*;

use super::*;
use crate::tensor::{ElementType, Port};

const YOLOX: &str = r#"
    task = "detect"
    classes = ["person", "bicycle"]
    [image]
    colour = "bgr"
    resize = "letterbox"
    pad = 114
    align = "top-left"
    [head]
    kind = "yolox"
    output = "output"
    strides = [8, 16, 32]
    [limits]
    score = 0.25
    [metrics]
    ap = 33.8
"#;

const NANODET: &str = r#"
    task = "detect"
    classes = ["face"]
    image = { colour = "rgb", mean = [1, 2, 3], std = 57.5, resize = "stretch" }
    [head]
    kind = "dfl"
    score_form = "probabilities"
    [[head.levels]]
    stride = 8
    scores = "cls8"
    boxes = "box8"
    [[head.levels]]
    stride = 16
    scores = "cls16"
    boxes = "box16"
"#;

fn refusal(text: &str) -> (String, String) {
    match Contract::from_toml(text) {
        Err(ContractError { key, problem }) => (key, problem),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn reads_toml_with_its_defaults() {
    let contract = Contract::from_toml(YOLOX).unwrap();
    assert_eq!(contract.image.mean, [0.0; 3]);
    assert_eq!(contract.image.std, [1.0; 3]);
    assert_eq!(contract.image.resize, Resize::Letterbox { pad: 114, align: Align::TopLeft });
    assert_eq!(contract.head, Head::Yolox { output: "output".into(), strides: vec![8, 16, 32] });
    assert_eq!(contract.limits, Limits { score: 0.25, ..Limits::default() });
    assert_eq!(contract.metrics["ap"], 33.8);

    let contract = Contract::from_toml(NANODET).unwrap();
    assert_eq!(contract.image.mean, [1.0, 2.0, 3.0]);
    assert_eq!(contract.image.std, [57.5; 3]);
    let Head::Points(head) = &contract.head else { panic!("{:?}", contract.head) };
    assert_eq!(head.coding, PointCoding::Dfl { reg_max: 7 });
    assert_eq!(head.levels[1], Level { stride: 16, scores: "cls16".into(), boxes: "box16".into() });
}

#[test]
fn a_wrong_key_is_named_with_the_nearest() {
    let (key, problem) = refusal(&YOLOX.replace("score =", "scor ="));
    assert_eq!(key, "limits.scor");
    assert!(problem.contains("`limits.score`"), "{problem}");

    let (key, problem) = refusal(&NANODET.replace("boxes = \"box16\"", "boxs = \"box16\""));
    assert_eq!(key, "head.levels.1.boxs");
    assert!(problem.contains("did you mean `head.levels.1.boxes`"), "{problem}");

    // What is given is right, and what is missing is not like it.
    let (key, problem) = refusal(&NANODET.replace("boxes = \"box16\"", ""));
    assert_eq!(key, "head.levels.1.boxes");
    assert!(problem.contains("missing"), "{problem}");

    let (key, problem) = refusal(&YOLOX.replace("task =", "tasks ="));
    assert_eq!(key, "tasks");
    assert!(problem.contains("did you mean `task`"), "{problem}");

    let (key, problem) = refusal(&YOLOX.replace("\"yolox\"", "\"yolo\""));
    assert_eq!(key, "head.kind");
    assert!(problem.contains("did you mean `yolox`"), "{problem}");
}

#[test]
fn wrong_values_are_refused() {
    for (from, to, key) in [
        ("score = 0.25", "score = 1.5", "limits.score"),
        ("score = 0.25", "score = \"0.25\"", "limits.score"),
        ("score = 0.25", "score = nan", "limits.score"),
        ("pad = 114", "pad = 256", "image.pad"),
        ("strides = [8, 16, 32]", "strides = [8, 0]", "head.strides"),
        ("strides = [8, 16, 32]", "strides = []", "head.strides"),
        ("colour = \"bgr\"", "colour = \"bgr\"\nstd = [1, 0, 1]", "image.std"),
        ("colour = \"bgr\"", "colour = \"grey\"\nmean = [1, 2, 3]", "image.mean"),
        ("classes = [\"person\", \"bicycle\"]", "classes = []", "classes"),
        ("classes = [\"person\", \"bicycle\"]", "classes = [1]", "classes"),
        ("task = \"detect\"", "task = \"classify\"", "head.kind"),
        ("task = \"detect\"", "version = 2\ntask = \"detect\"", "version"),
        ("task = \"detect\"", "task = ", "line 2"),
        ("[metrics]", "[golden]\nseed = 1\n[metrics]", "golden.input_crc32"),
    ] {
        assert!(YOLOX.contains(from), "{from}");
        assert_eq!(refusal(&YOLOX.replace(from, to)).0, key, "{to}");
    }
}

#[test]
fn metadata_of_others_is_no_contract() {
    assert_eq!(Contract::from_metadata(&[("author".into(), "someone".into())]).unwrap(), None);
    let twice = [("retort.task".into(), "detect".into()), ("retort.task".into(), "detect".into())];
    assert!(Contract::from_metadata(&twice).unwrap_err().to_string().contains("twice"));
}

#[test]
fn a_missing_output_is_named_with_the_nearest() {
    let port = |name: &str, shape: &[usize]| Port {
        name: name.into(),
        element: ElementType::F32,
        shape: shape.into(),
        order: (0..shape.len()).collect(),
        quantisation: None,
    };
    let contract = Contract::from_toml(YOLOX).unwrap();
    let inputs = [port("images", &[1, 3, 416, 416])];
    contract.check(&inputs, &[port("output", &[1, 3549, 7])]).unwrap();
    let error = contract.check(&inputs, &[port("outputs", &[1, 3549, 7])]).unwrap_err().to_string();
    assert!(error.contains("head.output") && error.contains("did you mean `outputs`"), "{error}");
    let grey = [port("images", &[1, 1, 416, 416])];
    assert!(contract.check(&grey, &[]).unwrap_err().to_string().contains("image.colour"));
}

fn any_name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_/.:\"\\\\ é,\\]-]{1,12}"
}

fn any_positive() -> impl Strategy<Value = f32> {
    1e-3f32..1e3
}

fn any_scores() -> impl Strategy<Value = ScoreForm> {
    prop_oneof![Just(ScoreForm::Logits), Just(ScoreForm::Probabilities)]
}

fn any_columns() -> impl Strategy<Value = ScoreColumns> {
    prop_oneof![Just(ScoreColumns::All), Just(ScoreColumns::AfterBackground)]
}

fn any_units() -> impl Strategy<Value = BoxUnits> {
    prop_oneof![Just(BoxUnits::Pixels), Just(BoxUnits::Fractions)]
}

fn any_points() -> impl Strategy<Value = Head> {
    let level = (1u32..256, any_name(), any_name()).prop_map(|(stride, scores, boxes)| Level { stride, scores, boxes });
    let coding = prop_oneof![Just(PointCoding::Exp), (1u32..64).prop_map(|reg_max| PointCoding::Dfl { reg_max })];
    let anchor = prop_oneof![Just(AnchorPoint::Centre), Just(AnchorPoint::Corner)];
    let labels = prop_oneof![Just(Labels::Best), Just(Labels::Every)];
    // More than ten levels, so that keys sort as 10 before 2.
    (prop::collection::vec(level, 1..13), any_scores(), anchor, coding, labels).prop_map(
        |(levels, scores, anchor, coding, labels)| Head::Points(PointHead { levels, scores, anchor, coding, labels }),
    )
}

fn any_priors() -> impl Strategy<Value = Priors> {
    let level = (1u32..256, prop::collection::vec(any_positive(), 1..4));
    (prop::collection::vec(level, 1..5), any_positive(), any_positive()).prop_map(
        |(levels, centre_variance, size_variance)| {
            let (strides, sizes) = levels.into_iter().unzip();
            Priors { strides, sizes, centre_variance, size_variance }
        },
    )
}

fn any_detect_head() -> impl Strategy<Value = Head> {
    let form = prop_oneof![Just(BoxForm::Corners), Just(BoxForm::CornerSize), Just(BoxForm::CentreSize)];
    prop_oneof![
        any_points(),
        (any_name(), prop::collection::vec(1u32..256, 1..5))
            .prop_map(|(output, strides)| Head::Yolox { output, strides }),
        any_name().prop_map(|output| Head::FastestDet { output }),
        (any_name(), any_name(), any_columns(), any_priors()).prop_map(|(scores, boxes, columns, priors)| Head::Ssd {
            scores,
            boxes,
            columns,
            priors
        }),
        (any_name(), any_name(), any_columns(), form, any_units())
            .prop_map(|(scores, boxes, columns, form, units)| Head::Boxes { scores, boxes, columns, form, units }),
        (any_name(), any_name(), prop_oneof![Just(QueryScores::Sigmoid), Just(QueryScores::Softmax)])
            .prop_map(|(logits, boxes, scores)| Head::Detr { logits, boxes, scores }),
        (any_name(), prop::option::of(any_name()), any_units())
            .prop_map(|(detections, labels, units)| Head::Detections { detections, labels, units }),
    ]
}

fn any_image() -> impl Strategy<Value = ImageSpec> {
    let colour = prop_oneof![Just(Colour::Rgb), Just(Colour::Bgr), Just(Colour::Grey)];
    let align = prop_oneof![Just(Align::Centre), Just(Align::TopLeft)];
    let resize = prop_oneof![
        (any::<u8>(), align).prop_map(|(pad, align)| Resize::Letterbox { pad, align }),
        Just(Resize::Stretch),
        (0.02f32..1.0).prop_map(|crop| Resize::CentreCrop { crop }),
    ];
    let interpolation = prop_oneof![Just(Interpolation::Linear), Just(Interpolation::Nearest)];
    (prop::option::of(any_name()), colour, [any_positive(), any_positive(), any_positive()], resize, interpolation)
        .prop_map(|(input, colour, values, resize, interpolation)| {
            let channels = colour.channels();
            let (mean, std) = (values[..channels].to_vec(), values[3 - channels..].to_vec());
            ImageSpec { input, colour, mean, std, resize, interpolation }
        })
}

fn any_coverage() -> impl Strategy<Value = Coverage> {
    (1usize..5, 1usize..4).prop_flat_map(|(channels, count)| {
        let prototype = prop::collection::vec(-1e3f32..1e3, channels);
        let prototypes = prop::collection::vec(prototype, count);
        let deviations = prop::collection::vec(any_positive(), channels);
        let radii = prop::collection::vec(any_positive(), count);
        (any_name(), 0.01f32..1.0, deviations, prototypes, radii).prop_map(
            |(output, quantile, deviations, prototypes, radii)| Coverage {
                output,
                quantile,
                deviations,
                prototypes,
                radii,
            },
        )
    })
}

fn any_contract() -> impl Strategy<Value = Contract> {
    let limits = (0f32..=1.0, 0f32..=1.0, 1usize..10_000).prop_map(|(score, iou, max_detections)| Limits {
        score,
        iou,
        max_detections,
    });
    let golden = (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(seed, input_crc32, output_crc32)| Golden {
        seed,
        input_crc32,
        output_crc32,
    });
    let task_and_head = prop_oneof![
        any_detect_head().prop_map(|head| (Task::Detect, head)),
        (any_name(), any_scores()).prop_map(|(output, scores)| (Task::Classify, Head::Logits { output, scores })),
    ];
    let coverage = prop::option::of(any_coverage());
    let free = prop::collection::btree_map("[a-z0-9_.]{1,8}", any_name(), 0..4);
    let metrics = prop::collection::btree_map("[a-z0-9_.]{1,8}", -1e6f64..1e6, 0..4);
    let classes = prop::collection::vec(any_name(), 1..5);
    (task_and_head, classes, any_image(), limits, prop::option::of(golden), coverage, free, metrics).prop_map(
        |((task, head), classes, image, limits, golden, coverage, provenance, metrics)| Contract {
            task,
            classes,
            image,
            head,
            limits,
            golden,
            coverage,
            provenance,
            metrics,
        },
    )
}

proptest! {
    #[test]
    fn metadata_gives_the_same_contract_again(contract in any_contract()) {
        let again = Contract::from_metadata(&contract.to_metadata()).unwrap();
        prop_assert_eq!(again, Some(contract));
    }

    #[test]
    fn no_metadata_panics(pairs in prop::collection::vec(("[a-z.0-9]{0,20}", ".{0,20}"), 0..6)) {
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| (format!("retort.{key}"), value)).collect();
        let _ = Contract::from_metadata(&pairs);
    }
}
