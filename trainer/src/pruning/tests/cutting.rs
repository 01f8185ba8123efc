//! What is written computes what it should.

use proptest::prelude::*;
use retort::model::Model;

use super::{decoded, pruned};
use crate::data::Rng;
use crate::export::onnx::int;
use crate::posttraining::graph::OnnxGraph;
use crate::posttraining::tests::models::{Maker, difference, outputs};
use crate::posttraining::watch::options;
use crate::pruning::{Goal, PruneError, Saliency};

/// A network of everything that channels go through, in which some channels do nothing; and the multiply-accumulates without those.
struct Network {
    bytes: Vec<u8>,
    /// Layers with outputs that do nothing, by name, and which.
    dead: Vec<(&'static str, Vec<usize>)>,
}

/// Layers of so many channels, of which `dead` in each do nothing.
fn network(seed: u64, wide: usize, dead: usize) -> Network {
    let mut maker = Maker::new(seed);
    let mut rng = Rng::new(&[seed, 1]);
    let mut pick = |count: usize| -> Vec<usize> {
        let mut all: Vec<usize> = (0..count).collect();
        rng.shuffle(&mut all);
        all.truncate(dead);
        all.sort_unstable();
        all
    };
    let n = 2 * wide;
    let (of_stem, of_inner, of_joined, of_other) = (pick(n), pick(n), pick(wide), pick(wide));
    let x = maker.conv("stem", "picture", [n, 3, 3], 1, &[1.0]);
    let x = maker.node("Relu", "stem.relu", &[&x], Vec::new());
    let y = maker.conv("inner", &x, [n, n, 1], 1, &[1.0]);
    let y = maker.silu("inner.silu", &y);
    let y = maker.conv("spread", &y, [n, n, 3], n, &[1.0]);
    let slope = maker.numbers("slope", &[n, 1, 1], 0.5);
    let y = maker.node("PRelu", "prelu", &[&y, &slope], Vec::new());
    let y = maker.conv("back", &y, [n, n, 1], 1, &[1.0]);
    let x = maker.node("Add", "sum", &[&x, &y], Vec::new());
    let a = maker.conv("a", &x, [wide, n, 3], 1, &[1.0]);
    let b = maker.conv("b", &x, [wide, n, 1], 1, &[1.0]);
    let x = maker.node("Concat", "joined", &[&a, &b], vec![int("axis", 1)]);
    let x = maker.node("Relu", "joined.relu", &[&x], Vec::new());
    let x = maker.shuffle("shuffle", &x, 2, n);
    let halves = maker.graph.integers("halves", &[wide as i64, wide as i64]);
    let (left, right) = maker.split("split", &x, &halves);
    let right = maker.conv("right", &right, [wide, wide, 3], 1, &[1.0]);
    let right = maker.node("Relu", "right.relu", &[&right], Vec::new());
    let x = maker.node("Concat", "whole", &[&left, &right], vec![int("axis", 1)]);
    let x = maker.conv("last", &x, [4, n, 1], 1, &[1.0]);
    let bytes = maker.finish(&x, 4);
    // In a shuffle, both halves lose the same places.
    let dead = vec![
        ("stem", of_stem.clone()),
        ("back", of_stem),
        ("inner", of_inner.clone()),
        ("spread", of_inner),
        ("a", of_joined.clone()),
        ("b", of_joined),
        ("right", of_other),
    ];
    Network { bytes, dead }
}

/// Sets weights to 0 along an axis at some places.
fn empty(graph: &mut OnnxGraph, name: &str, axis: usize, places: &[usize]) {
    let mut floats = graph.floats(name).expect("it is there");
    let inner: usize = floats.shape[axis + 1..].iter().product();
    let length = floats.shape[axis];
    let values = floats.values.iter_mut().enumerate();
    values.filter(|(at, _)| places.contains(&(at / inner % length))).for_each(|(_, value)| *value = 0.0);
    graph.set_floats(name, &floats);
}

/// The same with weights and biases of 0 in front of all that does nothing.
fn silent(network: &Network) -> OnnxGraph {
    let mut graph = decoded(&network.bytes);
    for (layer, outputs) in &network.dead {
        empty(&mut graph, &format!("{layer}.w"), 0, outputs);
        empty(&mut graph, &format!("{layer}.b"), 0, outputs);
    }
    graph
}

/// The same with weights of 0 wherever some channels are read.
fn unheard(network: &Network) -> OnnxGraph {
    let mut graph = decoded(&network.bytes);
    let of = |name: &str| &network.dead.iter().find(|(layer, _)| *layer == name).expect("it is there").1;
    for (reader, made) in [("back", "inner"), ("inner", "stem"), ("a", "stem"), ("b", "stem")] {
        empty(&mut graph, &format!("{reader}.w"), 1, of(made));
    }
    graph
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn without_what_does_nothing_the_results_are_the_same(seed in any::<u64>(), wide in 4usize..9, dead in 1usize..3, by_outputs in any::<bool>()) {
        let network = network(seed, wide, dead);
        let whole = if by_outputs { unheard(&network) } else { silent(&network) };
        let bytes = whole.encode();
        let saliency = || if by_outputs { Saliency::Outputs } else { Saliency::Magnitude };
        // Cut on and on while nothing is lost.
        let mut least = None;
        for percent in (40..100).rev().step_by(3) {
            let Ok(narrow) = pruned(&bytes, Goal::Share(f64::from(percent) / 100.0), saliency(), false) else { break };
            let lost: f64 = narrow.rows.iter().map(|row| row.lost).sum();
            if lost > 1e-12 {
                break;
            }
            least = Some(narrow);
        }
        let narrow = least.expect("something does nothing");
        prop_assert!(narrow.after.macs < narrow.before.macs);
        let cut = decoded(&narrow.encode());
        prop_assert!(cut.parameters() < whole.parameters());
        let difference = difference(&outputs(&whole), &outputs(&cut));
        prop_assert!(difference < 1e-5, "{difference}");
        // What the file computes is what was counted.
        let model = Model::from_bytes(&narrow.encode(), std::path::Path::new("narrow"), &options()).expect("it loads");
        prop_assert_eq!(model.macs(), narrow.after.macs);
    }
}

#[test]
fn what_is_left_makes_good_what_went() {
    let bytes = network(5, 8, 0).bytes;
    let whole = outputs(&decoded(&bytes));
    let error = |saliency: Saliency, compensate: bool| {
        let narrow = pruned(&bytes, Goal::Share(0.7), saliency, compensate).expect("it can be pruned");
        assert_eq!(narrow.fitted > 0, compensate);
        let narrow = outputs(&decoded(&narrow.encode()));
        whole.iter().zip(&narrow).map(|(a, b)| (a - b).powi(2)).sum::<f32>()
    };
    let (plain, fitted) = (error(Saliency::Magnitude, false), error(Saliency::Magnitude, true));
    assert!(fitted < 0.3 * plain, "{fitted} {plain}");
    let by_outputs = error(Saliency::Outputs, true);
    assert!(by_outputs < 1.2 * fitted, "{by_outputs} {fitted}");
}

#[test]
fn given_numbers_decide() {
    let bytes = network(6, 8, 0).bytes;
    let numbers = [("inner.w", 16), ("stem.w", 16), ("a.w", 8), ("b.w", 8), ("right.w", 8)].map(|(name, count)| {
        let own = (0..count).map(|output| if name == "inner.w" && output % 2 == 0 { 0.0 } else { 1.0 });
        (name.to_owned(), own.collect())
    });
    // Layers are known by their nodes' names where their weights say nothing.
    let numbers =
        numbers.into_iter().map(|(name, own): (String, Vec<f64>)| (name.trim_end_matches(".w").to_owned(), own));
    let narrow = pruned(&bytes, Goal::Share(0.9), Saliency::Given(numbers.collect()), false).expect("it can be pruned");
    assert!(narrow.left["inner"].len() < 16);
    let odd: Vec<usize> = (0..16).filter(|output| output % 2 == 1).collect();
    assert!(odd.iter().all(|output| narrow.left["inner"].contains(output)), "{:?}", narrow.left["inner"]);
}

#[test]
fn a_board_may_say_how_much_goes() {
    let bytes = network(7, 16, 0).bytes;
    let ms = |share: f64, now: f64| Goal::Milliseconds("pi4".into(), share * now);
    let error = pruned(&bytes, ms(1.0, 1e6), Saliency::Magnitude, false).err().expect("it fits").to_string();
    assert!(error.contains("as it is"), "{error}");
    let now: f64 =
        error.split("takes ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a number");
    let narrow = pruned(&bytes, ms(0.9, now), Saliency::Magnitude, false).expect("it can be pruned");
    let (before, after) = (narrow.before.ms.expect("known"), narrow.after.ms.expect("known"));
    assert!(after <= 0.9 * now && after < before, "{after} {before}");
    let error = pruned(&bytes, ms(1e-6, now), Saliency::Magnitude, false).err().expect("impossible").to_string();
    assert!(error.contains("cannot be cut to") && error.contains("ms on pi4"), "{error}");
    let goal = Goal::Milliseconds("abacus".into(), 1.0);
    assert!(matches!(pruned(&bytes, goal, Saliency::Magnitude, false), Err(PruneError::Board(_))));
}

#[test]
fn what_cannot_be_pruned_is_refused() {
    let error =
        |bytes: &[u8], goal: Goal| pruned(bytes, goal, Saliency::Magnitude, false).err().expect("refused").to_string();
    assert!(error(b"\xff\xff nothing", Goal::Share(0.5)).contains("no ONNX model"));
    let mut maker = Maker::new(8);
    let x = maker.node("Relu", "relu", &["picture"], Vec::new());
    assert!(error(&maker.finish(&x, 3), Goal::Share(0.5)).contains("no convolution"));
    let mut maker = Maker::new(9);
    let x = maker.conv("only", "picture", [4, 3, 3], 1, &[1.0]);
    assert!(error(&maker.finish(&x, 4), Goal::Share(0.5)).contains("no channel of the model may go"));
    let bytes = network(10, 8, 0).bytes;
    let impossible = error(&bytes, Goal::Macs(10));
    assert!(impossible.contains("cannot be cut to") && impossible.contains("narrowest"), "{impossible}");
    assert!(error(&bytes, Goal::Macs(u64::MAX)).contains("as it is"));
}
