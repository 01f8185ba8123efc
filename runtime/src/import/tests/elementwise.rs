//! Functions of each element, arithmetic that broadcasts, normalisation, reductions and softmax.

use super::{counting, node, tensor};

/// Compares with a relative error of 10⁻⁶: for functions that are sums of series.
fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} instead of {expected}");
    }
}

#[test]
fn functions_of_one_element() {
    let x = tensor(&[5], &[-4.0, -1.0, 0.0, 0.5, 4.0]);
    let of = |operator: &str| node(operator).input(&x).one().values;
    assert_eq!(of("Relu"), [0.0, 0.0, 0.0, 0.5, 4.0]);
    assert_eq!(of("Abs"), [4.0, 1.0, 0.0, 0.5, 4.0]);
    assert_eq!(of("Neg"), [4.0, 1.0, 0.0, -0.5, -4.0]);
    assert_eq!(of("Floor"), [-4.0, -1.0, 0.0, 0.0, 4.0]);
    assert_eq!(of("Ceil"), [-4.0, -1.0, 0.0, 1.0, 4.0]);
    // x · max(0, min(1, x / 6 + 1/2)).
    assert_near(&of("HardSwish"), &[0.0, -1.0 / 3.0, 0.0, 0.5 * (0.5 + 0.5 / 6.0), 4.0]);
    assert_near(&of("Sigmoid"), &[0.017_986_21, 0.268_941_43, 0.5, 0.622_459_35, 0.982_013_8]);
    assert_near(&of("Tanh"), &[-0.999_329_3, -0.761_594_2, 0.0, 0.462_117_16, 0.999_329_3]);
    assert_near(&of("Exp"), &[0.018_315_64, 0.367_879_44, 1.0, 1.648_721_3, 54.598_15]);
}

#[test]
fn parameters_of_functions_and_their_defaults() {
    let x = tensor(&[4], &[-10.0, -1.0, 1.0, 10.0]);
    let of = |operator: &str| node(operator).input(&x);
    assert_eq!(of("LeakyRelu").float("alpha", 0.5).one().values, [-5.0, -0.5, 1.0, 10.0]);
    assert_near(&of("LeakyRelu").one().values, &[-0.1, -0.01, 1.0, 10.0]);
    assert_eq!(of("HardSigmoid").float("alpha", 0.25).float("beta", 0.5).one().values, [0.0, 0.25, 0.75, 1.0]);
    assert_near(&of("HardSigmoid").one().values, &[0.0, 0.3, 0.7, 1.0]);
    assert_eq!(of("Clip").floats(&[], &[-2.0]).floats(&[], &[3.0]).one().values, [-2.0, -1.0, 1.0, 3.0]);
    assert_eq!(of("Clip").absent().floats(&[], &[3.0]).one().values, [-10.0, -1.0, 1.0, 3.0]);
    // Before operator set 11 the bounds were attributes.
    assert_eq!(of("Clip").opset(6).float("min", 0.0).float("max", 6.0).one().values, [0.0, 0.0, 1.0, 6.0]);
}

#[test]
fn halves_round_to_even() {
    let x = tensor(&[6], &[-1.5, -0.5, 0.5, 1.5, 2.5, 2.6]);
    assert_eq!(node("Round").input(&x).one().values, [-2.0, 0.0, 0.0, 2.0, 2.0, 3.0]);
}

#[test]
fn arithmetic_on_computed_operands() {
    let (a, b) = (tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), tensor(&[2, 2], &[4.0, 4.0, 2.0, 2.0]));
    let of = |operator: &str| node(operator).input(&a).input(&b).one();
    assert_eq!(of("Add"), tensor(&[2, 2], &[5.0, 6.0, 5.0, 6.0]));
    assert_eq!(of("Sub"), tensor(&[2, 2], &[-3.0, -2.0, 1.0, 2.0]));
    assert_eq!(of("Mul"), tensor(&[2, 2], &[4.0, 8.0, 6.0, 8.0]));
    assert_eq!(of("Div"), tensor(&[2, 2], &[0.25, 0.5, 1.5, 2.0]));
    assert_eq!(of("Min"), tensor(&[2, 2], &[1.0, 2.0, 2.0, 2.0]));
    assert_eq!(of("Max"), tensor(&[2, 2], &[4.0, 4.0, 3.0, 4.0]));
}

#[test]
fn arithmetic_on_the_same_operand_and_on_several() {
    let x = tensor(&[3], &[1.0, 2.0, 3.0]);
    let mut square = node("Mul").input(&x);
    square.node.input.push("x0".into());
    assert_eq!(square.one().values, [1.0, 4.0, 9.0]);
    assert_eq!(node("Sum").input(&x).input(&x).floats(&[3], &[10.0, 20.0, 30.0]).one().values, [12.0, 24.0, 36.0]);
}

#[test]
fn operands_broadcast() {
    let image = counting(&[1, 2, 2, 3]);
    let channels = node("Mul").input(&image).floats(&[2, 1, 1], &[1.0, -1.0]).one();
    let expected = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -6.0, -7.0, -8.0, -9.0, -10.0, -11.0];
    assert_eq!(channels, tensor(&[1, 2, 2, 3], &expected));
    let columns = node("Add").input(&image).floats(&[3], &[0.0, 100.0, 200.0]).one();
    let expected = [0.0, 101.0, 202.0, 3.0, 104.0, 205.0, 6.0, 107.0, 208.0, 9.0, 110.0, 211.0];
    assert_eq!(columns, tensor(&[1, 2, 2, 3], &expected));
    // The constant stands in front, and has the larger shape.
    let outer = node("Sub").floats(&[2, 1], &[10.0, 20.0]).input(&tensor(&[3], &[1.0, 2.0, 3.0])).one();
    assert_eq!(outer, tensor(&[2, 3], &[9.0, 8.0, 7.0, 19.0, 18.0, 17.0]));
    let wrong = node("Add").input(&counting(&[2, 3])).input(&counting(&[2, 2])).refusal();
    assert!(wrong.contains("`it` (Add)"), "{wrong}");
}

#[test]
fn prelu_has_a_slope_per_channel() {
    let x = tensor(&[1, 2, 1, 2], &[-2.0, 2.0, -3.0, 3.0]);
    let y = node("PRelu").input(&x).floats(&[2, 1, 1], &[0.5, 10.0]).one();
    assert_eq!(y, tensor(&[1, 2, 1, 2], &[-1.0, 2.0, -30.0, 3.0]));
}

#[test]
fn batch_normalisation_is_the_formula() {
    let x = counting(&[1, 2, 1, 2]);
    // Channel 0: 2 · (x − 1) / √(0.75 + 0.25) + 10; channel 1: (x − 2) / √(3.75 + 0.25) − 1.
    let y = node("BatchNormalization").input(&x).float("epsilon", 0.25);
    let y =
        y.floats(&[2], &[2.0, 1.0]).floats(&[2], &[10.0, -1.0]).floats(&[2], &[1.0, 2.0]).floats(&[2], &[0.75, 3.75]);
    assert_eq!(y.one(), tensor(&[1, 2, 1, 2], &[8.0, 10.0, -1.0, -0.5]));
}

#[test]
fn reductions_keep_or_drop_their_axes() {
    let x = counting(&[1, 2, 2, 2]);
    let over = |operator: &str, axes: &[i64]| node(operator).input(&x).ints("axes", axes);
    assert_eq!(over("ReduceMean", &[2, 3]).one(), tensor(&[1, 2, 1, 1], &[1.5, 5.5]));
    assert_eq!(over("ReduceMean", &[-1]).int("keepdims", 0).one(), tensor(&[1, 2, 2], &[0.5, 2.5, 4.5, 6.5]));
    assert_eq!(over("ReduceMax", &[1]).one(), tensor(&[1, 1, 2, 2], &[4.0, 5.0, 6.0, 7.0]));
    assert_eq!(over("ReduceMin", &[1, 3]).int("keepdims", 0).one(), tensor(&[1, 2], &[0.0, 2.0]));
    assert_eq!(node("ReduceSum").input(&x).integers(&[0, 2]).one(), tensor(&[1, 2, 1, 2], &[2.0, 4.0, 10.0, 12.0]));
    assert_eq!(node("ReduceSum").input(&x).int("keepdims", 0).one(), tensor(&[], &[28.0]));
}

#[test]
fn softmax_goes_over_one_axis_and_before_set_13_over_the_rest() {
    // exp(ln n) = n.
    let x = tensor(&[1, 2, 2], &[1f32.ln(), 3f32.ln(), 4f32.ln(), 12f32.ln()]);
    assert_near(&node("Softmax").input(&x).one().values, &[0.25, 0.75, 0.25, 0.75]);
    assert_near(&node("Softmax").int("axis", 1).input(&x).one().values, &[0.2, 0.2, 0.8, 0.8]);
    assert_near(&node("Softmax").opset(11).input(&x).one().values, &[0.05, 0.15, 0.2, 0.6]);
}
