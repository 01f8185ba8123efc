//! Int8 convolution: pointwise as one matrix product over pixels, general ones as products over gathered patches,
//! depthwise ones channel by channel.

use super::geometry::{Axis, Grid};
use super::layout::BLOCK;
use super::product::{Product, general, pointwise};
use super::product_int8::{BlockWeights, TILE, multiply};
use super::rounding::ToByte;
use super::rows::{Lanes, Rows, load};
use crate::kernels::{Packed, Table};
use crate::plan::step::{ConvolutionForm, ConvolutionInt8};
use bytemuck::cast_slice;

/// What every form needs: the packed constants, and how a sum becomes a stored byte.
struct Constants<'p> {
    weights: &'p [u8],
    wide: bool,
    bias: &'p [Lanes<i32>],
    multiplier: &'p [Lanes<f32>],
    byte: ToByte,
    table: Option<&'p Table>,
}

impl Constants<'_> {
    /// Writes the bytes for the first `y.len()` sums of a block.
    #[inline(always)]
    fn store(&self, sums: &Lanes<i32>, multiplier: &Lanes<f32>, y: &mut [u8]) {
        let mut bytes = [0; BLOCK];
        for ((byte, &sum), multiplier) in bytes.iter_mut().zip(sums).zip(multiplier) {
            *byte = self.byte.apply(sum as f32 * multiplier);
        }
        if let Some(table) = self.table {
            bytes = bytes.map(|byte| table[usize::from(byte)]);
        }
        match y.first_chunk_mut() {
            Some(y) => *y = bytes,
            None => y.copy_from_slice(&bytes[..y.len()]),
        }
    }

    /// The weights of block `block`, which has `depth` inputs.
    fn block(&self, block: usize, depth: usize) -> BlockWeights<'_> {
        let range = block * depth..(block + 1) * depth;
        match self.wide {
            false => BlockWeights::Narrow(&cast_slice(self.weights)[range]),
            true => BlockWeights::Wide(&cast_slice(self.weights)[range]),
        }
    }
}

impl Product<u8> for Constants<'_> {
    const TILE: usize = TILE;

    fn product(&self, rows: Rows<'_, u8>, first: usize, channels: usize, y: &mut [u8], stride: usize) {
        let mut sums = [[0; BLOCK]; TILE];
        let sums = &mut sums[..rows.count];
        for block in 0..channels.div_ceil(BLOCK) {
            let at = first + block;
            multiply(rows, self.block(at, rows.len), &self.bias[at], sums);
            let lanes = (channels - block * BLOCK).min(BLOCK);
            for (row, sums) in sums.iter().enumerate() {
                self.store(sums, &self.multiplier[at], &mut y[row * stride + block * BLOCK..][..lanes]);
            }
        }
    }
}

/// See [`ConvolutionInt8`].
pub(in super::super) fn convolution_int8(
    step: &ConvolutionInt8,
    x: &[u8],
    y: &mut [u8],
    packed: Packed<'_>,
    table: Option<&Table>,
    scratch: &mut [u8],
) {
    assert!(!step.x_signed && !step.y_signed, "signed bytes");
    let constants = Constants {
        weights: packed.weights,
        wide: step.wide,
        bias: cast_slice(packed.bias),
        multiplier: cast_slice(packed.multiplier),
        byte: ToByte::new(step.y_zero, step.low, step.high),
        table,
    };
    match step.form {
        ConvolutionForm::Pointwise => pointwise([&step.x, &step.y], x, y, &constants),
        ConvolutionForm::Depthwise => depthwise(step, x, y, &constants),
        ConvolutionForm::General => {
            let (images, padding) = ([&step.x, &step.y], step.x_zero as u8);
            general(images, &step.window, step.groups as usize, (x, padding), y, &constants, scratch);
        }
    }
}

fn depthwise(step: &ConvolutionInt8, x: &[u8], y: &mut [u8], constants: &Constants<'_>) {
    let (from, to) = (Grid::of(&step.x), Grid::of(&step.y));
    let (rows, columns) = (Axis::rows(&step.x, &step.window), Axis::columns(&step.x, &step.window));
    let weights: &[Lanes<i16>] = cast_slice(constants.weights);
    let taps = rows.kernel * columns.kernel;
    let (zero, step_x) = (step.x_zero as i16, columns.dilation() * from.stride);
    to.for_each(|image, row, column| {
        let (inside_rows, inside) = (rows.taps(row), columns.taps(column));
        let at = to.at(image, row, column);
        for (block, y) in y[at..][..to.channels].chunks_mut(BLOCK).enumerate() {
            let weights = &weights[block * taps..][..taps];
            let (mut sums, mut spare) = (constants.bias[block], [0; BLOCK]);
            for tap_row in inside_rows.clone() {
                if inside.is_empty() {
                    break;
                }
                let weights = &weights[tap_row * columns.kernel..][inside.clone()];
                let first = from.at(image, rows.index(row, tap_row), columns.index(column, inside.start));
                let mut offset = first + block * BLOCK;
                for weights in weights {
                    let x = load(&x[offset..], y.len(), &mut spare);
                    for ((sum, &x), &weight) in sums.iter_mut().zip(x).zip(weights) {
                        *sum = sum.wrapping_add(i32::from(i16::from(x) - zero) * i32::from(weight));
                    }
                    offset += step_x;
                }
            }
            constants.store(&sums, &constants.multiplier[block], y);
        }
    });
}
