//! Operators that move, pick or rename elements.

use super::{counting, node, tensor};

#[test]
fn renaming_axes_keeps_the_elements_in_order() {
    let x = counting(&[1, 2, 2, 3]);
    let values = x.values.clone();
    let same = |shape: &[usize]| tensor(shape, &values);
    assert_eq!(node("Identity").input(&x).one(), x);
    assert_eq!(node("Reshape").input(&x).integers(&[3, 4]).one(), same(&[3, 4]));
    // −1 stands for what is left, 0 for the input's length.
    assert_eq!(node("Reshape").input(&x).integers(&[0, 0, -1]).one(), same(&[1, 2, 6]));
    assert_eq!(node("Flatten").input(&x).one(), same(&[1, 12]));
    assert_eq!(node("Flatten").input(&x).int("axis", -1).one(), same(&[4, 3]));
    assert_eq!(node("Squeeze").input(&x).one(), same(&[2, 2, 3]));
    assert_eq!(node("Squeeze").opset(11).input(&x).ints("axes", &[0]).one(), same(&[2, 2, 3]));
    assert_eq!(node("Unsqueeze").input(&x).integers(&[0, -1]).one(), same(&[1, 1, 2, 2, 3, 1]));
    for wrong in [&[5, -1][..], &[-1, -1], &[7]] {
        let refusal = node("Reshape").input(&x).integers(wrong).refusal();
        assert!(refusal.contains("`it` (Reshape)"), "{refusal}");
    }
}

#[test]
fn transposing_moves_elements() {
    let x = counting(&[2, 3]);
    assert_eq!(node("Transpose").input(&x).one(), tensor(&[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
    // Channels last, as heads of detectors do before they are flattened.
    let last = node("Transpose").input(&counting(&[1, 2, 1, 3])).ints("perm", &[0, 2, 3, 1]).one();
    assert_eq!(last, tensor(&[1, 1, 3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
    let wrong = node("Transpose").input(&x).ints("perm", &[0, 0]).refusal();
    assert!(wrong.contains("`it` (Transpose)"), "{wrong}");
}

#[test]
fn joining_computed_and_constant_parts() {
    let x = counting(&[1, 1, 1, 2]);
    let join = |axis: i64| node("Concat").int("axis", axis).input(&x).floats(&[1, 1, 1, 2], &[8.0, 9.0]).input(&x);
    assert_eq!(join(1).one(), tensor(&[1, 3, 1, 2], &[0.0, 1.0, 8.0, 9.0, 0.0, 1.0]));
    assert_eq!(join(-1).one(), tensor(&[1, 1, 1, 6], &[0.0, 1.0, 8.0, 9.0, 0.0, 1.0]));
    let wrong = node("Concat").int("axis", 0).input(&x).input(&counting(&[1, 1, 1, 3])).refusal();
    assert!(wrong.contains("`it` (Concat)"), "{wrong}");
}

#[test]
fn splitting_into_equal_and_into_given_parts() {
    let x = counting(&[1, 4]);
    let halves = node("Split").int("axis", 1).input(&x).outputs(2).all();
    assert_eq!(halves, [tensor(&[1, 2], &[0.0, 1.0]), tensor(&[1, 2], &[2.0, 3.0])]);
    let parts = node("Split").int("axis", -1).input(&x).integers(&[1, 3]).outputs(2).all();
    assert_eq!(parts, [tensor(&[1, 1], &[0.0]), tensor(&[1, 3], &[1.0, 2.0, 3.0])]);
    let channels = node("Split").opset(11).int("axis", 1).ints("split", &[1, 1]).input(&counting(&[1, 2, 1, 2]));
    assert_eq!(channels.outputs(2).all(), [counting(&[1, 1, 1, 2]), tensor(&[1, 1, 1, 2], &[2.0, 3.0])]);
    let wrong = node("Split").int("axis", 1).input(&x).integers(&[1, 2]).outputs(2).refusal();
    assert!(wrong.contains("`it` (Split)"), "{wrong}");
}

#[test]
fn slicing_from_both_ends_and_backwards() {
    let x = counting(&[6]);
    let slice = |start: i64, end: i64, step: i64| {
        node("Slice").input(&x).integers(&[start]).integers(&[end]).integers(&[0]).integers(&[step]).one().values
    };
    assert_eq!(slice(1, 4, 1), [1.0, 2.0, 3.0]);
    assert_eq!(slice(-2, i64::MAX, 1), [4.0, 5.0]);
    assert_eq!(slice(0, 6, 4), [0.0, 4.0]);
    assert_eq!(slice(-1, i64::MIN, -2), [5.0, 3.0, 1.0]);
    // The interleaving of pixels into channels that YOLOX begins with takes every second column.
    let columns =
        node("Slice").input(&counting(&[1, 1, 2, 4])).integers(&[1]).integers(&[4]).integers(&[3]).integers(&[2]);
    assert_eq!(columns.one(), tensor(&[1, 1, 2, 2], &[1.0, 3.0, 5.0, 7.0]));
    let old = node("Slice").opset(9).input(&x).ints("starts", &[4]).ints("ends", &[100]).one();
    assert_eq!(old, tensor(&[2], &[4.0, 5.0]));
}

#[test]
fn gathering_keeps_or_drops_the_axis() {
    let x = counting(&[3, 2]);
    assert_eq!(node("Gather").input(&x).integers(&[2, 0]).one(), tensor(&[2, 2], &[4.0, 5.0, 0.0, 1.0]));
    assert_eq!(node("Gather").int("axis", 1).input(&x).integers(&[-1]).one(), tensor(&[3, 1], &[1.0, 3.0, 5.0]));
    assert_eq!(node("Gather").input(&x).integer(1).one(), tensor(&[2], &[2.0, 3.0]));
    // The order of colours turned round.
    let colours = node("Gather").int("axis", 1).input(&counting(&[1, 3, 1, 2])).integers(&[2, 1, 0]).one();
    assert_eq!(colours, tensor(&[1, 3, 1, 2], &[4.0, 5.0, 2.0, 3.0, 0.0, 1.0]));
    let wrong = node("Gather").input(&x).integers(&[3]).refusal();
    assert!(wrong.contains("`it` (Gather)"), "{wrong}");
}

#[test]
fn expanding_repeats() {
    let x = tensor(&[2, 1], &[1.0, 2.0]);
    assert_eq!(node("Expand").input(&x).integers(&[3]).one(), tensor(&[2, 3], &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]));
    assert_eq!(node("Expand").input(&x).integers(&[2, 1, 1]).one(), tensor(&[2, 2, 1], &[1.0, 2.0, 1.0, 2.0]));
}
