//! Operators on images: convolutions, pools, resizing and padding.

use super::{Tensor, counting, node, tensor};

/// 4 × 4 pixels of one channel, counting from 0.
fn square() -> Tensor {
    counting(&[1, 1, 4, 4])
}

#[test]
fn convolution_slides_its_window() {
    let x = square();
    let sums = node("Conv").input(&x).floats(&[1, 1, 3, 3], &[1.0; 9]).ints("pads", &[1, 1, 1, 1]);
    let sums = sums.ints("strides", &[2, 2]).one();
    // Windows about pixels (0, 0), (0, 2), (2, 0), (2, 2).
    assert_eq!(sums, tensor(&[1, 1, 2, 2], &[10.0, 24.0, 51.0, 90.0]));
    // Upper left minus lower right, two pixels apart.
    let dilated = node("Conv").input(&x).floats(&[1, 1, 2, 2], &[1.0, 0.0, 0.0, -1.0]).ints("dilations", &[2, 2]).one();
    assert_eq!(dilated, tensor(&[1, 1, 2, 2], &[-10.0; 4]));
    let biased = node("Conv").input(&x).floats(&[2, 1, 1, 1], &[1.0, 2.0]).floats(&[2], &[0.0, 0.5]).one();
    assert_eq!((&biased.values[..3], &biased.values[16..19]), (&[0.0, 1.0, 2.0][..], &[0.5, 2.5, 4.5][..]));
}

#[test]
fn grouped_convolution_keeps_groups_apart() {
    // Two pixels of four channels; each group adds its two channels, the second weighted tenfold.
    let x = counting(&[1, 4, 1, 2]);
    let y = node("Conv").input(&x).floats(&[2, 2, 1, 1], &[1.0, 10.0, 1.0, 10.0]).int("group", 2).one();
    assert_eq!(y, tensor(&[1, 2, 1, 2], &[20.0, 31.0, 64.0, 75.0]));
    let y = node("Conv").input(&x).floats(&[4, 1, 1, 1], &[1.0, 2.0, 3.0, 4.0]).int("group", 4).one();
    assert_eq!(y.values, [0.0, 1.0, 4.0, 6.0, 12.0, 15.0, 24.0, 28.0]);
}

#[test]
fn same_padding_puts_the_odd_pixel_where_it_is_told() {
    let pairs = |auto: &str| {
        let conv = node("Conv").input(&counting(&[1, 1, 1, 3])).floats(&[1, 1, 1, 2], &[1.0, 10.0]);
        conv.text("auto_pad", auto).one().values
    };
    assert_eq!(pairs("SAME_UPPER"), [10.0, 21.0, 2.0]);
    assert_eq!(pairs("SAME_LOWER"), [0.0, 10.0, 21.0]);
    assert_eq!(pairs("VALID"), [10.0, 21.0]);
}

#[test]
fn maximum_pools() {
    let halves = node("MaxPool").input(&square()).ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2]).one();
    assert_eq!(halves, tensor(&[1, 1, 2, 2], &[5.0, 7.0, 13.0, 15.0]));
    let ceil = node("MaxPool").input(&square()).ints("kernel_shape", &[3, 3]).ints("strides", &[2, 2]);
    assert_eq!(ceil.int("ceil_mode", 1).one(), tensor(&[1, 1, 2, 2], &[10.0, 11.0, 14.0, 15.0]));
    // Padding never wins, not even against negative numbers.
    let x = tensor(&[1, 1, 1, 2], &[-3.0, -2.0]);
    let padded = node("MaxPool").input(&x).ints("kernel_shape", &[1, 2]).ints("pads", &[0, 1, 0, 1]).one();
    assert_eq!(padded.values, [-3.0, -2.0, -2.0]);
}

#[test]
fn average_pools_count_padding_only_when_told() {
    let x = tensor(&[1, 1, 1, 2], &[2.0, 4.0]);
    let pool = || node("AveragePool").input(&x).ints("kernel_shape", &[1, 2]).ints("pads", &[0, 1, 0, 1]);
    assert_eq!(pool().one().values, [2.0, 3.0, 4.0]);
    assert_eq!(pool().int("count_include_pad", 1).one().values, [1.0, 3.0, 2.0]);
}

#[test]
fn global_pools_take_each_channel_whole() {
    let x = counting(&[1, 2, 2, 3]);
    assert_eq!(node("GlobalAveragePool").input(&x).one(), tensor(&[1, 2, 1, 1], &[2.5, 8.5]));
    assert_eq!(node("GlobalMaxPool").input(&x).one(), tensor(&[1, 2, 1, 1], &[5.0, 11.0]));
}

#[test]
fn resizing_by_scales_and_by_sizes() {
    let x = tensor(&[1, 1, 1, 2], &[0.0, 8.0]);
    let resize = |mode: &str, coordinates: &str| {
        node("Resize").input(&x).text("mode", mode).text("coordinate_transformation_mode", coordinates).absent()
    };
    let double = [1.0, 1.0, 1.0, 2.0];
    let nearest = resize("nearest", "asymmetric").text("nearest_mode", "floor").floats(&[4], &double).one();
    assert_eq!(nearest, tensor(&[1, 1, 1, 4], &[0.0, 0.0, 8.0, 8.0]));
    let linear = |coordinates: &str| resize("linear", coordinates).floats(&[4], &double).one().values;
    assert_eq!(linear("half_pixel"), [0.0, 2.0, 6.0, 8.0]);
    assert_eq!(linear("asymmetric"), [0.0, 4.0, 8.0, 8.0]);
    let ends = resize("linear", "align_corners").absent().integers(&[1, 1, 2, 5]).one();
    assert_eq!(ends, tensor(&[1, 1, 2, 5], &[0.0, 2.0, 4.0, 6.0, 8.0, 0.0, 2.0, 4.0, 6.0, 8.0]));
    let wrong = resize("linear", "half_pixel").floats(&[4], &[1.0, 1.0, 1.0, 0.1]).refusal();
    assert!(wrong.contains("`it` (Resize)"), "{wrong}");
}

#[test]
fn padding_with_a_constant_the_edge_and_a_reflection() {
    let x = counting(&[1, 1, 1, 3]);
    let pad = || node("Pad").input(&x).integers(&[0, 0, 0, 2, 0, 0, 0, 1]);
    assert_eq!(pad().one(), tensor(&[1, 1, 1, 6], &[0.0, 0.0, 0.0, 1.0, 2.0, 0.0]));
    assert_eq!(pad().floats(&[], &[9.0]).one().values, [9.0, 9.0, 0.0, 1.0, 2.0, 9.0]);
    assert_eq!(pad().text("mode", "edge").one().values, [0.0, 0.0, 0.0, 1.0, 2.0, 2.0]);
    assert_eq!(pad().text("mode", "reflect").one().values, [2.0, 1.0, 0.0, 1.0, 2.0, 1.0]);
    let channels = node("Pad").input(&x).integers(&[0, 1, 0, 0, 0, 0, 0, 0]).one();
    assert_eq!(channels, tensor(&[1, 2, 1, 3], &[0.0, 0.0, 0.0, 0.0, 1.0, 2.0]));
}
