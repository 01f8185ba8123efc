//! Convolutions of every kernel set that this processor can run against a direct sum over every product, through the
//! check of a plan and a session.

use crate::function::Function;
use crate::kernels::vector::{NOTE, VectorPacking, is_covered};
use crate::kernels::{ConvolutionShape, IntegerWeights, KernelSet, PackedMut, packing};
use crate::plan::step::{ConvolutionF32, ConvolutionForm, ConvolutionInt8, Step};
use crate::plan::view::{Image, Span, Window};
use crate::testing::{Random, Writer, kernel_sets, run_step};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use std::vec;
use std::vec::Vec;

/// A convolution to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub form: ConvolutionForm,
    pub groups: u32,
    pub x: Image,
    pub y: Image,
    pub window: Window,
    pub wide: bool,
    /// Whether input and output are stored as signed bytes where kernels take such.
    pub signed: [bool; 2],
    pub zeros: [i32; 2],
    pub bounds: [i32; 2],
    pub table: bool,
    /// Biases and multipliers so large that sums wrap around and results saturate.
    pub extreme: bool,
    pub seed: u64,
}

impl Case {
    /// The largest weights: how many products of bytes may be added up in 16 bits depends on them.
    pub(super) fn largest_weight(&self) -> i16 {
        [128, 127, 90, 60][self.seed as usize % 4]
    }

    pub fn shape(&self) -> ConvolutionShape {
        ConvolutionShape {
            form: self.form,
            groups: self.groups,
            kernel: self.window.kernel,
            dilation: self.window.dilation,
            in_channels: self.x.channels,
            out_channels: self.y.channels,
        }
    }

    /// The products behind output (n, row, column, channel): the input's index, where it is inside, and the weight's.
    pub fn products(&self, at: [u32; 4]) -> Vec<(Option<usize>, usize)> {
        let (x, w) = (&self.x, &self.window);
        let (inputs, outputs) = (x.channels / self.groups, self.y.channels / self.groups);
        let mut products = Vec::new();
        for ky in 0..w.kernel[0] {
            for kx in 0..w.kernel[1] {
                let row = (at[1] * w.stride[0] + ky * w.dilation[0]).checked_sub(w.pad[0]).filter(|&r| r < x.height);
                let column = (at[2] * w.stride[1] + kx * w.dilation[1]).checked_sub(w.pad[1]).filter(|&c| c < x.width);
                for i in 0..inputs {
                    let channel = at[3] / outputs * inputs + i;
                    let pixel = row.zip(column).map(|(r, c)| (at[0] * x.height + r) * x.width + c);
                    let weight = ((at[3] * w.kernel[0] + ky) * w.kernel[1] + kx) * inputs + i;
                    products.push((pixel.map(|p| (p * x.stride + channel) as usize), weight as usize));
                }
            }
        }
        products
    }

    /// Every output's position and index.
    pub fn outputs(&self) -> Vec<([u32; 4], usize)> {
        let y = &self.y;
        let mut outputs = Vec::new();
        for n in 0..y.batch {
            for row in 0..y.height {
                for column in 0..y.width {
                    for c in 0..y.channels {
                        let index = ((n * y.height + row) * y.width + column) * y.stride + c;
                        outputs.push(([n, row, column, c], index as usize));
                    }
                }
            }
        }
        outputs
    }
}

/// Elements that an image spans.
pub(super) fn elements(image: &Image) -> u32 {
    (image.batch * image.height * image.width - 1) * image.stride + image.channels
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let form =
        prop_oneof![Just(ConvolutionForm::Pointwise), Just(ConvolutionForm::Depthwise), Just(ConvolutionForm::General)];
    // Channels around the lengths of vectors, of four vectors, and of less than one.
    let channels = || prop_oneof![1u32..18, 31u32..34, 48u32..52, Just(64u32), 79u32..81, 127u32..131];
    let size = (1u32..3, 1u32..8, 1u32..20, channels(), channels(), 0u32..5);
    let window = (
        prop::array::uniform2(prop_oneof![Just(3u32), 1u32..7]),
        prop::array::uniform2(1u32..4),
        prop::array::uniform2(1u32..3),
        prop::array::uniform4(0u32..3),
    );
    let byte = || prop_oneof![Just(0i32), Just(255), 0i32..256];
    let pair = || prop::array::uniform2(byte());
    let integers = (prop::bool::weighted(0.2), pair(), pair(), any::<bool>(), any::<bool>(), any::<[bool; 2]>());
    (form, size, window, integers, 1u32..5, any::<u64>()).prop_map(|(form, size, window, integers, groups, seed)| {
        let (batch, height, width, inputs, outputs, gap) = size;
        let (mut kernel, mut stride, dilation, mut pad) = window;
        let (wide, zeros, bounds, table, extreme, signed) = integers;
        let (groups, inputs, outputs) = match form {
            ConvolutionForm::Pointwise => (1, inputs, outputs),
            ConvolutionForm::Depthwise => (inputs, inputs, inputs),
            ConvolutionForm::General => (groups, inputs.div_ceil(groups) * groups, outputs.div_ceil(groups) * groups),
        };
        if form == ConvolutionForm::Pointwise {
            (kernel, stride, pad) = ([1, 1], [1, 1], [0; 4]);
        }
        let window = Window { kernel, stride, dilation, pad };
        let x = Image { offset: 4, batch, height, width, channels: inputs, stride: inputs + gap };
        // As many places as begin inside the padded image: some windows hang over its end.
        let places = |len: u32, axis: usize| (len + pad[axis] + pad[axis + 2] - 1) / stride[axis] + 1;
        let offset = (x.offset + elements(&x)).next_multiple_of(4);
        let y = Image {
            offset,
            batch,
            height: places(height, 0),
            width: places(width, 1),
            channels: outputs,
            stride: outputs + gap,
        };
        let bounds = [bounds[0].min(bounds[1]), bounds[0].max(bounds[1])];
        Case { form, groups, x, y, window, wide, signed, zeros, bounds, table, extreme, seed }
    })
}

/// Products of more inputs than a tile of any instruction set holds, and more pixels.
fn deep() -> impl Strategy<Value = Case> {
    let taps = prop_oneof![Just(1u32), Just(3)];
    let inputs =
        prop_oneof![1u32..600, (1u32..70).prop_map(|fours| 4 * fours), (1u32..10).prop_map(|tiles| 64 * tiles)];
    (case(), taps, inputs, 1u32..140, 1u32..80).prop_map(|(case, taps, inputs, outputs, width)| {
        let form = if taps == 1 { ConvolutionForm::Pointwise } else { ConvolutionForm::General };
        let window = Window { kernel: [taps; 2], stride: [1, 1], dilation: [1, 1], pad: [taps / 2; 4] };
        let inputs = inputs.div_ceil(taps);
        let x =
            Image { offset: 4, batch: 1, height: 1, width, channels: inputs, stride: inputs + case.seed as u32 % 3 };
        let offset = (x.offset + elements(&x)).next_multiple_of(4);
        let y = Image { offset, channels: outputs, stride: outputs + case.seed as u32 % 2, ..x };
        Case { form, groups: 1, x, y, window, wide: false, ..case }
    })
}

/// Products of so few inputs that some instruction sets keep all weights in registers: pixels side by side, and 3 × 3 taps on
/// pictures.
fn held() -> impl Strategy<Value = Case> {
    let inputs = prop_oneof![Just(3u32), Just(3), Just(16), Just(24), Just(32)];
    // Longer rows than are gathered at a time, too.
    let widths = prop_oneof![1u32..60, 60u32..220];
    (case(), inputs, 1u32..80, widths, 1u32..3).prop_map(|(case, inputs, outputs, width, stride)| {
        let picture = inputs == 3;
        let form = if picture { ConvolutionForm::General } else { ConvolutionForm::Pointwise };
        // Taps of a wider window fill more of their last group of four.
        let kernel = [3, 3 + (case.seed / 2 % 4 / 3) as u32];
        let (kernel, stride, pad) = if picture { (kernel, stride, [1; 4]) } else { ([1, 1], 1, [0; 4]) };
        let window = Window { kernel, stride: [stride; 2], dilation: [1, 1], pad };
        let x = Image { offset: 4, batch: 1, height: 2, width, channels: inputs, stride: inputs };
        let offset = (x.offset + elements(&x)).next_multiple_of(4);
        let [height, width] = [x.height, x.width].map(|len| (len - 1) / stride + 1);
        let y = Image { offset, height, width, channels: outputs, stride: outputs + case.seed as u32 % 2, ..x };
        Case { form, groups: 1, x, y, window, wide: false, ..case }
    })
}

/// Depthwise convolutions whose windows of three by three slide, with chunks that fill vectors and ones that do not.
fn sliding() -> impl Strategy<Value = Case> {
    let channels = prop_oneof![Just(16u32), Just(32), Just(48), Just(64), Just(96), 1u32..150];
    let [strides, pads] = [1u32..4, 0u32..3].map(|range| [range.clone(), range]);
    (case(), channels, strides, pads, 1u32..12, 1u32..24).prop_map(|(case, channels, stride, pad, height, width)| {
        let window = Window { kernel: [3; 2], stride, dilation: [1, 1], pad: [pad[0], pad[1], pad[0], pad[1]] };
        let gaps = [case.seed as u32 % 3, case.seed as u32 / 3 % 2];
        let x =
            Image { offset: 4, batch: 1 + case.seed as u32 % 2, height, width, channels, stride: channels + gaps[0] };
        let offset = (x.offset + elements(&x)).next_multiple_of(4);
        let places = |len: u32, axis: usize| (len + 2 * pad[axis] - 1) / stride[axis] + 1;
        let y = Image { offset, height: places(height, 0), width: places(width, 1), stride: channels + gaps[1], ..x };
        Case { form: ConvolutionForm::Depthwise, groups: channels, x, y, window, wide: false, ..case }
    })
}

/// The same as networks have them: signed bytes side by side, padding of a column at most, and no bounds, so that rows are read where
/// they lie if channels fill vectors.
fn usual_sliding() -> impl Strategy<Value = Case> {
    (sliding(), any::<[bool; 2]>(), 0u32..2).prop_map(|(case, padded, more)| {
        let [left, right] = padded.map(u32::from);
        let stride = case.window.stride.map(|stride| stride.min(2));
        let window = Window { stride, pad: [left, left, right, right], ..case.window };
        let channels = case.x.channels;
        let x = Image { height: case.x.height + 2, width: case.x.width + 2, stride: channels, ..case.x };
        let offset = (x.offset + elements(&x)).next_multiple_of(4);
        // The window may hang over the end of the padding.
        let places = |len: u32, axis: usize| (len + left + right - 3 + more) / stride[axis] + 1;
        let y = Image { offset, height: places(x.height, 0), width: places(x.width, 1), stride: channels, ..x };
        Case { x, y, window, signed: [true, case.signed[1]], bounds: [0, 255], extreme: false, ..case }
    })
}

/// A depthwise convolution of an image that is smaller than a vector: all of its rows are read from copies.
fn tiny(seed: u64) -> Case {
    let window = Window { kernel: [3; 2], stride: [1, 1], dilation: [1, 1], pad: [1; 4] };
    let x = Image { offset: 4, batch: 1, height: 1, width: 1, channels: 3, stride: 3 };
    let y = Image { offset: 8, ..x };
    Case {
        form: ConvolutionForm::Depthwise,
        groups: 3,
        x,
        y,
        window,
        wide: false,
        signed: [false; 2],
        zeros: [3, 5],
        bounds: [0, 255],
        table: false,
        extreme: false,
        seed,
    }
}

/// A weight of a magnitude up to `largest`, of which there are many, or few greater ones.
pub(super) fn small_weight(random: u32, largest: i16) -> i16 {
    match random {
        w if largest == 128 && w % 5 == 0 => -128,
        w if largest == 60 && w % 97 == 0 => 127,
        w => i16::from(w as i8).clamp(-largest, largest.min(127)),
    }
}

/// The constants of an integer convolution before they are packed.
struct Integers {
    weights: Vec<i16>,
    bias: Vec<i32>,
    multiplier: Vec<f32>,
    table: Vec<u8>,
}

impl Integers {
    fn new(case: &Case, random: &mut Random) -> Self {
        let largest = case.largest_weight();
        let mut weight = || match random.next() {
            w if case.wide => (w % 511) as i16 - 255,
            w => small_weight(w, largest),
        };
        let weights = (0..case.shape().weight_count()).map(|_| weight()).collect();
        let outputs = case.y.channels;
        let bias = (0..outputs).map(|_| random.next() as i32 >> if case.extreme { 0 } else { 16 }).collect();
        let mut multiplier = || match random.next() {
            n if case.extreme => [1e-30, 1e-9, 0.5, 3.0, 1e9, 1e38][n as usize % 6],
            n => (n % 1000 + 1) as f32 * 1e-5,
        };
        let multiplier = (0..outputs).map(|_| multiplier()).collect();
        let table = if case.table { random.bytes(256) } else { Vec::new() };
        Integers { weights, bias, multiplier, table }
    }
}

/// Runs the convolution on every kernel set and compares all of the arena before the working memory.
fn int8_convolution(case: &Case) -> TestCaseResult {
    let mut random = Random::new(case.seed);
    let constants = Integers::new(case, &mut random);
    let offset = (case.y.offset + elements(&case.y)).next_multiple_of(64);
    let before = random.bytes(offset as usize);
    let mut expected = before.clone();
    for (at, index) in case.outputs() {
        let mut sum = constants.bias[at[3] as usize];
        for (input, weight) in case.products(at) {
            // Padding counts as the zero point, so it adds nothing.
            let x = input.map_or(0, |i| i32::from(before[case.x.offset as usize + i]) - case.zeros[0]);
            sum = sum.wrapping_add(x * i32::from(constants.weights[weight]));
        }
        let rounded = libm::rintf(sum as f32 * constants.multiplier[at[3] as usize]) as i32;
        let byte = rounded.saturating_add(case.zeros[1]).clamp(case.bounds[0], case.bounds[1]) as u8;
        let byte = if case.table { constants.table[usize::from(byte)] } else { byte };
        expected[case.y.offset as usize + index] = byte;
    }
    for set in kernel_sets() {
        let stored = |bytes: &[u8]| Stored::of(case, set).all(bytes);
        let after = run_int8(case, &constants, set, &stored(&before), |_| {});
        prop_assert_eq!(&after[..offset as usize], &stored(&expected)[..], "{}", set);
    }
    Ok(())
}

/// How a kernel set has the bytes of a case.
struct Stored<'c> {
    case: &'c Case,
    signed: [bool; 2],
}

impl<'c> Stored<'c> {
    fn of(case: &'c Case, set: KernelSet) -> Self {
        let takes = packing(set).takes_signed(&case.shape(), case.wide);
        Stored { case, signed: case.signed.map(|signed| signed && takes) }
    }

    /// An arena with the bytes of input and output as they are stored, gaps included.
    fn all(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stored = bytes.to_vec();
        for (image, signed) in [(&self.case.x, self.signed[0]), (&self.case.y, self.signed[1])] {
            let flip = if signed { 0x80 } else { 0 };
            stored[image.offset as usize..][..elements(image) as usize].iter_mut().for_each(|byte| *byte ^= flip);
        }
        stored
    }

    /// A table of what stored bytes become.
    fn table(&self, table: &[u8]) -> Vec<u8> {
        let flip = if self.signed[1] { 0x80 } else { 0 };
        (0..table.len()).map(|stored| table[stored ^ flip] ^ flip as u8).collect()
    }
}

/// The arena after the convolution ran on one kernel set, which has bytes as that stores them. `spoil` gets the packed weights.
fn run_int8(
    case: &Case,
    constants: &Integers,
    set: KernelSet,
    before: &[u8],
    spoil: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let (packing, shape) = (packing(set), case.shape());
    let lens = packing.packed_int8(&shape, case.wide);
    let [mut w, mut b, mut m] = [lens.weights, lens.bias, lens.multiplier].map(|len| vec![0; len as usize]);
    let narrow: Vec<i8> = constants.weights.iter().map(|&w| w as i8).collect();
    let weights = if case.wide { IntegerWeights::Wide(&constants.weights) } else { IntegerWeights::Narrow(&narrow) };
    let packed = PackedMut { weights: &mut w, bias: &mut b, multiplier: &mut m };
    packing.pack_int8(&shape, case.zeros[0], weights, &constants.bias, &constants.multiplier, packed);
    spoil(&mut w);

    let stored = Stored::of(case, set);
    let mut writer = Writer::of(set);
    let mut step = ConvolutionInt8 {
        x: case.x,
        y: case.y,
        window: case.window,
        groups: case.groups,
        form: case.form,
        wide: case.wide,
        x_signed: stored.signed[0],
        y_signed: stored.signed[1],
        x_zero: case.zeros[0],
        y_zero: case.zeros[1],
        low: case.bounds[0],
        high: case.bounds[1],
        weights: writer.blob(&w),
        bias: writer.blob(&b),
        multiplier: writer.blob(&m),
        table: writer.blob(&stored.table(&constants.table)),
        scratch: Span::default(),
    };
    step.scratch = Span { offset: before.len() as u32, len: packing.scratch_int8(&step) };
    let mut arena = before.to_vec();
    // Whatever working memory holds before must not matter.
    arena.resize(before.len() + step.scratch.len as usize, 0xA5);
    run_step(writer, &Step::ConvolutionInt8(step), &arena).expect("the plan is right")
}

/// Runs the convolution on every kernel set and compares within what rounding explains.
fn float_convolution(case: &Case) -> TestCaseResult {
    let mut random = Random::new(case.seed);
    let (mut x, mut y) = (case.x, case.y);
    x.offset *= 4;
    y.offset *= 4;
    let weights = random.floats(case.shape().weight_count() as usize);
    let bias = random.floats(y.channels as usize);
    let offset = (y.offset + 4 * elements(&y)).next_multiple_of(64);
    let before = random.floats(offset as usize / 4);
    let mut expected: Vec<(f32, f32)> = before.iter().map(|&element| (element, 0.0)).collect();
    for (at, index) in case.outputs() {
        let product = |(input, weight): (Option<usize>, usize)| {
            input.map_or(0.0, |i| f64::from(before[x.offset as usize / 4 + i]) * f64::from(weights[weight]))
        };
        let (mut sum, mut magnitude) = (f64::from(bias[at[3] as usize]), 0.0);
        for product in case.products(at).into_iter().map(product) {
            (sum, magnitude) = (sum + product, magnitude + product.abs());
        }
        let sum = if sum >= 0.0 { sum } else { 0.5 * sum };
        expected[y.offset as usize / 4 + index] = (sum as f32, 1e-6 * (1.0 + magnitude as f32));
    }
    for set in kernel_sets() {
        let (packing, shape) = (packing(set), case.shape());
        let lens = packing.packed_f32(&shape);
        let [mut w, mut b] = [lens.weights, lens.bias].map(|len| vec![0; len as usize]);
        packing.pack_f32(&shape, &weights, &bias, PackedMut { weights: &mut w, bias: &mut b, multiplier: &mut [] });
        let mut writer = Writer::of(set);
        let mut step = ConvolutionF32 {
            x,
            y,
            window: case.window,
            groups: case.groups,
            form: case.form,
            weights: writer.blob(&w),
            bias: writer.blob(&b),
            activation: Function::LeakyRelu { slope: 0.5 },
            scratch: Span::default(),
        };
        step.scratch = Span { offset, len: packing.scratch_f32(&step) };
        let mut arena = before.clone();
        arena.resize((offset + step.scratch.len) as usize / 4, f32::NAN);
        let after =
            run_step(writer, &Step::ConvolutionF32(step), bytemuck::cast_slice(&arena)).expect("the plan is right");
        for (index, (found, (expected, tolerance))) in crate::testing::floats(&after).iter().zip(&expected).enumerate()
        {
            prop_assert!(
                (found - expected).abs() <= *tolerance,
                "{set}, element {index}: {found} instead of {expected}"
            );
        }
    }
    Ok(())
}

#[test]
fn an_image_smaller_than_a_vector_is_the_direct_sum() {
    (0..100).for_each(|seed| int8_convolution(&tiny(seed)).unwrap());
}

/// Runs the convolution on base NEON with a plan whose notes say anything. What the results are does not matter unless the notes of a
/// product do not add up to its inputs: then nobody follows them.
fn spoiled_notes(case: &Case, noise: &[u8]) -> TestCaseResult {
    let set = KernelSet::Neon;
    if !kernel_sets().any(|other| other == set) || !is_covered(&case.shape(), case.wide) {
        return Ok(());
    }
    let mut random = Random::new(case.seed);
    let constants = Integers::new(case, &mut random);
    let before = random.bytes((case.y.offset + elements(&case.y)).next_multiple_of(64) as usize);
    let run = |notes: &[u8]| {
        run_int8(case, &constants, set, &before, |weights| {
            let (start, end) = (VectorPacking::NEON.notes_at(&case.shape(), weights.len()), weights.len() - NOTE);
            let noise = notes.iter().cycle();
            weights[start..end].iter_mut().zip(noise).for_each(|(byte, &noise)| *byte = noise);
        })
    };
    let spoiled = run(&[0]);
    if case.form != ConvolutionForm::Depthwise {
        let expected = run_int8(case, &constants, set, &before, |_| {});
        prop_assert_eq!(&spoiled[..before.len()], &expected[..before.len()]);
    }
    run(noise);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn notes_of_a_plan_mislead_nobody(case in case(), noise in prop::collection::vec(any::<u8>(), 1..40)) {
        spoiled_notes(&case, &noise)?;
    }

    #[test]
    fn int8_convolution_is_the_direct_sum(case in case()) {
        int8_convolution(&case)?;
    }

    #[test]
    fn deep_int8_products_are_the_direct_sum(case in deep()) {
        int8_convolution(&case)?;
    }

    #[test]
    fn held_int8_products_are_the_direct_sum(case in held()) {
        int8_convolution(&case)?;
    }

    #[test]
    fn sliding_int8_windows_are_the_direct_sum(case in prop_oneof![sliding(), usual_sliding()]) {
        int8_convolution(&case)?;
    }

    #[test]
    fn float_products_of_pictures_are_the_direct_sum(case in held()) {
        float_convolution(&case)?;
    }

    #[test]
    fn float_convolution_is_the_direct_sum(case in case()) {
        float_convolution(&case)?;
    }
}
