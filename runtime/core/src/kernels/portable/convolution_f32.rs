//! Float convolution, of the same structure as the int8 one.

use super::geometry::{Axis, Grid};
use super::layout::BLOCK;
use super::product::{Product, general, pointwise};
use super::rows::{Lanes, Rows, load};
use crate::function::Function;
use crate::kernels::Packed;
use crate::plan::step::{ConvolutionF32, ConvolutionForm};
use bytemuck::{cast_slice, cast_slice_mut};

/// Pixels after whose products the activation is applied, while they are still in the cache.
const TILE: usize = 16;

/// What every form needs.
struct Constants<'p> {
    weights: &'p [Lanes<f32>],
    bias: &'p [Lanes<f32>],
    activation: Function,
}

impl Product<f32> for Constants<'_> {
    const TILE: usize = TILE;

    fn product(&self, rows: Rows<'_, f32>, first: usize, channels: usize, y: &mut [f32], stride: usize) {
        for block in 0..channels.div_ceil(BLOCK) {
            let at = first + block;
            let weights = &self.weights[at * rows.len..][..rows.len];
            let lanes = (channels - block * BLOCK).min(BLOCK);
            let mut store = |row: usize, sums: &Lanes<f32>| {
                y[row * stride + block * BLOCK..][..lanes].copy_from_slice(&sums[..lanes]);
            };
            let mut row = 0;
            while row + 4 <= rows.count {
                let four = core::array::from_fn(|i| rows.row(row + i, 0, rows.len));
                let sums = multiply::<4>(four, weights, &self.bias[at]);
                sums.iter().enumerate().for_each(|(i, sums)| store(row + i, sums));
                row += 4;
            }
            while row < rows.count {
                let [sums] = multiply([rows.row(row, 0, rows.len)], weights, &self.bias[at]);
                store(row, &sums);
                row += 1;
            }
        }
        for row in 0..rows.count {
            self.activation.apply_all(&mut y[row * stride..][..channels]);
        }
    }
}

/// `bias` plus the products of P rows, so that each weight is loaded once for all of them.
#[inline(always)]
pub(super) fn multiply<const P: usize>(
    rows: [&[f32]; P],
    weights: &[Lanes<f32>],
    bias: &Lanes<f32>,
) -> [Lanes<f32>; P] {
    let rows = rows.map(|row| &row[..weights.len()]);
    let mut sums = [*bias; P];
    for (input, weights) in weights.iter().enumerate() {
        for (row, sum) in rows.iter().zip(&mut sums) {
            for (sum, &weight) in sum.iter_mut().zip(weights) {
                *sum += row[input] * weight;
            }
        }
    }
    sums
}

/// See [`ConvolutionF32`].
pub(in super::super) fn convolution_f32(
    step: &ConvolutionF32,
    x: &[f32],
    y: &mut [f32],
    packed: Packed<'_>,
    scratch: &mut [u8],
) {
    let constants =
        Constants { weights: cast_slice(packed.weights), bias: cast_slice(packed.bias), activation: step.activation };
    match step.form {
        ConvolutionForm::Pointwise => pointwise([&step.x, &step.y], x, y, &constants),
        ConvolutionForm::Depthwise => depthwise(step, x, y, &constants),
        ConvolutionForm::General => {
            let (images, scratch) = ([&step.x, &step.y], cast_slice_mut(scratch));
            general(images, &step.window, step.groups as usize, (x, 0.0), y, &constants, scratch);
        }
    }
}

fn depthwise(step: &ConvolutionF32, x: &[f32], y: &mut [f32], constants: &Constants<'_>) {
    let (from, to) = (Grid::of(&step.x), Grid::of(&step.y));
    let (rows, columns) = (Axis::rows(&step.x, &step.window), Axis::columns(&step.x, &step.window));
    let taps = rows.kernel * columns.kernel;
    let step_x = columns.dilation() * from.stride;
    to.for_each(|image, row, column| {
        let (inside_rows, inside) = (rows.taps(row), columns.taps(column));
        let at = to.at(image, row, column);
        let y = &mut y[at..][..to.channels];
        for (block, y) in y.chunks_mut(BLOCK).enumerate() {
            let weights = &constants.weights[block * taps..][..taps];
            let (mut sums, mut spare) = (constants.bias[block], [0.0; BLOCK]);
            for tap_row in inside_rows.clone() {
                if inside.is_empty() {
                    break;
                }
                let weights = &weights[tap_row * columns.kernel..][inside.clone()];
                let first = from.at(image, rows.index(row, tap_row), columns.index(column, inside.start));
                let mut offset = first + block * BLOCK;
                for weights in weights {
                    let x = load(&x[offset..], y.len(), &mut spare);
                    for ((sum, x), &weight) in sums.iter_mut().zip(x).zip(weights) {
                        *sum += x * weight;
                    }
                    offset += step_x;
                }
            }
            y.copy_from_slice(&sums[..y.len()]);
        }
        constants.activation.apply_all(y);
    });
}
