//! Which channels go together.

use super::decoded;
use crate::export::onnx::{int, ints};
use crate::posttraining::tests::models::{Maker, SIDE};
use crate::posttraining::watch::floats_of;
use crate::pruning::constraints::Constraints;
use crate::pruning::groups::{Group, groups};

/// The groups of a model: layers, units, and channels of a layer that go with one unit.
fn found(bytes: &[u8]) -> Vec<(Vec<String>, usize, usize)> {
    let graph = decoded(bytes);
    let constraints = Constraints::new(&graph, &floats_of(&graph), &[]);
    let name = |name: &String| name.trim_end_matches(".w").to_owned();
    let told = |group: Group| (group.layers.iter().map(name).collect(), group.units.len(), group.each);
    groups(&graph, &constraints).into_iter().map(told).collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_chain_goes_layer_by_layer_and_its_end_stays() {
    let mut maker = Maker::new(1);
    let x = maker.conv("first", "picture", [8, 3, 3], 1, &[1.0]);
    let x = maker.silu("silu", &x);
    let x = maker.conv("depthwise", &x, [8, 8, 3], 8, &[1.0]);
    let slope = maker.numbers("slope", &[8, 1, 1], 1.0);
    let x = maker.node("PRelu", "prelu", &[&x, &slope], Vec::new());
    let x = maker.conv("second", &x, [6, 8, 1], 1, &[1.0]);
    let x = maker.node("Relu", "relu", &[&x], Vec::new());
    let x = maker.conv("last", &x, [5, 6, 1], 1, &[1.0]);
    let all = found(&maker.finish(&x, 5));
    assert_eq!(all, [(names(&["first"]), 8, 1), (names(&["second"]), 6, 1)]);
}

#[test]
fn a_residual_chain_is_one_group() {
    let mut maker = Maker::new(2);
    let x = maker.conv("stem", "picture", [8, 3, 3], 1, &[1.0]);
    let y = maker.conv("a", &x, [4, 8, 1], 1, &[1.0]);
    let y = maker.conv("b", &y, [8, 4, 3], 1, &[1.0]);
    let x = maker.node("Add", "sum", &[&x, &y], Vec::new());
    let y = maker.conv("c", &x, [8, 8, 3], 1, &[1.0]);
    let x = maker.node("Add", "sum2", &[&x, &y], Vec::new());
    let x = maker.conv("last", &x, [5, 8, 1], 1, &[1.0]);
    let all = found(&maker.finish(&x, 5));
    assert_eq!(all, [(names(&["stem", "b", "c"]), 8, 1), (names(&["a"]), 4, 1)]);
}

#[test]
fn what_is_joined_and_split_keeps_to_its_parts() {
    let mut maker = Maker::new(3);
    let a = maker.conv("a", "picture", [4, 3, 3], 1, &[1.0]);
    let b = maker.conv("b", "picture", [6, 3, 3], 1, &[1.0]);
    let x = maker.node("Concat", "joined", &[&a, &b], vec![int("axis", 1)]);
    // Parts of both: four of a and one of b, and the other five.
    let halves = maker.graph.integers("halves", &[5, 5]);
    let (left, right) = maker.split("split", &x, &halves);
    let left = maker.conv("left", &left, [5, 5, 1], 1, &[1.0]);
    let x = maker.node("Add", "sum", &[&left, &right], Vec::new());
    let x = maker.conv("last", &x, [5, 5, 1], 1, &[1.0]);
    let all = found(&maker.finish(&x, 5));
    // The one of b by itself can go with no other, and so it stays.
    assert_eq!(all, [(names(&["a"]), 4, 1), (names(&["b", "left"]), 5, 1)]);
}

#[test]
fn a_shuffle_keeps_as_many_of_every_group() {
    let mut maker = Maker::new(4);
    let a = maker.conv("a", "picture", [4, 3, 3], 1, &[1.0]);
    let b = maker.conv("b", "picture", [4, 3, 3], 1, &[1.0]);
    let x = maker.node("Concat", "joined", &[&a, &b], vec![int("axis", 1)]);
    let x = maker.shuffle("shuffle", &x, 2, 8);
    let x = maker.conv("last", &x, [5, 8, 1], 1, &[1.0]);
    assert_eq!(found(&maker.finish(&x, 5)), [(names(&["a", "b"]), 4, 1)]);
    let mut maker = Maker::new(5);
    let x = maker.conv("a", "picture", [8, 3, 3], 1, &[1.0]);
    let x = maker.shuffle("shuffle", &x, 2, 8);
    let x = maker.conv("last", &x, [5, 8, 1], 1, &[1.0]);
    assert_eq!(found(&maker.finish(&x, 5)), [(names(&["a"]), 4, 2)]);
}

#[test]
fn what_is_not_understood_stays() {
    let mut maker = Maker::new(6);
    let x = maker.conv("a", "picture", [8, 3, 3], 1, &[1.0]);
    let x = maker.node("Softmax", "shares", &[&x], vec![int("axis", 1)]);
    let x = maker.conv("b", &x, [8, 8, 3], 1, &[1.0]);
    let x = maker.conv("grouped", &x, [8, 8, 3], 2, &[1.0]);
    let x = maker.conv("c", &x, [8, 8, 3], 1, &[1.0]);
    let x = maker.node("Transpose", "turned", &[&x], vec![ints("perm", &[0, 2, 1, 3])]);
    let x = maker.node("Transpose", "back", &[&x], vec![ints("perm", &[0, 2, 1, 3])]);
    let x = maker.conv("last", &x, [5, 8, 1], 1, &[1.0]);
    assert_eq!(found(&maker.finish(&x, 5)), []);
}

#[test]
fn cells_of_a_channel_go_with_it_into_a_product() {
    let mut maker = Maker::new(7);
    let x = maker.conv("a", "picture", [3, 3, 3], 1, &[1.0]);
    let x = maker.node("Flatten", "flat", &[&x], vec![int("axis", 1)]);
    let weight = maker.numbers("dense.w", &[3 * SIDE * SIDE, 4], 0.1);
    let x = maker.node("MatMul", "dense", &[&x, &weight], Vec::new());
    let graph = decoded(&maker.finish_vector(&x, 4));
    let constraints = Constraints::new(&graph, &floats_of(&graph), &[]);
    let all = groups(&graph, &constraints);
    assert_eq!((all.len(), all[0].units.len(), all[0].units[0].read.len()), (1, 3, SIDE * SIDE));
}
