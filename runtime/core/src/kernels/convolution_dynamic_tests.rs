//! Convolutions whose input's scale and zero point come at run time, of every kernel set that this processor can run, against a
//! direct sum over every product, through the check of a plan and a session: the same integers, and floats to the bit.

use super::convolution_tests::{Case, case, elements, small_weight};
use crate::function::Function;
use crate::kernels::{Alone, KernelSet, Parallel, packing};
use crate::plan::step::{ConvolutionDynamic, ConvolutionForm, Step, SumsAs};
use crate::plan::view::{Image, Operand, Span, Window};
use crate::testing::{Random, Writer, kernel_sets, run_step_on};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use std::vec::Vec;

/// The constants of the convolution before they are packed.
struct Constants {
    /// As they are packed.
    weights: Vec<i16>,
    offset: Vec<i32>,
    scale: Vec<f32>,
    bias: Vec<f32>,
    sums_as: SumsAs,
    activation: Function,
    /// What the input's parameters are.
    parameters: [f32; 2],
}

impl Constants {
    fn new(case: &Case, random: &mut Random) -> Self {
        let channels = case.y.channels;
        let is_depthwise = case.form == ConvolutionForm::Depthwise;
        let largest = case.largest_weight();
        let mut weight = || match random.next() {
            w if is_depthwise && case.wide => w as i16,
            w => small_weight(w, largest),
        };
        let weights = (0..case.shape().weight_count()).map(|_| weight()).collect();
        let has_offset = case.wide && !is_depthwise;
        let mut offset = || random.next() as i32 >> if case.extreme { 0 } else { 23 };
        let offset = (0..if has_offset { channels } else { 0 }).map(|_| offset()).collect();
        let sums_as = [SumsAs::Integers, SumsAs::Floats, SumsAs::Scaled][random.next() as usize % 3];
        let activations = [
            Function::Identity,
            Function::Clamp { low: 0.0, high: f32::INFINITY },
            Function::Silu,
            Function::HardSwish,
        ];
        let activation = activations[random.next() as usize % activations.len()];
        let floats = if sums_as == SumsAs::Integers { 0 } else { channels as usize };
        let scale = random.floats(floats);
        let bias = random.floats(if case.table { floats } else { 0 });
        Constants { weights, offset, scale, bias, sums_as, activation, parameters: [0.037, case.zeros[0] as f32] }
    }

    /// The result that a sum becomes.
    fn result(&self, sum: i32, channel: usize) -> [u8; 4] {
        if self.sums_as == SumsAs::Integers {
            return sum.to_le_bytes();
        }
        let scale = match self.sums_as {
            SumsAs::Scaled => self.parameters[0] * self.scale[channel],
            _ => self.scale[channel],
        };
        let scaled = sum as f32 * scale;
        let mut result = [self.bias.get(channel).map_or(scaled, |bias| scaled + bias)];
        self.activation.apply_all(&mut result);
        result[0].to_le_bytes()
    }
}

/// Runs the convolution on kernel sets and compares all of the arena before the working memory.
fn convolution_on(case: &Case, sets: &[KernelSet], parallel: &dyn Parallel) -> TestCaseResult {
    let mut random = Random::new(case.seed);
    let constants = Constants::new(case, &mut random);
    // The input lies behind its parameters.
    let (mut x, mut y) = (case.x, case.y);
    x.offset = 8;
    y.offset = (x.offset + elements(&x)).next_multiple_of(4);
    let len = (y.offset + 4 * elements(&y)).next_multiple_of(64);
    let mut before = random.bytes(len as usize);
    before[..8].copy_from_slice(bytemuck::cast_slice(&constants.parameters));
    let mut expected = before.clone();
    for (at, index) in case.outputs() {
        let channel = at[3] as usize;
        let offset = constants.offset.get(channel).copied().unwrap_or(0);
        let sum = case.products(at).into_iter().fold(0i32, |sum, (input, weight)| {
            // Padding counts as the zero point, so it adds nothing.
            let x = input.map_or(0, |i| i32::from(before[x.offset as usize + i]) - case.zeros[0]);
            sum.wrapping_add(x.wrapping_mul(offset.wrapping_add(constants.weights[weight].into())))
        });
        expected[y.offset as usize + 4 * index..][..4].copy_from_slice(&constants.result(sum, channel));
    }
    for &set in sets {
        let case = Case { x, y, ..*case };
        let after = run(&case, &constants, set, parallel, &before);
        prop_assert_eq!(&after[..len as usize], &expected[..], "{}", set);
    }
    Ok(())
}

/// The arena after the convolution ran on one kernel set.
fn run(case: &Case, constants: &Constants, set: KernelSet, parallel: &dyn Parallel, before: &[u8]) -> Vec<u8> {
    let (packing, shape) = (packing(set), case.shape());
    let mut weights = std::vec![0; packing.packed_dynamic(&shape) as usize];
    packing.pack_dynamic(&shape, &constants.weights, &mut weights);
    let sums: Vec<i32> = match case.form {
        ConvolutionForm::Depthwise => Vec::new(),
        _ => {
            let channels = constants.weights.chunks_exact(shape.depth() as usize);
            channels.map(|channel| channel.iter().map(|&w| i32::from(w)).sum()).collect()
        }
    };
    let mut writer = Writer::of(set);
    let mut step = ConvolutionDynamic {
        x: case.x,
        y: case.y,
        window: case.window,
        groups: case.groups,
        form: case.form,
        parameters: Operand::default(),
        sums_as: constants.sums_as,
        weights: writer.blob(&weights),
        weight_sums: writer.blob(bytemuck::cast_slice(&sums)),
        offset: writer.blob(bytemuck::cast_slice(&constants.offset)),
        scale: writer.blob(bytemuck::cast_slice(&constants.scale)),
        bias: writer.blob(bytemuck::cast_slice(&constants.bias)),
        activation: constants.activation,
        scratch: Span::default(),
    };
    step.scratch = Span { offset: before.len() as u32, len: packing.scratch_dynamic(&step) };
    let mut arena = before.to_vec();
    // Whatever working memory holds before must not matter.
    arena.resize(before.len() + step.scratch.len as usize, 0xA5);
    run_step_on(writer, &Step::ConvolutionDynamic(step), &arena, parallel).expect("the plan is right")
}

/// Says that it has three threads, and runs the parts backwards.
struct Backwards;

impl Parallel for Backwards {
    fn threads(&self) -> usize {
        3
    }

    fn run(&self, parts: usize, scratch: &mut [u8], task: &(dyn Fn(usize, &mut [u8]) + Sync)) {
        assert!(parts > 1, "nothing was cut");
        (0..parts).rev().for_each(|part| task(part, scratch));
    }
}

#[test]
fn pieces_of_a_convolution_make_the_whole() {
    let form_of = |form, [height, width]: [u32; 2], channels: [u32; 2], side: u32, groups| {
        let image = |channels| Image { offset: 8, batch: 1, height, width, channels, stride: channels + 3 };
        let (pad, x, y) = (side / 2, image(channels[0]), image(channels[1]));
        let window = Window { kernel: [side; 2], stride: [1, 1], dilation: [1, 1], pad: [pad; 4] };
        Case {
            form,
            groups,
            x,
            y,
            window,
            wide: true,
            signed: [false; 2],
            zeros: [131, 0],
            bounds: [0, 255],
            table: true,
            extreme: false,
            seed: 7,
        }
    };
    for case in [
        form_of(ConvolutionForm::Pointwise, [30, 31], [33, 70], 1, 1),
        // A fully connected layer, of which blocks of channels are cut.
        form_of(ConvolutionForm::Pointwise, [1, 1], [700, 1100], 1, 1),
        form_of(ConvolutionForm::General, [20, 21], [12, 36], 3, 2),
        form_of(ConvolutionForm::Depthwise, [40, 40], [70, 70], 3, 70),
    ] {
        for set in kernel_sets().filter(|&set| set != KernelSet::Portable) {
            convolution_on(&case, &[set], &Backwards).unwrap_or_else(|error| panic!("{:?}: {error}", case.form));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_convolution_with_parameters_of_run_time_is_the_direct_sum(case in case()) {
        convolution_on(&case, &kernel_sets().collect::<Vec<_>>(), &Alone)?;
    }
}
