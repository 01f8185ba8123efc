//! Families from ports alone. The files of well-known networks are tried where models are loaded.

use super::*;
use crate::contract::{BoxForm, Head};
use crate::tensor::ElementType;

fn port(name: &str, shape: &[usize]) -> Port {
    let order = (0..shape.len()).collect();
    Port { name: name.into(), element: ElementType::F32, shape: shape.to_vec(), order, quantisation: None }
}

fn clues(operators: &[&str], outputs_by: &[&str]) -> Clues {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    Clues { operators: owned(operators).into_iter().collect(), outputs_by: owned(outputs_by) }
}

fn cut() -> Cut {
    Cut {
        node: "it".into(),
        replaced: vec!["dets".into(), "labels".into()],
        boxes: "boxes".into(),
        scores: "scores".into(),
        centred: false,
        selection: true,
        iou: Some(0.65),
    }
}

fn input() -> Port {
    port("image", &[1, 3, 64, 96])
}

/// The cells of strides 8, 16 and 32 in that input.
const CELLS: usize = 8 * 12 + 4 * 6 + 2 * 3;

fn rtmdet(classes: usize, operators: &[&str]) -> Result<Contract, Unrecognised> {
    let outputs = [port("boxes", &[1, CELLS, 4]), port("scores", &[1, CELLS, classes])];
    Contract::recognise(&[input()], &outputs, &clues(operators, &["Concat", "Sigmoid"]), Some(&cut()))
}

fn one(shape: &[usize], operators: &[&str]) -> Result<Contract, Unrecognised> {
    Contract::recognise(&[input()], &[port("output", shape)], &clues(operators, &["Concat"]), None)
}

#[test]
fn rtmdet_is_known_by_its_cut_and_its_backbone() {
    let contract = rtmdet(80, &["Conv", "HardSigmoid"]).unwrap();
    assert_eq!(contract.recognised_as(), Some("RTMDet (mmdeploy)"));
    assert_eq!((contract.classes.len(), contract.limits.iou), (80, 0.65));
    assert!(matches!(contract.head, Head::Boxes { form: BoxForm::Corners, .. }));
    assert_eq!(rtmdet(1, &["HardSigmoid"]).unwrap().classes, ["person"]);
    let nameless = Unrecognised::Nameless { family: "RTMDet (mmdeploy)", classes: 7 };
    assert_eq!(rtmdet(7, &["HardSigmoid"]), Err(nameless));
    assert!(matches!(rtmdet(80, &["HardSigmoid", "Softmax"]), Err(Unrecognised::Unknown(_))));
    assert!(matches!(rtmdet(80, &["Conv"]), Err(Unrecognised::Unknown(_))));
}

#[test]
fn families_of_one_output_are_told_apart() {
    let family = |shape: &[usize]| one(shape, &["Softmax"]).unwrap().recognised_as().map(str::to_owned);
    assert_eq!(family(&[1, CELLS, 85]).as_deref(), Some("YOLOX"));
    assert_eq!(family(&[1, 85, 4, 6]).as_deref(), Some("FastestDet"));
    assert_eq!(one(&[1, CELLS, 7], &[]), Err(Unrecognised::Nameless { family: "YOLOX", classes: 2 }));
    for (shape, operators) in
        [([1, CELLS, 85], &["Exp"][..]), ([1, 3 * CELLS, 85], &[]), ([1, 84, CELLS], &["Softmax"])]
    {
        assert!(matches!(one(&shape, operators), Err(Unrecognised::Unread { .. })), "{shape:?}");
    }
    let error = one(&[1, 10], &[]).unwrap_err().to_string();
    assert!(error.contains("`output` [1, 10]"), "{error}");
}
