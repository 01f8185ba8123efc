//! The check of one step: its shapes, then its constants, then where its operands lie.

use super::shape::{bounds, byte, channels, convolution, element_size, extent, positive, require, window};
use super::slice;
use crate::kernels::{ConvolutionShape, PackedLen, Packing};
use crate::plan::Fault;
use crate::plan::region::{Region, product};
use crate::plan::step::{ConvolutionDynamic, ConvolutionForm, Interpolation, Step, SumsAs};
use crate::plan::view::{Blob, Image, Place, Span};

/// What steps refer to.
pub struct Context<'p> {
    pub arena_len: u64,
    pub weights: &'p [u8],
    pub packing: &'static dyn Packing,
}

/// Checks `step`.
pub fn check(context: &Context<'_>, step: &Step) -> Result<(), Fault> {
    match step {
        Step::ConvolutionInt8(s) => {
            convolution(s.form, s.groups, &s.x, &s.y, &s.window)?;
            byte("x_zero", s.x_zero)?;
            byte("y_zero", s.y_zero)?;
            bounds(s.low, s.high)?;
            let shape = ConvolutionShape::of_int8(s);
            let takes_signed = || context.packing.takes_signed(&shape, s.wide);
            require(!(s.x_signed || s.y_signed) || takes_signed(), "the kernels do not take signed bytes here")?;
            let packed = context.packing.packed_int8(&shape, s.wide);
            context.packed(&packed, s.weights, s.bias, s.multiplier)?;
            context.table(s.table)?;
            scratch(s.scratch, context.packing.scratch_int8(s))?;
        }
        Step::ConvolutionF32(s) => {
            convolution(s.form, s.groups, &s.x, &s.y, &s.window)?;
            let packed = context.packing.packed_f32(&ConvolutionShape::of_f32(s));
            context.packed(&packed, s.weights, s.bias, Blob::default())?;
            scratch(s.scratch, context.packing.scratch_f32(s))?;
        }
        Step::BinaryInt8(s) => {
            extent(&s.extent, &s.y)?;
            byte("a_zero", s.a_zero)?;
            byte("b_zero", s.b_zero)?;
            byte("shift", s.shift)?;
            bounds(s.low, s.high)?;
            context.table(s.table)?;
        }
        Step::BinaryF32(s) => extent(&s.extent, &s.y)?,
        Step::UnaryF32(s) => extent(&s.extent, &s.y)?,
        Step::Lookup(s) => {
            extent(&s.extent, &s.y)?;
            context.blob("table", s.table, 256, 1)?;
        }
        Step::Quantize(s) => {
            extent(&s.extent, &s.y)?;
            byte("zero", s.zero)?;
        }
        Step::Dequantize(s) => {
            extent(&s.extent, &s.y)?;
            byte("zero", s.zero)?;
        }
        Step::Copy(s) => {
            element_size(s.size)?;
            extent(&s.extent, &s.y)?;
        }
        Step::Fill(s) => {
            element_size(s.size)?;
            extent(&s.extent, &s.y)?;
        }
        Step::Gather(s) => {
            element_size(s.size)?;
            positive("axis", [s.outer, s.len, s.inner, s.indices.len])?;
            span("x", s.x, product([s.outer, s.len, s.inner, s.size]))?;
            let count = s.indices.len / 4;
            span("y", s.y, product([s.outer, count, s.inner, s.size]))?;
            context.indices("indices", s.indices, count.into(), 1, &[s.len])?;
        }
        Step::PoolInt8(s) => {
            channels(&s.x, &s.y)?;
            window(&s.x, &s.y, &s.window)?;
            byte("x_zero", s.x_zero)?;
            byte("y_zero", s.y_zero)?;
        }
        Step::PoolF32(s) => {
            channels(&s.x, &s.y)?;
            window(&s.x, &s.y, &s.window)?;
        }
        Step::GlobalAverageInt8(s) => {
            channels(&s.x, &s.y)?;
            require((s.y.height, s.y.width) == (1, 1), "the output of a global pool has more than one pixel")?;
            // 255 times as many pixels must fit an i32.
            require(product([s.x.height, s.x.width]) <= 1 << 23, "the image is too large to be summed")?;
            byte("x_zero", s.x_zero)?;
            byte("y_zero", s.y_zero)?;
        }
        Step::ResizeInt8(s) => context.resize(s.interpolation, &s.x, &s.y, s.rows, s.columns)?,
        Step::ResizeF32(s) => context.resize(s.interpolation, &s.x, &s.y, s.rows, s.columns)?,
        Step::SoftmaxF32(s) => {
            positive("axis", [s.outer, s.len, s.inner])?;
            let bytes = product([s.outer, s.len, s.inner, 4]);
            span("x", s.x, bytes)?;
            span("y", s.y, bytes)?;
        }
        Step::SoftmaxInt8(s) => {
            positive("axis", [s.outer, s.len])?;
            let bytes = product([s.outer, s.len]);
            span("x", s.x, bytes)?;
            span("y", s.y, bytes)?;
            byte("y_zero", s.y_zero)?;
            context.blob("table", s.table, 1024, 4)?;
        }
        Step::ReduceF32(s) => {
            positive("axis", [s.outer, s.len, s.inner])?;
            span("x", s.x, product([s.outer, s.len, s.inner, 4]))?;
            span("y", s.y, product([s.outer, s.inner, 4]))?;
        }
        Step::MatMulF32(s) => {
            positive("size of a matrix", [s.batch, s.rows, s.inner, s.columns])?;
            span("y", s.y, product([s.batch, s.rows, s.columns, 4]))?;
        }
        Step::RangeF32(s) => {
            positive("length", [s.x.len])?;
            span("y", s.y, 8)?;
        }
        Step::QuantizeDynamic(s) => extent(&s.extent, &s.y)?,
        Step::ConvolutionDynamic(s) => context.convolution_dynamic(s)?,
        Step::External(_) => {}
    }
    context.regions(step)
}

/// Requires a span of exactly `bytes`.
fn span(what: &'static str, span: Span, bytes: u64) -> Result<(), Fault> {
    if u64::from(span.len) == bytes {
        return Ok(());
    }
    Err(Fault::BlobLength { what, expected: bytes, found: span.len })
}

/// Requires working memory of at least `needed` bytes.
fn scratch(span: Span, needed: u32) -> Result<(), Fault> {
    if span.len >= needed && needed < u32::MAX {
        return Ok(());
    }
    Err(Fault::BlobLength { what: "scratch", expected: needed.into(), found: span.len })
}

impl Context<'_> {
    /// Requires a constant of `bytes` bytes and returns it.
    fn blob(&self, what: &'static str, blob: Blob, bytes: u64, alignment: u32) -> Result<&[u8], Fault> {
        if u64::from(blob.len) != bytes {
            return Err(Fault::BlobLength { what, expected: bytes, found: blob.len });
        }
        if !blob.offset.is_multiple_of(alignment) {
            return Err(Fault::Misaligned { what });
        }
        slice(self.weights, blob).ok_or(Fault::OutsideWeights { what })
    }

    fn packed(&self, packed: &PackedLen, weights: Blob, bias: Blob, multiplier: Blob) -> Result<(), Fault> {
        self.blob("weights", weights, packed.weights.into(), 4)?;
        self.blob("bias", bias, packed.bias.into(), 4)?;
        self.blob("multiplier", multiplier, packed.multiplier.into(), 4)?;
        Ok(())
    }

    fn convolution_dynamic(&self, s: &ConvolutionDynamic) -> Result<(), Fault> {
        convolution(s.form, s.groups, &s.x, &s.y, &s.window)?;
        let shape = ConvolutionShape::of_dynamic(s);
        self.blob("weights", s.weights, self.packing.packed_dynamic(&shape).into(), 4)?;
        let of_channels = u64::from(s.y.channels) * 4;
        let is_depthwise = s.form == ConvolutionForm::Depthwise;
        let is_float = s.sums_as != SumsAs::Integers;
        self.blob("weight sums", s.weight_sums, if is_depthwise { 0 } else { of_channels }, 4)?;
        require(!is_depthwise || s.offset.len == 0, "a depthwise convolution has offsets")?;
        require(is_float || s.bias.len == 0, "integers have a bias of floats")?;
        let scale = self.blob("scale", s.scale, if is_float { of_channels } else { 0 }, 4)?;
        for (what, blob) in [("offset", s.offset), ("bias", s.bias)] {
            self.blob(what, blob, if blob.len == 0 { 0 } else { of_channels }, 4)?;
        }
        for bits in scale.as_chunks::<4>().0 {
            let scale = f32::from_le_bytes(*bits);
            if !scale.is_finite() {
                return Err(Fault::BadValue { what: "scale (bits)", value: scale.to_bits() });
            }
        }
        scratch(s.scratch, self.packing.scratch_dynamic(s))
    }

    /// Requires a table of 256 bytes or none.
    fn table(&self, table: Blob) -> Result<(), Fault> {
        if table.len == 0 { Ok(()) } else { self.blob("table", table, 256, 1).map(|_| ()) }
    }

    /// Requires `count` records of `words` words, whose first words lie below the limits.
    fn indices(&self, what: &'static str, blob: Blob, count: u64, words: u64, limits: &[u32]) -> Result<(), Fault> {
        let bytes = self.blob(what, blob, count.saturating_mul(words * 4), 4)?;
        for record in bytes.chunks_exact(words as usize * 4) {
            for (index, &limit) in record.as_chunks::<4>().0.iter().zip(limits) {
                let value = u32::from_le_bytes(*index);
                if value >= limit {
                    return Err(Fault::BadValue { what, value });
                }
            }
        }
        Ok(())
    }

    fn resize(
        &self,
        interpolation: Interpolation,
        x: &Image,
        y: &Image,
        rows: Blob,
        columns: Blob,
    ) -> Result<(), Fault> {
        channels(x, y)?;
        let words = interpolation.record_words() as u64;
        self.indices("rows", rows, y.height.into(), words, &[x.height; 2])?;
        self.indices("columns", columns, y.width.into(), words, &[x.width; 2])
    }

    /// Requires that a region lies where it says, at a multiple of its elements, and holds whole ones.
    fn region(&self, what: &'static str, region: &Region) -> Result<(), Fault> {
        let size = region.size.into();
        if !region.start.is_multiple_of(size) || !region.byte_len().is_multiple_of(size) {
            return Err(Fault::Misaligned { what });
        }
        match region.place {
            Place::Arena if region.end > self.arena_len => Err(Fault::OutsideArena { what }),
            Place::Weights if region.end > self.weights.len() as u64 => Err(Fault::OutsideWeights { what }),
            Place::Arena | Place::Weights => Ok(()),
        }
    }

    /// Requires that what a step writes is apart from everything else it touches.
    fn regions(&self, step: &Step) -> Result<(), Fault> {
        let regions = step.regions();
        let Some(y) = regions.output else { return Ok(()) };
        self.region("y", &y)?;
        require(y.place == Place::Arena, "the output lies in the weights")?;
        if let Some(scratch) = &regions.scratch {
            self.region("scratch", scratch)?;
            if !scratch.is_disjoint(&y) {
                return Err(Fault::Overlap { what: "scratch", other: "y" });
            }
        }
        for (name, input) in regions.inputs.iter().flatten() {
            self.region(name, input)?;
            if !y.is_disjoint(input) {
                return Err(Fault::Overlap { what: "y", other: name });
            }
            if regions.scratch.is_some_and(|scratch| !scratch.is_disjoint(input)) {
                return Err(Fault::Overlap { what: "scratch", other: name });
            }
        }
        Ok(())
    }
}
