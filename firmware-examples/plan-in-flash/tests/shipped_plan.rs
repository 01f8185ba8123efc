//! What the shipped plan computes, against the same plan run by the `retort` crate with everything that an operating
//! system gives it.

use std::path::Path;
use std::time::Duration;

use plan_in_flash::detector::{LEAST_SCORE, MOST_OVERLAP, SIDE};
use plan_in_flash::found::CLASSES;
use plan_in_flash::scene::{self, THINGS};
use plan_in_flash::{Arena, Detector, Object, Report, flash};
use retort::model::golden::{golden, output_crc32};
use retort::model::{LoadOptions, Model};
use retort::tensor::TensorMut;
use retort::vision::detector::Detector as Reference;
use retort::vision::frame::{Frame, PixelFormat};

fn model() -> Model {
    Model::from_bytes(flash::plan(), Path::new("shapes.plan"), &LoadOptions::default()).expect("the shipped plan loads")
}

#[test]
fn the_plan_keeps_the_promise_of_its_contract() {
    let model = model();
    let contract = model.contract().expect("the model has a contract");
    let promised = contract.golden.expect("its contract has checksums");
    assert_eq!(golden(&model, contract, promised.seed).expect("it runs"), promised);
}

#[test]
fn the_constants_are_those_of_the_contract() {
    let model = model();
    let contract = model.contract().expect("the model has a contract");
    assert_eq!(contract.classes, CLASSES);
    assert_eq!((contract.limits.score, contract.limits.iou), (LEAST_SCORE, MOST_OVERLAP));
    assert_eq!(model.arena_bytes(), flash::ARENA_LEN);
}

#[test]
fn what_is_drawn_is_found() {
    let mut arena = Box::new(Arena::zeros());
    let mut detector = Detector::new(&mut arena).expect("the shipped plan fits the program");
    // The second run finds the first one's leavings in the arena.
    for run in 0..2 {
        let found = detector.detect(|pixels| scene::draw(pixels, SIDE, &THINGS)).expect("it runs");
        for thing in &THINGS {
            let drawn = Object { class: thing.shape as usize, score: 1.0, edges: thing.edges() };
            let hits = |object: &&Object| object.class == drawn.class && object.overlap(&drawn) > 0.5;
            assert_eq!(found.objects().iter().filter(hits).count(), 1, "run {run}: {drawn} among {found:?}");
        }
        assert_eq!(found.objects().len(), THINGS.len(), "run {run}: {found:?}");
    }
}

#[test]
fn finds_what_the_full_runtime_finds() {
    let model = model();
    let mut reference = Reference::new(&model, model.contract().expect("the model has a contract")).expect("it fits");
    let mut arena = Box::new(Arena::zeros());
    let mut detector = Detector::new(&mut arena).expect("the shipped plan fits the program");
    let mut pixels = vec![0; SIDE * SIDE * 3];
    let mut count = 0;
    for turn in 0..12 {
        let things = THINGS.map(|thing| scene::Thing { turn: turn as f32 / 12.0, ..thing });
        scene::draw(&mut pixels, SIDE, &things);
        let frame = Frame::new(&pixels, PixelFormat::Rgb8, SIDE, SIDE, SIDE * 3, Duration::ZERO).expect("a picture");
        let expected = reference.detect(&frame).expect("it runs");
        let found = detector.detect(|input| input.copy_from_slice(&pixels)).expect("it runs").objects();
        assert_eq!(found.len(), expected.len(), "turn {turn}");
        for (found, expected) in found.iter().zip(expected) {
            let rect = expected.rect;
            assert_eq!(found.class, expected.class as usize, "turn {turn}");
            let numbers = [rect.left, rect.top, rect.right, rect.bottom, expected.score];
            let [left, top, right, bottom] = found.edges;
            for (found, expected) in [left, top, right, bottom, found.score].into_iter().zip(numbers) {
                assert!((found - expected).abs() <= 1e-3, "turn {turn}: {found} instead of {expected}");
            }
            count += 1;
        }
    }
    assert!(count > 0, "nothing was found in any picture, so nothing was compared");
}

#[test]
fn the_report_has_the_checksums_that_the_full_runtime_takes() {
    let model = model();
    let mut pixels = vec![0; SIDE * SIDE * 3];
    scene::draw(&mut pixels, SIDE, &THINGS);
    let mut session = model.session();
    let TensorMut::U8(input) = session.input(0) else { panic!("the model takes bytes") };
    input.copy_from_slice(&pixels);
    session.run().expect("it runs");
    let mut arena = Box::new(Arena::zeros());
    let mut detector = Detector::new(&mut arena).expect("the shipped plan fits the program");
    let mut clock = 0;
    let report = Report::of(&mut detector, || {
        clock += 7;
        clock
    });
    let report = report.expect("it runs");
    assert_eq!(report.picture, retort_core::plan::crc32(&pixels));
    assert_eq!(report.output, output_crc32(model.outputs(), &session));
    assert_eq!(report.ticks, 7);
}
