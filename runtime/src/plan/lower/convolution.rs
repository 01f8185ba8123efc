//! Convolutions: their geometry, their working memory, and their weights packed for the chosen kernels.

use retort_core::function::Function;
use retort_core::kernels::{ConvolutionShape, IntegerWeights, PackedLen, PackedMut};
use retort_core::plan::step::{self, ConvolutionForm, Step, SumsAs};
use retort_core::plan::view::{self, Blob, Operand, Span};

use super::super::PlanningError;
use super::super::writer::word;
use super::Lowering;
use crate::graph::{Convolution, ConvolutionDynamic, ConvolutionInt8, Node, Op, Scaling, Sums, Table, Window, form};

/// The window as the plan holds it.
pub(super) fn window(window: &Window) -> Result<view::Window, PlanningError> {
    let pair = |[a, b]: [usize; 2]| -> Result<[u32; 2], PlanningError> { Ok([word(a)?, word(b)?]) };
    let [top, left, bottom, right] = window.pad;
    Ok(view::Window {
        kernel: pair(window.kernel)?,
        stride: pair(window.stride)?,
        dilation: pair(window.dilation)?,
        pad: [word(top)?, word(left)?, word(bottom)?, word(right)?],
    })
}

/// Memory for packed constants, word-aligned as the kernels want it.
struct Packed {
    weights: Vec<u64>,
    bias: Vec<u64>,
    multiplier: Vec<u64>,
    len: PackedLen,
}

impl Packed {
    fn new(len: PackedLen) -> Self {
        let words = |bytes: u32| vec![0u64; (bytes as usize).div_ceil(8)];
        Packed { weights: words(len.weights), bias: words(len.bias), multiplier: words(len.multiplier), len }
    }

    fn as_mut(&mut self) -> PackedMut<'_> {
        PackedMut {
            weights: &mut bytemuck::cast_slice_mut(&mut self.weights)[..self.len.weights as usize],
            bias: &mut bytemuck::cast_slice_mut(&mut self.bias)[..self.len.bias as usize],
            multiplier: &mut bytemuck::cast_slice_mut(&mut self.multiplier)[..self.len.multiplier as usize],
        }
    }

    /// Weights, bias and multipliers as bytes.
    fn into_bytes(self) -> [Vec<u8>; 3] {
        let bytes = |words: Vec<u64>, len: u32| bytemuck::cast_slice::<u64, u8>(&words)[..len as usize].to_vec();
        [
            bytes(self.weights, self.len.weights),
            bytes(self.bias, self.len.bias),
            bytes(self.multiplier, self.len.multiplier),
        ]
    }
}

impl Lowering<'_> {
    /// Working memory that a node needs.
    pub(super) fn scratch_len(&self, node: &Node) -> Result<usize, PlanningError> {
        let len = match &node.op {
            Op::ConvolutionInt8(conv) => self.packing.scratch_int8(&self.int8(node, conv)?),
            Op::Convolution(conv) => self.packing.scratch_f32(&self.f32(node, conv)?),
            Op::ConvolutionDynamic(conv) => self.packing.scratch_dynamic(&self.dynamic(node, conv)?),
            _ => 0,
        };
        if len == u32::MAX { Err(self.unsupported(node, "needs too much working memory")) } else { Ok(len as usize) }
    }

    fn int8(&self, node: &Node, conv: &ConvolutionInt8) -> Result<step::ConvolutionInt8, PlanningError> {
        let zero = |id| self.graph.tensor(id).quantisation.map_or(0, |q| q.zero_point);
        Ok(step::ConvolutionInt8 {
            x: self.image(node, node.inputs[0])?,
            y: self.image(node, node.output())?,
            window: window(&conv.window)?,
            groups: word(conv.groups)?,
            form: form(&conv.window, conv.groups, conv.in_channels, conv.out_channels),
            wide: conv.is_wide(),
            x_signed: self.signed[node.inputs[0].0],
            y_signed: self.signed[node.output().0],
            x_zero: zero(node.inputs[0]),
            y_zero: conv.y_zero,
            low: conv.epilogue.low.into(),
            high: conv.epilogue.high.into(),
            weights: Blob::default(),
            bias: Blob::default(),
            multiplier: Blob::default(),
            table: Blob::default(),
            scratch: Span::default(),
        })
    }

    fn f32(&self, node: &Node, conv: &Convolution) -> Result<step::ConvolutionF32, PlanningError> {
        Ok(step::ConvolutionF32 {
            x: self.image(node, node.inputs[0])?,
            y: self.image(node, node.output())?,
            window: window(&conv.window)?,
            groups: word(conv.groups)?,
            form: form(&conv.window, conv.groups, conv.in_channels, conv.out_channels),
            weights: Blob::default(),
            bias: Blob::default(),
            activation: conv.activation,
            scratch: Span::default(),
        })
    }

    /// The step of an integer convolution.
    pub(super) fn convolution_int8(
        &mut self,
        index: usize,
        node: &Node,
        conv: &ConvolutionInt8,
    ) -> Result<Step, PlanningError> {
        let mut step = self.int8(node, conv)?;
        let shape = ConvolutionShape::of_int8(&step);
        let narrow: Vec<i8> = conv.weights.iter().map(|&w| w as i8).collect();
        let weights = if step.wide { IntegerWeights::Wide(&conv.weights) } else { IntegerWeights::Narrow(&narrow) };
        let mut packed = Packed::new(self.packing.packed_int8(&shape, step.wide));
        self.packing.pack_int8(&shape, step.x_zero, weights, &conv.bias, &conv.multiplier, packed.as_mut());
        let [weights, bias, multiplier] = packed.into_bytes();
        step.weights = self.writer.blob(weights)?;
        step.bias = self.writer.blob(bias)?;
        step.multiplier = self.writer.blob(multiplier)?;
        let table = conv.epilogue.table.as_ref().map(|table| as_stored(table, [step.y_signed; 2]));
        step.table = self.table(table.as_ref())?;
        step.scratch = self.scratch[index];
        Ok(Step::ConvolutionInt8(step))
    }

    /// The step of a float convolution.
    pub(super) fn convolution_f32(
        &mut self,
        index: usize,
        node: &Node,
        conv: &Convolution,
    ) -> Result<Step, PlanningError> {
        let mut step = self.f32(node, conv)?;
        let shape = ConvolutionShape::of_f32(&step);
        let floats = conv.weights.to_floats(conv.taps());
        let bias = conv.bias.as_ref().map_or_else(|| vec![0.0; conv.out_channels], |bias| bias.floats.clone());
        let mut packed = Packed::new(self.packing.packed_f32(&shape));
        self.packing.pack_f32(&shape, &floats, &bias, packed.as_mut());
        let [weights, bias, _] = packed.into_bytes();
        step.weights = self.writer.blob(weights)?;
        step.bias = self.writer.blob(bias)?;
        step.scratch = self.scratch[index];
        Ok(Step::ConvolutionF32(step))
    }

    /// Where scale and zero point of a node's input lie: its second input, two floats.
    pub(super) fn parameters(&mut self, node: &Node) -> Result<Operand, PlanningError> {
        let parameters = self.strided(node.inputs[1])?;
        if parameters.strides != [1] {
            return Err(self.unsupported(node, "scale and zero point do not lie side by side"));
        }
        Ok(Operand { place: parameters.place, offset: word(parameters.offset)?, ..Operand::default() })
    }

    /// The step without what lies in the plan.
    fn dynamic(&self, node: &Node, conv: &ConvolutionDynamic) -> Result<step::ConvolutionDynamic, PlanningError> {
        let (sums_as, activation) = match &conv.sums {
            Sums::Integers => (SumsAs::Integers, Function::Identity),
            Sums::Floats(Scaling { by_input: true, activation, .. }) => (SumsAs::Scaled, *activation),
            Sums::Floats(Scaling { activation, .. }) => (SumsAs::Floats, *activation),
        };
        Ok(step::ConvolutionDynamic {
            x: self.image(node, node.inputs[0])?,
            y: self.image(node, node.output())?,
            window: window(&conv.window)?,
            groups: word(conv.groups)?,
            form: form(&conv.window, conv.groups, conv.in_channels, conv.out_channels),
            parameters: Operand::default(),
            sums_as,
            weights: Blob::default(),
            weight_sums: Blob::default(),
            offset: Blob::default(),
            scale: Blob::default(),
            bias: Blob::default(),
            activation,
            scratch: Span::default(),
        })
    }

    /// The step of an integer convolution whose input's scale and zero point come at run time.
    pub(super) fn convolution_dynamic(
        &mut self,
        index: usize,
        node: &Node,
        conv: &ConvolutionDynamic,
    ) -> Result<Step, PlanningError> {
        let mut step = self.dynamic(node, conv)?;
        let shape = ConvolutionShape::of_dynamic(&step);
        let (mut weights, mut offset) = (conv.weights.clone(), Vec::new());
        if step.form != ConvolutionForm::Depthwise {
            let channels = weights.chunks_exact_mut(conv.taps());
            offset = channels.map(take_offset).collect();
            let sums =
                weights.chunks_exact(conv.taps()).map(|channel| channel.iter().map(|&w| i32::from(w)).sum::<i32>());
            step.weight_sums = self.writer.blob(sums.flat_map(i32::to_le_bytes).collect())?;
        }
        if offset.iter().any(|&offset| offset != 0) {
            step.offset = self.writer.blob(offset.into_iter().flat_map(i32::to_le_bytes).collect())?;
        }
        let mut packed = vec![0u64; (self.packing.packed_dynamic(&shape) as usize).div_ceil(8)];
        let bytes = &mut bytemuck::cast_slice_mut(&mut packed)[..self.packing.packed_dynamic(&shape) as usize];
        self.packing.pack_dynamic(&shape, &weights, bytes);
        step.weights = self.writer.blob(bytes.to_vec())?;
        if let Sums::Floats(scaling) = &conv.sums {
            let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let ones = || vec![1.0; conv.out_channels];
            step.scale = self.writer.blob(floats(&scaling.scale.clone().unwrap_or_else(ones)))?;
            step.bias = self.writer.blob(floats(scaling.bias.as_deref().unwrap_or_default()))?;
        }
        step.parameters = self.parameters(node)?;
        step.scratch = self.scratch[index];
        Ok(Step::ConvolutionDynamic(step))
    }
}

/// The table for bytes that are stored less 128 before it, or after it, if so.
pub(super) fn as_stored(table: &Table, signed: [bool; 2]) -> Table {
    let [before, after] = signed.map(|signed| if signed { 0x80 } else { 0 });
    Box::new(std::array::from_fn(|stored| table[stored ^ usize::from(before)] ^ after))
}

/// Takes a number off the weights of a channel, which lie within 256 numbers, so that they fit i8; returns it.
fn take_offset(weights: &mut [i16]) -> i32 {
    let (least, most) = weights.iter().fold((0, 0), |(least, most), &w| (w.min(least), w.max(most)));
    let offset = (most - i16::from(i8::MAX)).max(0) + (least - i16::from(i8::MIN)).min(0);
    weights.iter_mut().for_each(|w| *w -= offset);
    offset.into()
}
