//! Every loss between a student and a teacher of another shape: it ties, it teaches, and nothing of it stays in the student.

use std::sync::Arc;

use burn::tensor::Device;

use super::{Binding, Inside, Kind, Loss, Tie, taps};
use crate::data::{Label, Rng};
use crate::losses::Assigner;
use crate::nets::{Answer, Architecture, Family, FixedHeads, Folded, Network, Shape, Weights, examples};
use crate::teacher::{Feature, Tap};
use crate::train::{Labels, Lesson, LossWeights, Moment, Optimiser, OptimiserOptions, Past, Rule, Teaching};

const CLASSES: usize = 4;
const BATCH: usize = 6;

fn classifier() -> Network {
    let architecture = Architecture {
        family: Family::Classifier,
        widths: vec![8, 8, 16],
        depths: vec![0, 0],
        stem: 1,
        ..Architecture::default()
    };
    architecture.build(Shape { height: 16, width: 16, channels: 1 }, CLASSES).expect("it fits")
}

/// What a teacher of other sizes and channels has.
fn teacher_taps() -> Vec<Tap> {
    let tap = |name: &str, shape| Tap { name: name.into(), shape, answer: name == "logits" };
    vec![tap("early", [32, 32, 12]), tap("middle", [8, 8, 24]), tap("late", [4, 4, 20]), tap("logits", [1, 1, CLASSES])]
}

fn parts(hard: f32) -> LossWeights {
    LossWeights {
        hard_classes: hard,
        hard_boxes: hard,
        soft_classes: 0.0,
        soft_boxes: 0.0,
        sides: 0.0,
        temperature: 1.0,
        smoothing: 0.0,
    }
}

/// A lesson that is always the same, with maps of the teacher at these taps.
fn lesson(network: &Network, taps: &[Tap], step: usize) -> Lesson {
    let mut rng = Rng::new(&[5, step as u64 % 3]);
    let shape = network.input();
    let labels = (0..BATCH).map(|picture| match network.levels().is_empty() {
        true => Labels::Classes((0..CLASSES).map(|c| f32::from(u8::from(c == picture % CLASSES))).collect()),
        false => Labels::Boxes(vec![Label::new(0, [4.0, 4.0, 20.0, 24.0])]),
    });
    let labels = labels.collect();
    let mut floats = |count: usize| (0..count).map(|_| rng.range(0.0, 1.0)).collect::<Vec<f32>>();
    Lesson {
        labels,
        pictures: floats(BATCH * shape.len()),
        teacher: (0..BATCH).map(|_| answer(network, &mut floats)).collect(),
        features: taps
            .iter()
            .map(|tap| {
                (0..BATCH).map(|_| Feature { shape: tap.shape, values: floats(tap.shape.iter().product()) }).collect()
            })
            .collect(),
        places: (0..BATCH).collect(),
        ..Lesson::default()
    }
}

/// What a teacher might say: class by class, and of a detector cell by cell.
fn answer(network: &Network, floats: &mut impl FnMut(usize) -> Vec<f32>) -> Answer {
    let points = network.points();
    let classes = floats(points.max(1) * network.head.classes());
    Answer { classes, boxes: floats(points * network.box_numbers()) }
}

/// The heads of a detector that is wider than those of the examples.
fn heads(classes: usize, reg_max: usize) -> Arc<FixedHeads> {
    let a =
        Architecture { widths: vec![8; 5], depths: vec![0; 4], neck: 12, head: 1, reg_max, ..Architecture::default() };
    let network = a.build(Shape { height: 32, width: 32, channels: 3 }, classes).expect("it fits");
    Arc::new(FixedHeads::new(&Folded::new(&Weights::random(&network, 8))).expect("a detector"))
}

/// Trains with this binding alone; the losses step by step.
fn learn(network: &Network, binding: &Binding, hard: f32, steps: usize) -> Vec<f32> {
    let (known, heads) = (teacher_taps(), heads(network.head.classes(), 0));
    let inside = Inside { taps: &known, heads: Some(&heads) };
    let mut tie = Tie::new(0, binding, network, inside).expect("it ties");
    tie.found_at(0);
    let tapped: Vec<Tap> = tie.tap().cloned().into_iter().collect();
    let mut weights = Weights::random(network, 3);
    weights.parameters.extend(tie.aids(3));
    let mut average = weights.clone();
    let mut past = Past::new(BATCH * CLASSES);
    let options =
        OptimiserOptions { rule: Rule::AdamW, decay: 0.0, clip: 10.0, momentum: 0.9, max_norm: f32::INFINITY };
    let mut optimiser = Optimiser::new(&weights, options);
    let teaching = Teaching { assigner: Assigner::new(network, 9), parts: parts(hard), ties: vec![tie], scales: None };
    let device = Device::flex();
    let step = |step: usize| {
        let moment = Moment { done: 1.0, seed: &[1, step as u64 % 3], device: &device };
        let lesson = lesson(network, &tapped, 0);
        let outcome = lesson.teach(&mut weights, &mut average, &mut past, &teaching, moment).expect("taught");
        optimiser.step(&mut weights, &outcome.gradients, 3e-3);
        outcome.loss
    };
    (0..steps).map(step).collect()
}

#[test]
fn every_loss_teaches() {
    let network = classifier();
    for loss in Loss::ALL.into_iter().filter(|loss| loss.kind() != Kind::Heads) {
        // What the student was and what its average says teach nothing new without labels.
        let hard = f32::from(u8::from(loss.kind() == Kind::Own));
        let binding = Binding { over: 0.0, ..loss.usual() };
        let losses = learn(&network, &binding, hard, 40);
        assert!(losses.iter().all(|loss| loss.is_finite()), "{}: {losses:?}", loss.name());
        let [first, last] = [&losses[1..4], &losses[37..]].map(|some| some.iter().sum::<f32>());
        assert!(last < 0.95 * first, "{}: {first} to {last}", loss.name());
    }
}

#[test]
fn a_step_in_which_nothing_is_said_moves_nothing() {
    let network = examples::detector(32, 1);
    let mut weights = Weights::random(&network, 3);
    let mut average = weights.clone();
    for sides in [0.0, 1.0] {
        let parts = LossWeights { sides, ..parts(0.0) };
        let teaching = Teaching { assigner: Assigner::new(&network, 9), parts, ties: Vec::new(), scales: None };
        let moment = Moment { done: 1.0, seed: &[1], device: &Device::flex() };
        let mut lesson = lesson(&network, &[], 0);
        // A teacher that sees no object anywhere has nothing to say of sides.
        lesson.teacher.iter_mut().for_each(|answer| answer.classes.fill(-50.0));
        let taught = lesson.teach(&mut weights, &mut average, &mut Past::new(0), &teaching, moment);
        let outcome = taught.expect("taught");
        assert_eq!(outcome.loss, 0.0);
        assert!(outcome.gradients.iter().flatten().all(|&gradient| gradient == 0.0));
    }
}

#[test]
fn maps_teach_detectors_too() {
    let network = examples::detector(32, 1);
    for loss in [Loss::Pkd, Loss::Fgd, Loss::Mgd, Loss::RkdD, Loss::CrossKd] {
        let losses = learn(&network, &loss.usual(), 0.0, 25);
        let [first, last] = [&losses[..3], &losses[22..]].map(|some| some.iter().sum::<f32>());
        assert!(last < first, "{}: {first} to {last}", loss.name());
    }
}

#[test]
fn taps_are_found_or_refused_by_name() {
    let (network, known) = (classifier(), teacher_taps());
    let tied = |place, binding: &Binding, network: &Network, taps: &[Tap]| {
        Tie::new(place, binding, network, Inside { taps, heads: None })
    };
    let tie = |binding: &Binding| tied(1, binding, &network, &known);
    let pkd = Loss::Pkd.usual();
    // The last map of 4×4 in both.
    assert_eq!(tie(&pkd).expect("tied").tap().map(|tap| tap.name.as_str()), Some("late"));
    let words = tie(&pkd).expect("tied").words(&network);
    assert_eq!(words, "pkd: student stage2.0.pointwise (4×4×16), teacher late (4×4×20)");
    let stem = Binding { student: "stem".into(), ..pkd.clone() };
    assert_eq!(tie(&stem).expect("tied").tap().map(|tap| tap.name.as_str()), Some("early"), "32 is twice 16");
    let error = |binding: &Binding| tie(binding).expect_err("refused").to_string();
    let unknown = error(&Binding { student: "stage9".into(), ..pkd.clone() });
    assert!(unknown.contains("distil.bindings[1] (pkd)") && unknown.contains("stage9"), "{unknown}");
    assert!(unknown.contains("stem, stage1.0.pointwise, stage2.0.pointwise"), "{unknown}");
    assert!(error(&Binding { teacher: "x".into(), ..pkd.clone() }).contains("no tensor `x`"));
    let shape =
        tied(0, &pkd, &network, &[Tap { name: "odd".into(), shape: [7, 7, 8], answer: false }]).expect_err("refused");
    assert!(shape.to_string().contains("no map that fits"), "{shape}");
    let named = Binding { teacher: "odd".into(), ..pkd.clone() };
    let shape =
        tied(0, &named, &network, &[Tap { name: "odd".into(), shape: [7, 7, 8], answer: false }]).expect_err("refused");
    assert!(shape.to_string().contains("7×7") && shape.to_string().contains("4×4"), "{shape}");
    let box_ = tied(0, &pkd, &network, &[]).expect_err("refused").to_string();
    assert!(box_.contains("only answers are known"), "{box_}");
    let detector = tied(0, &Loss::Kd.usual(), &examples::detector(32, 1), &known).expect_err("refused");
    assert!(detector.to_string().contains("distil.classes"), "{detector}");
    let two = examples::perceptron(2);
    let two = tied(0, &Loss::Dkd.usual(), &two, &known).expect_err("refused").to_string();
    assert!(two.contains("use kd"), "{two}");
    assert!(taps::deepest(&network).is_some());
}

#[test]
fn maps_go_through_heads_of_the_same_answers_only() {
    let student = examples::detector(32, 2);
    let cross = Loss::CrossKd.usual();
    let tie = |network: &Network, heads: Option<&Arc<FixedHeads>>| {
        Tie::new(0, &cross, network, Inside { taps: &teacher_taps(), heads })
    };
    let (same, distributions, others) = (heads(2, 0), heads(2, 4), heads(3, 0));
    let tied = tie(&student, Some(&same)).expect("tied");
    assert_eq!(tied.words(&student), "cross-kd: neck.level8.pointwise, neck.level16.pointwise");
    // A regressor for each level, from 8 to 12 channels.
    assert_eq!(tied.aids(1).iter().map(|aid| aid.shape).collect::<Vec<_>>(), [[8, 12], [1, 12], [8, 12], [1, 12]]);
    let refusal = |network: &Network, heads| tie(network, heads).expect_err("refused").to_string();
    assert!(refusal(&student, Some(&distributions)).contains("reg_max"));
    assert!(refusal(&student, Some(&others)).contains("laid out as the student's"));
    assert!(refusal(&student, None).contains("that the recipe trains only"));
    assert!(refusal(&classifier(), Some(&same)).contains("is for detectors"));
}
