//! Operators that make more pixels of fewer, and their opposite, against their definitions.

use super::{Tensor, counting, node, tensor};

#[test]
fn channels_become_pixels_in_either_order_and_pixels_channels() {
    // Two results of blocks of 2 × 2 on an image of 1 × 2.
    let x = counting(&[1, 8, 1, 2]);
    let spread = |mode: &str| node("DepthToSpace").int("blocksize", 2).text("mode", mode).input(&x).one();
    let outer = [0.0, 4.0, 1.0, 5.0, 8.0, 12.0, 9.0, 13.0, 2.0, 6.0, 3.0, 7.0, 10.0, 14.0, 11.0, 15.0];
    assert_eq!(spread("DCR"), tensor(&[1, 2, 2, 4], &outer));
    let inner = [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0, 8.0, 10.0, 9.0, 11.0, 12.0, 14.0, 13.0, 15.0];
    assert_eq!(spread("CRD"), tensor(&[1, 2, 2, 4], &inner));
    assert_eq!(node("SpaceToDepth").int("blocksize", 2).input(&spread("DCR")).one(), x);
    for (operator, side) in [("DepthToSpace", 3), ("DepthToSpace", 0), ("DepthToSpace", -2), ("SpaceToDepth", 2)] {
        let refusal = node(operator).int("blocksize", side).input(&x).refusal();
        assert!(refusal.contains("`it`"), "{refusal}");
    }
}

/// The definition: every input pixel puts the window, weighted by it, on the output.
fn scattered(
    x: &Tensor,
    weights: &Tensor,
    bias: &[f32],
    stride: [usize; 2],
    pads: [usize; 4],
    extra: [usize; 2],
) -> Tensor {
    let (&[n, inputs, height, width], &[_, outputs, rows, columns]) = (&x.shape[..], &weights.shape[..]) else {
        panic!("images")
    };
    let size = [
        (height - 1) * stride[0] + rows + extra[0] - pads[0] - pads[2],
        (width - 1) * stride[1] + columns + extra[1] - pads[1] - pads[3],
    ];
    let mut y = tensor(&[n, outputs, size[0], size[1]], &[]);
    for _ in 0..n {
        bias.iter().for_each(|&bias| y.values.extend(vec![bias; size[0] * size[1]]));
    }
    for index in 0..x.values.len() {
        let (column, row) = (index % width, index / width % height);
        let (input, picture) = (index / width / height % inputs, index / width / height / inputs);
        for tap in 0..outputs * rows * columns {
            let (tap_column, tap_row, output) = (tap % columns, tap / columns % rows, tap / columns / rows);
            let at = [row * stride[0] + tap_row, column * stride[1] + tap_column];
            let Some(down) = at[0].checked_sub(pads[0]).filter(|&down| down < size[0]) else { continue };
            let Some(right) = at[1].checked_sub(pads[1]).filter(|&right| right < size[1]) else { continue };
            let weight = weights.values[input * outputs * rows * columns + tap];
            y.values[((picture * outputs + output) * size[0] + down) * size[1] + right] += weight * x.values[index];
        }
    }
    y
}

#[test]
fn a_transposed_convolution_is_what_its_definition_says() {
    // Whole numbers, so that sums are the same in any order.
    let whole = |shape: &[usize], step: usize| {
        let counted = counting(shape);
        tensor(shape, &counted.values.iter().map(|v| ((*v as usize * step) % 11) as f32 - 5.0).collect::<Vec<_>>())
    };
    for (kernel, stride, pads, extra) in [
        ([2, 2], [2, 2], [0, 0, 0, 0], [0, 0]),
        ([4, 4], [2, 2], [1, 1, 1, 1], [0, 0]),
        ([3, 3], [2, 2], [1, 1, 1, 1], [1, 1]),
        ([3, 3], [1, 1], [0, 0, 0, 0], [0, 0]),
        ([3, 2], [3, 2], [0, 1, 1, 0], [0, 0]),
        ([5, 3], [2, 3], [2, 0, 1, 1], [1, 2]),
        ([1, 4], [1, 4], [0, 2, 0, 3], [0, 0]),
        ([2, 2], [2, 2], [0, 0, 0, 0], [1, 1]),
    ] {
        let x = whole(&[2, 3, 4, 5], 7);
        let weights = whole(&[3, 2, kernel[0], kernel[1]], 5);
        let integers = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
        let shape = integers(&weights.shape);
        let y = (node("ConvTranspose").input(&x).floats(&shape, &weights.values).floats(&[2], &[0.5, -2.0]))
            .ints("strides", &integers(&stride))
            .ints("pads", &integers(&pads))
            .ints("output_padding", &integers(&extra))
            .one();
        let expected = scattered(&x, &weights, &[0.5, -2.0], stride, pads, extra);
        assert_eq!(y, expected, "a window of {kernel:?}, strides {stride:?}, pads {pads:?}, {extra:?} more");
    }
}

#[test]
fn the_size_of_a_transposed_convolution_may_be_given() {
    let x = tensor(&[1, 1, 1, 2], &[1.0, 10.0]);
    let transposed =
        || node("ConvTranspose").input(&x).floats(&[1, 1, 1, 3], &[1.0, 2.0, 3.0]).ints("strides", &[1, 2]);
    assert_eq!(transposed().one().values, [1.0, 2.0, 13.0, 20.0, 30.0]);
    assert_eq!(transposed().ints("output_shape", &[1, 4]).one().values, [2.0, 13.0, 20.0, 30.0]);
    let upper = transposed().ints("output_shape", &[1, 4]).text("auto_pad", "SAME_UPPER").one();
    assert_eq!(upper.values, [1.0, 2.0, 13.0, 20.0]);
    assert_eq!(transposed().text("auto_pad", "SAME_UPPER").one().values, [1.0, 2.0, 13.0, 20.0]);
    assert_eq!(transposed().text("auto_pad", "SAME_LOWER").one().values, [2.0, 13.0, 20.0, 30.0]);
    let weights = [1.0, 2.0, 3.0];
    for wrong in [
        node("ConvTranspose").input(&x).floats(&[3, 1, 1, 1], &weights),
        node("ConvTranspose").input(&x).floats(&[1, 1, 1, 3], &weights).ints("strides", &[0, 1]),
        node("ConvTranspose").input(&x).floats(&[1, 1, 1, 3], &weights).ints("pads", &[0, 9, 0, 9]),
        node("ConvTranspose").input(&x).floats(&[1, 1, 1, 3], &weights).ints("strides", &[1 << 40, 1]),
        node("ConvTranspose").input(&x).floats(&[1, 1, 1, 3], &weights).ints("output_shape", &[1 << 40, 1]),
    ] {
        let refusal = wrong.refusal();
        assert!(refusal.contains("`it`"), "{refusal}");
    }
}
