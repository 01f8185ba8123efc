//! The steps of a node: which step covers which operation, and with which constants.

use retort_core::plan::step::{self, IntegerOperation, Interpolation, Step};
use retort_core::plan::view::Blob;

use super::super::PlanningError;
use super::super::writer::word;
use super::convolution::{as_stored, window};
use super::movement::split;
use super::views::{blocks, walk};
use super::{Lowering, Steps};
use crate::graph::{Epilogue, Node, Op, ResizeTap, Table, TensorId};
use crate::quantised;
use crate::tensor::{ElementType, Quantisation};

impl Lowering<'_> {
    /// The steps of the node at `index`.
    pub(super) fn node(&mut self, index: usize, node: &Node) -> Result<Steps, PlanningError> {
        let step = match &node.op {
            Op::Convolution(conv) => self.convolution_f32(index, node, conv)?,
            Op::ConvolutionInt8(conv) => self.convolution_int8(index, node, conv)?,
            Op::ConvolutionDynamic(conv) => self.convolution_dynamic(index, node, conv)?,
            Op::Range => {
                let (x, y) = (self.span(node.inputs[0])?, self.span(node.output())?);
                Step::RangeF32(step::RangeF32 { x, y })
            }
            Op::QuantizeDynamic => {
                let shape = self.graph.tensor(node.output()).shape.clone();
                let (x, y) = (self.strided(node.inputs[0])?, self.strided(node.output())?);
                let (extent, [x, y]) = walk(&shape, [&x, &y])?;
                let parameters = self.parameters(node)?;
                Step::QuantizeDynamic(step::QuantizeDynamic { extent, x, parameters, y })
            }
            Op::Binary(..) | Op::BinaryInt8(..) => self.binary(node)?,
            Op::Unary(_) | Op::Lookup(_) | Op::Quantize | Op::Dequantize => self.unary(node)?,
            Op::Transpose(_)
            | Op::Reshape
            | Op::Slice { .. }
            | Op::Concat(_)
            | Op::Pad { .. }
            | Op::Gather { .. }
            | Op::Broadcast => return self.movement(node),
            Op::Pool(..) | Op::GlobalAverage | Op::Resize { .. } => return self.over_images(node),
            Op::Softmax(_) | Op::SoftmaxInt8 { .. } | Op::Reduce(..) => self.along_axis(node)?,
            Op::MatMul => self.matmul(node)?,
            Op::External(number) => Step::External(step::External { index: word(*number)? }),
        };
        Ok(vec![step])
    }

    fn quantisation(&self, node: &Node, id: TensorId) -> Result<Quantisation, PlanningError> {
        self.graph
            .tensor(id)
            .quantisation
            .ok_or_else(|| self.unsupported(node, format!("`{}` has no scale", self.graph.tensor(id).name)))
    }

    /// A table in the weights, or an absent one.
    pub(super) fn table(&mut self, table: Option<&Table>) -> Result<Blob, PlanningError> {
        self.writer.blob(table.map(|table| table.to_vec()).unwrap_or_default())
    }

    fn binary(&mut self, node: &Node) -> Result<Step, PlanningError> {
        let shape = self.graph.tensor(node.output()).shape.clone();
        let [a, b] = [node.inputs[0], node.inputs[1]];
        let blocks = blocks(&shape, &[&self.graph.tensor(a).shape, &self.graph.tensor(b).shape]);
        let split: Vec<usize> = shape.iter().zip(&blocks).flat_map(|(len, blocks)| [*blocks, len / blocks]).collect();
        let [a, b, y] = [a, b, node.output()].map(|id| self.repeated(node, id, &shape, &blocks));
        let (extent, [a, b, y]) = walk(&split, [&a?, &b?, &y?])?;
        match &node.op {
            Op::Binary(operation, activation) => {
                Ok(Step::BinaryF32(step::BinaryF32 { operation: *operation, extent, a, b, y, activation: *activation }))
            }
            Op::BinaryInt8(operation, to, shift, Epilogue { low, high, table }) => {
                let (qa, qb) = (self.quantisation(node, node.inputs[0])?, self.quantisation(node, node.inputs[1])?);
                let (a_scale, b_scale, offset) = match operation {
                    IntegerOperation::Add => quantised::add_constants(qa, qb, *to, *shift),
                    IntegerOperation::Multiply => {
                        (quantised::multiply_constant(qa, qb, *to), 0.0, (to.zero_point - shift) as f32)
                    }
                };
                Ok(Step::BinaryInt8(step::BinaryInt8 {
                    operation: *operation,
                    extent,
                    a,
                    b,
                    y,
                    a_scale,
                    b_scale,
                    offset,
                    a_zero: qa.zero_point,
                    b_zero: qb.zero_point,
                    shift: *shift,
                    low: (*low).into(),
                    high: (*high).into(),
                    table: self.table(table.as_ref())?,
                }))
            }
            _ => Err(self.unsupported(node, "takes two operands")),
        }
    }

    fn unary(&mut self, node: &Node) -> Result<Step, PlanningError> {
        let shape = self.graph.tensor(node.output()).shape.clone();
        let (x, y) = (self.strided(node.inputs[0])?, self.strided(node.output())?);
        let (extent, [x, y]) = walk(&shape, [&x, &y])?;
        Ok(match &node.op {
            Op::Unary(function) => Step::UnaryF32(step::UnaryF32 { function: *function, extent, x, y }),
            Op::Lookup(table) => {
                let table = as_stored(table, [node.inputs[0], node.output()].map(|id| self.signed[id.0]));
                Step::Lookup(step::Lookup { extent, x, y, table: self.table(Some(&table))? })
            }
            Op::Quantize => {
                let q = self.quantisation(node, node.output())?;
                Step::Quantize(step::Quantize { extent, x, y, scale: q.scale, zero: q.zero_point })
            }
            _ => {
                let q = self.quantisation(node, node.inputs[0])?;
                Step::Dequantize(step::Dequantize { extent, x, y, scale: q.scale, zero: q.zero_point })
            }
        })
    }

    /// Pools and resizes, in floats or bytes as their input is.
    fn over_images(&mut self, node: &Node) -> Result<Steps, PlanningError> {
        let (x, y) = (self.image(node, node.inputs[0])?, self.image(node, node.output())?);
        let bytes = self.graph.tensor(node.inputs[0]).element == ElementType::U8;
        Ok(vec![match &node.op {
            Op::Pool(pooling, w) if bytes => {
                // A maximum of bytes needs no scale; models with pools of plain bytes have none.
                let scale_of = |id: TensorId| self.graph.tensor(id).quantisation.unwrap_or(Quantisation::UNIT);
                let (from, to) = (scale_of(node.inputs[0]), scale_of(node.output()));
                Step::PoolInt8(step::PoolInt8 {
                    pooling: *pooling,
                    x,
                    y,
                    window: window(w)?,
                    x_scale: from.scale,
                    y_scale: to.scale,
                    x_zero: from.zero_point,
                    y_zero: to.zero_point,
                })
            }
            Op::Pool(pooling, w) => Step::PoolF32(step::PoolF32 { pooling: *pooling, x, y, window: window(w)? }),
            Op::GlobalAverage if bytes => {
                let (from, to) = (self.quantisation(node, node.inputs[0])?, self.quantisation(node, node.output())?);
                Step::GlobalAverageInt8(step::GlobalAverageInt8 {
                    x,
                    y,
                    multiplier: quantised::global_average_multiplier(
                        from.scale,
                        to.scale,
                        x.height as usize * x.width as usize,
                    ),
                    x_zero: from.zero_point,
                    y_zero: to.zero_point,
                })
            }
            Op::GlobalAverage => Step::ReduceF32(step::ReduceF32 {
                reduction: step::Reduction::Mean,
                outer: x.batch,
                len: x.height * x.width,
                inner: x.channels,
                x: self.span(node.inputs[0])?,
                y: self.span(node.output())?,
            }),
            Op::Resize { interpolation, rows, columns } => {
                let (rows, columns) = (self.taps(*interpolation, rows)?, self.taps(*interpolation, columns)?);
                let interpolation = *interpolation;
                match bytes {
                    true => Step::ResizeInt8(step::ResizeInt8 { interpolation, x, y, rows, columns }),
                    false => Step::ResizeF32(step::ResizeF32 { interpolation, x, y, rows, columns }),
                }
            }
            _ => return Err(self.unsupported(node, "takes no image")),
        }])
    }

    fn taps(&mut self, interpolation: Interpolation, taps: &[ResizeTap]) -> Result<Blob, PlanningError> {
        let words = taps.iter().flat_map(|tap| match interpolation {
            Interpolation::Nearest => vec![tap.low],
            Interpolation::Linear => vec![tap.low, tap.high, tap.share.to_bits()],
        });
        self.writer.blob(words.flat_map(u32::to_le_bytes).collect())
    }

    /// Softmax and reductions: over one axis of a contiguous tensor.
    fn along_axis(&mut self, node: &Node) -> Result<Step, PlanningError> {
        let shape = self.graph.tensor(node.inputs[0]).shape.clone();
        let (x, y) = (self.span(node.inputs[0])?, self.span(node.output())?);
        let words = |(outer, len, inner): (usize, usize, usize)| -> Result<(u32, u32, u32), PlanningError> {
            Ok((word(outer)?, word(len)?, word(inner)?))
        };
        Ok(match &node.op {
            Op::Softmax(axis) => {
                let (outer, len, inner) = words(split(&shape, *axis))?;
                Step::SoftmaxF32(step::SoftmaxF32 { outer, len, inner, x, y })
            }
            Op::Reduce(reduction, axis) => {
                let (outer, len, inner) = words(split(&shape, *axis))?;
                Step::ReduceF32(step::ReduceF32 { reduction: *reduction, outer, len, inner, x, y })
            }
            Op::SoftmaxInt8 { table, factor } => {
                let (outer, len, _) = words(split(&shape, shape.len() - 1))?;
                Step::SoftmaxInt8(step::SoftmaxInt8 {
                    outer,
                    len,
                    x,
                    y,
                    table: self.writer.blob(table.iter().flat_map(|v| v.to_le_bytes()).collect())?,
                    y_factor: *factor,
                    y_zero: self.quantisation(node, node.output())?.zero_point,
                })
            }
            _ => return Err(self.unsupported(node, "runs along no axis")),
        })
    }

    fn matmul(&mut self, node: &Node) -> Result<Step, PlanningError> {
        let [a, b] = [node.inputs[0], node.inputs[1]].map(|id| self.graph.tensor(id).shape.clone());
        let (rows, inner, columns) = (a[1], a[2], b[2]);
        let step_of = |batch: usize, len: usize| if batch == 1 { 0 } else { len };
        let (a_step, b_step) = (step_of(a[0], rows * inner), step_of(b[0], inner * columns));
        let (left, right) = (self.strided(node.inputs[0])?, self.strided(node.inputs[1])?);
        let (_, [left]) = walk(&a, [&left])?;
        let (_, [right]) = walk(&b, [&right])?;
        Ok(Step::MatMulF32(step::MatMulF32 {
            batch: word(a[0].max(b[0]))?,
            rows: word(rows)?,
            inner: word(inner)?,
            columns: word(columns)?,
            a_step: word(a_step)?,
            b_step: word(b_step)?,
            a: left,
            b: right,
            y: self.span(node.output())?,
        }))
    }
}
