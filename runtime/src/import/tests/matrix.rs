//! Products of matrices.

use super::{counting, node, tensor};

#[test]
fn gemm_with_either_factor_transposed() {
    // [0 1 2; 3 4 5] times [1 0; 0 1; 1 1].
    let expected = tensor(&[2, 2], &[2.0, 3.0, 8.0, 9.0]);
    let a = counting(&[2, 3]);
    let b = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
    assert_eq!(node("Gemm").input(&a).floats(&[3, 2], &b).one(), expected);
    let transposed = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0];
    assert_eq!(node("Gemm").input(&a).floats(&[2, 3], &transposed).int("transB", 1).one(), expected);
    let upright = tensor(&[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(node("Gemm").input(&upright).floats(&[3, 2], &b).int("transA", 1).one(), expected);
}

#[test]
fn gemm_scales_and_adds() {
    let a = counting(&[2, 1]);
    let gemm = || node("Gemm").input(&a).floats(&[1, 2], &[1.0, 2.0]).float("alpha", 3.0);
    assert_eq!(gemm().one(), tensor(&[2, 2], &[0.0, 0.0, 3.0, 6.0]));
    assert_eq!(gemm().floats(&[2], &[10.0, 20.0]).one().values, [10.0, 20.0, 13.0, 26.0]);
    // One number a row, and one for all.
    assert_eq!(gemm().floats(&[2, 1], &[10.0, 20.0]).one().values, [10.0, 10.0, 23.0, 26.0]);
    assert_eq!(gemm().floats(&[1], &[1.0]).one().values, [1.0, 1.0, 4.0, 7.0]);
    let wrong = node("Gemm").input(&a).floats(&[2, 2], &[0.0; 4]).refusal();
    assert!(wrong.contains("`it` (Gemm)"), "{wrong}");
}

#[test]
fn matrix_products_of_known_and_of_computed_factors() {
    let a = counting(&[1, 2, 3]);
    let b = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
    let expected = tensor(&[1, 2, 2], &[2.0, 3.0, 8.0, 9.0]);
    assert_eq!(node("MatMul").input(&a).floats(&[3, 2], &b).one(), expected);
    assert_eq!(node("MatMul").input(&a).input(&tensor(&[3, 2], &b)).one(), expected);
    assert_eq!(node("MatMul").input(&a).input(&tensor(&[1, 3, 2], &b)).one(), expected);
    // The known factor on the left: its columns add up.
    let left = node("MatMul").floats(&[1, 2], &[1.0, 1.0]).input(&counting(&[2, 3])).one();
    assert_eq!(left, tensor(&[1, 3], &[3.0, 5.0, 7.0]));
}

#[test]
fn matrix_products_in_batches() {
    let a = counting(&[2, 1, 2]);
    let b = tensor(&[2, 2, 1], &[1.0, 1.0, 10.0, 100.0]);
    assert_eq!(node("MatMul").input(&a).input(&b).one(), tensor(&[2, 1, 1], &[1.0, 320.0]));
    // One factor for the whole batch.
    let shared = node("MatMul").input(&a).input(&tensor(&[2, 1], &[1.0, 10.0])).one();
    assert_eq!(shared, tensor(&[2, 1, 1], &[10.0, 32.0]));
}
