//! A layer with weights packed for a kernel set and memory for its operands: a call of [`Int8::run`] or [`F32::run`]
//! is the kernel and nothing else, as a session calls it.

use crate::layer::{Layer, elements};
use crate::memory::Memory;
use crate::pattern;
use retort_core::function::Function;
use retort_core::kernels::{Alone, IntegerWeights, Kernels, Packed, PackedLen, PackedMut, Work, packing};
use retort_core::plan::step::{ConvolutionF32, ConvolutionInt8};
use retort_core::plan::view::{Blob, Span};

/// The packed constants.
struct Constants {
    weights: Memory,
    bias: Memory,
    multiplier: Memory,
}

impl Constants {
    fn of(len: PackedLen) -> Self {
        let [weights, bias, multiplier] =
            [len.weights, len.bias, len.multiplier].map(|len| Memory::zeroed(len as usize));
        Constants { weights, bias, multiplier }
    }

    fn packed_mut(&mut self) -> PackedMut<'_> {
        PackedMut { weights: self.weights.get_mut(), bias: self.bias.get_mut(), multiplier: self.multiplier.get_mut() }
    }

    fn packed(&self) -> Packed<'_> {
        Packed { weights: self.weights.get(), bias: self.bias.get(), multiplier: self.multiplier.get() }
    }
}

/// A quantised layer with a fused ReLU.
pub struct Int8<'k> {
    kernels: &'k dyn Kernels,
    step: ConvolutionInt8,
    constants: Constants,
    x: Memory,
    y: Memory,
    scratch: Memory,
}

impl<'k> Int8<'k> {
    /// Packs the layer for `kernels`.
    pub fn new(layer: &Layer, kernels: &'k dyn Kernels) -> Self {
        let shape = layer.shape();
        let (x_zero, y_zero) = (118, 0);
        let weights: Vec<i8> = (0..shape.weight_count() as usize).map(|i| pattern::byte(i) as i8).collect();
        let outputs = shape.out_channels as usize;
        let bias: Vec<i32> = (0..outputs).map(|i| i32::from(pattern::byte(i)) * 16).collect();
        // A sum of n products of two random bytes is about √n · 74² large: this spreads the results over the bytes.
        let multiplier = vec![1.0 / (100.0 * (shape.depth() as f32).sqrt()); outputs];
        let layouts = packing(kernels.kernel_set());
        let mut constants = Constants::of(layouts.packed_int8(&shape, false));
        let narrow = IntegerWeights::Narrow(&weights);
        layouts.pack_int8(&shape, x_zero, narrow, &bias, &multiplier, constants.packed_mut());
        let step = ConvolutionInt8 {
            x: layer.input(),
            y: layer.output(),
            window: layer.window(),
            groups: layer.groups(),
            form: layer.form,
            wide: false,
            x_signed: false,
            y_signed: false,
            x_zero,
            y_zero,
            low: 0,
            high: 255,
            // The kernel is handed its operands; these say where a session would find them.
            weights: Blob::default(),
            bias: Blob::default(),
            multiplier: Blob::default(),
            table: Blob::default(),
            scratch: Span::default(),
        };
        Int8 {
            kernels,
            constants,
            x: Memory::of(elements(&step.x), pattern::byte),
            y: Memory::zeroed(elements(&step.y)),
            scratch: Memory::zeroed(layouts.scratch_int8(&step) as usize),
            step,
        }
    }

    /// Runs the layer once and returns what it made.
    pub fn run(&mut self) -> &[u8] {
        let Int8 { kernels, step, constants, x, y, scratch } = self;
        let work = Work { scratch: scratch.get_mut(), parallel: &Alone };
        kernels.convolution_int8(step, x.get(), y.get_mut(), constants.packed(), None, work);
        y.get()
    }
}

/// A float layer with a fused ReLU.
pub struct F32<'k> {
    kernels: &'k dyn Kernels,
    step: ConvolutionF32,
    constants: Constants,
    x: Memory,
    y: Memory,
    scratch: Memory,
}

impl<'k> F32<'k> {
    /// Packs the layer for `kernels`.
    pub fn new(layer: &Layer, kernels: &'k dyn Kernels) -> Self {
        let shape = layer.shape();
        let weights: Vec<f32> = (0..shape.weight_count() as usize).map(pattern::float).collect();
        let bias: Vec<f32> = (0..shape.out_channels as usize).map(pattern::float).collect();
        let layouts = packing(kernels.kernel_set());
        let mut constants = Constants::of(layouts.packed_f32(&shape));
        layouts.pack_f32(&shape, &weights, &bias, constants.packed_mut());
        let step = ConvolutionF32 {
            x: layer.input(),
            y: layer.output(),
            window: layer.window(),
            groups: layer.groups(),
            form: layer.form,
            weights: Blob::default(),
            bias: Blob::default(),
            activation: Function::Clamp { low: 0.0, high: f32::INFINITY },
            scratch: Span::default(),
        };
        F32 {
            kernels,
            constants,
            x: Memory::of(elements(&step.x), pattern::float),
            y: Memory::zeroed(elements(&step.y) * size_of::<f32>()),
            scratch: Memory::zeroed(layouts.scratch_f32(&step) as usize),
            step,
        }
    }

    /// Runs the layer once and returns what it made.
    pub fn run(&mut self) -> &[f32] {
        let F32 { kernels, step, constants, x, y, scratch } = self;
        let work = Work { scratch: scratch.get_mut(), parallel: &Alone };
        kernels.convolution_f32(step, x.get(), y.get_mut(), constants.packed(), work);
        y.get()
    }
}
