//! Attributes that no operator can work with.

use super::*;

/// A convolution of these weights.
fn convolution(w: &[i64], attributes: &[AttributeProto]) -> ModelProto {
    let weights = floats("w", w, &vec![0.5; w.iter().product::<i64>() as usize]);
    let node = with(named("Conv", "it", &["x", "w"], &["y"]), attributes.iter().cloned());
    model(&[1, 4, 8, 8], &[weights], &[node])
}

fn pool(operator: &str, attributes: &[AttributeProto]) -> ModelProto {
    model(&[1, 4, 8, 8], &[], &[with(named(operator, "it", &["x"], &["y"]), attributes.iter().cloned())])
}

/// A node that takes `x` and lists of integers.
fn listed(operator: &str, lists: &[&[i64]], attributes: &[AttributeProto]) -> ModelProto {
    let names: Vec<String> = (0..lists.len()).map(|index| format!("list{index}")).collect();
    let constants: Vec<TensorProto> = lists.iter().zip(&names).map(|(list, name)| integers(name, list)).collect();
    let inputs: Vec<&str> = std::iter::once("x").chain(names.iter().map(String::as_str)).collect();
    model(&[1, 4, 8, 8], &constants, &[with(named(operator, "it", &inputs, &["y"]), attributes.iter().cloned())])
}

#[test]
fn windows_that_do_not_move_or_are_none_are_refused() {
    let fine: [&[AttributeProto]; 2] = [&[], &[wholes("strides", &[2, 2])]];
    for attributes in fine {
        runs(&convolution(&[6, 4, 3, 3], attributes));
    }
    let wrong = [
        wholes("strides", &[0, 1]),
        wholes("strides", &[1, -1]),
        wholes("strides", &[1]),
        wholes("strides", &[i64::MAX, i64::MAX]),
        wholes("dilations", &[0, 1]),
        wholes("dilations", &[i64::MAX, 1]),
        wholes("dilations", &[1 << 20, 1 << 20]),
        wholes("pads", &[i64::MAX; 4]),
        wholes("pads", &[-1, 0, 0, 0]),
        wholes("pads", &[1, 1]),
        wholes("kernel_shape", &[0, 0]),
        wholes("kernel_shape", &[-3, -3]),
        wholes("kernel_shape", &[5, 5]),
        whole("group", 0),
        whole("group", -1),
        whole("group", 3),
        whole("group", i64::MAX),
        whole("group", i64::MIN),
    ];
    for attribute in wrong {
        refused(&convolution(&[6, 4, 3, 3], std::slice::from_ref(&attribute)), &["`it`"]);
    }
    for weights in [[6, 4, 0, 3], [6, 4, 3, 0], [0, 4, 3, 3], [6, 0, 3, 3], [6, 5, 3, 3], [6, 4, 9, 9]] {
        refused(&convolution(&weights, &[]), &["`it`"]);
    }
    for operator in ["MaxPool", "AveragePool"] {
        runs(&pool(operator, &[wholes("kernel_shape", &[2, 2])]));
        refused(&pool(operator, &[]), &["`it`"]);
        for kernel in [&[0, 2][..], &[2, -2], &[2], &[2, 2, 2], &[i64::MAX, 2], &[9, 9]] {
            refused(&pool(operator, &[wholes("kernel_shape", kernel)]), &["`it`"]);
        }
        for other in [wholes("strides", &[0, 0]), wholes("pads", &[2, 2, 2, 2]), wholes("dilations", &[0, 0])] {
            refused(&pool(operator, &[wholes("kernel_shape", &[2, 2]), other]), &["`it`"]);
        }
    }
}

#[test]
fn axes_that_there_are_not_are_refused() {
    for axis in [4, -5, i64::MAX, i64::MIN] {
        refused(&listed("Softmax", &[], &[whole("axis", axis)]), &["`it`", "axis"]);
        refused(&listed("Flatten", &[], &[whole("axis", if axis == 4 { 5 } else { axis })]), &["`it`", "axis"]);
        refused(&listed("Gather", &[&[0]], &[whole("axis", axis)]), &["`it`", "axis"]);
        refused(&listed("Split", &[], &[whole("axis", axis)]), &["`it`", "axis"]);
        refused(&listed("ReduceMean", &[], &[wholes("axes", &[axis])]), &["`it`", "axis"]);
        refused(&listed("Squeeze", &[&[axis]], &[]), &["`it`", "axis"]);
        let beyond = if axis == 4 { 5 } else { axis.saturating_sub(1) };
        refused(&listed("Unsqueeze", &[&[if axis == i64::MAX { axis } else { beyond }]], &[]), &["`it`", "axis"]);
        refused(&listed("Slice", &[&[0], &[1], &[axis]], &[]), &["`it`", "axis"]);
        refused(&listed("Transpose", &[], &[wholes("perm", &[0, 1, 2, axis])]), &["`it`"]);
        let concat = with(named("Concat", "it", &["x", "x"], &["y"]), [whole("axis", axis)]);
        refused(&model(&[1, 4, 8, 8], &[], &[concat]), &["`it`", "axis"]);
    }
    refused(&listed("Transpose", &[], &[wholes("perm", &[0, 0, 1, 2])]), &["`it`"]);
    refused(&listed("Transpose", &[], &[wholes("perm", &[0])]), &["`it`"]);
    refused(&listed("Squeeze", &[&[1]], &[]), &["`it`"]);
}

#[test]
fn what_lies_outside_a_tensor_is_refused() {
    for index in [4, -5, i64::MAX, i64::MIN] {
        refused(&listed("Gather", &[&[index]], &[whole("axis", 1)]), &["`it`", "outside"]);
    }
    for lengths in [[1, 4], [5, -1], [i64::MAX, i64::MAX], [0, 4]] {
        let split = with(named("Split", "it", &["x", "lengths"], &["y", "z"]), [whole("axis", 1)]);
        refused(&model(&[1, 4, 8, 8], &[integers("lengths", &lengths)], &[split]), &["`it`"]);
    }
    // Bounds of a slice are clamped; nothing may be left of it, or be turned.
    runs(&listed("Slice", &[&[i64::MIN], &[i64::MAX], &[1]], &[]));
    runs(&listed("Slice", &[&[i64::MAX], &[i64::MIN], &[1], &[-1]], &[]));
    runs(&listed("Slice", &[&[i64::MAX], &[i64::MIN], &[1], &[i64::MIN]], &[]));
    runs(&listed("Slice", &[&[0], &[i64::MAX], &[1], &[i64::MAX]], &[]));
    refused(&listed("Slice", &[&[0], &[9], &[1], &[0]], &[]), &["`it`", "step"]);
    refused(&listed("Slice", &[&[0, 0], &[9], &[1]], &[]), &["`it`", "length"]);
    refused(&listed("Slice", &[&[3], &[1], &[1]], &[]), &["`it`"]);
    refused(&listed("Slice", &[&vec![0; 40], &vec![9; 40], &vec![1; 40]], &[]), &["`it`", "40"]);
}

#[test]
fn shapes_that_hold_something_else_are_refused() {
    let shapes: [&[i64]; 9] = [
        &[1, 255],
        &[-1, -1],
        &[-2, 256],
        &[0, 0, 0, 0, 0],
        &[3, -1],
        &[i64::MAX, i64::MAX],
        &[1 << 32, 1 << 32],
        &[i64::MIN, 4],
        &[1 << 40, -1],
    ];
    for shape in shapes {
        refused(&listed("Reshape", &[shape], &[]), &["`it`"]);
    }
    refused(&listed("Reshape", &[&vec![1; 100_000]], &[]), &["`it`", "100000"]);
    refused(&listed("Unsqueeze", &[&(0..30).collect::<Vec<_>>()], &[]), &["`it`", "--limit axes="]);
    refused(&listed("Expand", &[&[1, 3, 8, 8]], &[]), &["`it`"]);
    refused(&listed("Expand", &[&[-1, 4, 8, 8]], &[]), &["`it`"]);
    refused(&listed("Pad", &[&[1, 2, 3]], &[]), &["`it`", "pads"]);
    refused(&listed("Pad", &[&[i64::MAX; 8]], &[]), &["`it`"]);
    refused(&listed("Pad", &[&[0, 0, 9, 9, 0, 0, 9, 9]], &[text("mode", "reflect")]), &["`it`", "reflect"]);
    for sizes in [[1, 4, 0, 8], [1, 4, -8, 8], [1, 4, i64::MAX, i64::MAX]] {
        let resize = named("Resize", "it", &["x", "", "", "sizes"], &["y"]);
        refused(&model(&[1, 4, 8, 8], &[integers("sizes", &sizes)], &[resize]), &["`it`"]);
    }
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e30, 1e-30] {
        let resize = named("Resize", "it", &["x", "", "scales"], &["y"]);
        refused(&model(&[1, 4, 8, 8], &[floats("scales", &[4], &[1.0, 1.0, scale, scale])], &[resize]), &["`it`"]);
    }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::String.into(), s: value.into(), ..Default::default() }
}

#[test]
fn factors_that_do_not_fit_are_refused() {
    let product = |operator: &str, w: &[i64], attributes: &[AttributeProto]| {
        let w = floats("w", w, &vec![0.5; w.iter().product::<i64>() as usize]);
        model(&[4, 8], &[w], &[with(named(operator, "it", &["x", "w"], &["y"]), attributes.iter().cloned())])
    };
    runs(&product("Gemm", &[8, 3], &[]));
    refused(&product("Gemm", &[7, 3], &[]), &["`it`"]);
    refused(&product("Gemm", &[8, 3], &[whole("transA", 1)]), &["`it`"]);
    refused(&product("Gemm", &[8, 0], &[]), &["`it`"]);
    refused(&product("Gemm", &[0, 3], &[]), &["`it`"]);
    refused(&product("MatMul", &[7, 3], &[]), &["`it`"]);
    refused(&product("MatMul", &[0, 3], &[]), &["`it`"]);
    // Three operands of what takes two.
    refused(&model(&[4, 8], &[], &[named("Sub", "it", &["x", "x", "x"], &["y"])]), &["`it`", "3 inputs"]);
    refused(&model(&[4, 8], &[], &[named("Div", "it", &["x"], &["y"])]), &["`it`", "1 inputs"]);
}

#[test]
fn bounds_that_are_no_numbers_are_refused() {
    let clip = |low: f32, high: f32| {
        let constants = [floats("low", &[], &[low]), floats("high", &[], &[high])];
        model(&[1, 4], &constants, &[named("Clip", "it", &["x", "low", "high"], &["y"])])
    };
    refused(&clip(f32::NAN, 1.0), &["`it`", "min"]);
    refused(&clip(0.0, f32::NAN), &["`it`", "max"]);
    runs(&clip(1.0, -1.0));
}
