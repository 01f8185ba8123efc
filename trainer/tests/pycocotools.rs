//! COCO's figures beside those of pycocotools, on random detections: `pycocotools/make.py` made `cases.json` with them.
//! `RETORT_COCO_CASES` names a file of more cases.

use std::path::PathBuf;

use retort_trainer::evaluate::coco::{Evaluation, Found, Judged, Summary, Truth};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    classes: usize,
    pictures: Vec<Picture>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Picture {
    truths: Vec<(usize, [f64; 4], f64, u8)>,
    found: Vec<(usize, f64, [f64; 4])>,
}

#[derive(Deserialize)]
struct Expected {
    stats: [f64; 12],
    by_iou: Vec<f64>,
    by_class: Vec<f64>,
    curve50: Vec<f64>,
}

fn stats(s: &Summary) -> [Option<f64>; 12] {
    [s.ap, s.ap50, s.ap75, s.small, s.medium, s.large, s.ar1, s.ar10, s.ar100, s.ar_small, s.ar_medium, s.ar_large]
}

/// The greatest difference to pycocotools, which writes -1 where there is no figure.
fn greatest_difference(case: &Case) -> f64 {
    let pictures: Vec<Judged> = (case.pictures.iter())
        .map(|picture| Judged {
            found: picture.found.iter().map(|&(class, score, bbox)| Found { class, score, bbox }).collect(),
            truths: (picture.truths.iter())
                .map(|&(class, bbox, area, crowd)| Truth { area, crowd: crowd != 0, ..Truth::new(class, bbox) })
                .collect(),
        })
        .collect();
    let evaluation = Evaluation::new(&pictures, case.classes);
    let summary = evaluation.summary();
    let curve: Vec<Option<f64>> = match evaluation.mean_precision(0) {
        Some(curve) => curve.map(Some).to_vec(),
        None => vec![None; case.expected.curve50.len()],
    };
    let of = |ours: &[Option<f64>], theirs: &[f64]| {
        assert_eq!(ours.len(), theirs.len());
        ours.iter().zip(theirs).map(|(ours, theirs)| (ours.unwrap_or(-1.0) - theirs).abs()).fold(0.0, f64::max)
    };
    of(&stats(&summary), &case.expected.stats)
        .max(of(&summary.by_iou, &case.expected.by_iou))
        .max(of(&summary.classes, &case.expected.by_class))
        .max(of(&curve, &case.expected.curve50))
}

#[test]
fn figures_equal_pycocotools() {
    let ours = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pycocotools/cases.json");
    for path in [Some(ours), std::env::var_os("RETORT_COCO_CASES").map(PathBuf::from)].into_iter().flatten() {
        let text = std::fs::read_to_string(&path).expect("cases");
        let cases: Vec<Case> = serde_json::from_str(&text).expect("JSON");
        assert!(!cases.is_empty());
        let mut greatest: f64 = 0.0;
        for (number, case) in cases.iter().enumerate() {
            let difference = greatest_difference(case);
            assert!(difference < 1e-9, "case {number}: {difference}");
            greatest = greatest.max(difference);
        }
        println!("{} cases, greatest difference {greatest:e}", cases.len());
    }
}
