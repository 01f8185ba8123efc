//! Which bytes each step reads and writes: worked out here once, for the check of a plan as for its execution.

use super::step::Step;
use super::view::{Extent, Image, Operand, Place, Span};

/// A run of bytes, from an operand's first element to the end of its furthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// What the bytes are counted from.
    pub place: Place,
    /// The first byte.
    pub start: u64,
    /// The first byte behind.
    pub end: u64,
    /// Bytes of an element.
    pub size: u32,
}

impl Region {
    /// `elements` elements of `size` bytes from `offset` on. Saturates.
    fn new(place: Place, offset: u32, elements: u64, size: u32) -> Self {
        let start = u64::from(offset);
        Region { place, start, end: start.saturating_add(elements.saturating_mul(u64::from(size))), size }
    }

    fn image(image: &Image, size: u32) -> Self {
        let pixels = product([image.batch, image.height, image.width]);
        let elements = match pixels.checked_sub(1) {
            Some(before) => before.saturating_mul(u64::from(image.stride)).saturating_add(u64::from(image.channels)),
            None => 0,
        };
        Region::new(Place::Arena, image.offset, elements, size)
    }

    fn operand(operand: &Operand, extent: &Extent, size: u32) -> Self {
        let furthest =
            extent.0.iter().zip(&operand.strides).fold(0u64, |at, (&len, &stride)| {
                at.saturating_add(u64::from(len.saturating_sub(1)) * u64::from(stride))
            });
        let elements = if extent.is_empty() { 0 } else { furthest.saturating_add(1) };
        Region::new(operand.place, operand.offset, elements, size)
    }

    fn span(span: Span, size: u32) -> Self {
        Region {
            place: Place::Arena,
            start: span.offset.into(),
            end: u64::from(span.offset) + u64::from(span.len),
            size,
        }
    }

    /// Matrices of `len` elements, `step` elements apart.
    fn matrices(operand: &Operand, batch: u32, step: u32, len: u64, size: u32) -> Self {
        let before = u64::from(batch.saturating_sub(1)) * u64::from(step);
        Region::new(operand.place, operand.offset, before.saturating_add(len), size)
    }

    /// Whether no byte belongs to both.
    pub fn is_disjoint(&self, other: &Region) -> bool {
        self.place != other.place
            || self.end <= other.start
            || other.end <= self.start
            || self.byte_len() == 0
            || other.byte_len() == 0
    }

    /// Bytes.
    pub fn byte_len(&self) -> u64 {
        self.end - self.start
    }
}

/// The product of sizes. Saturates.
pub(super) fn product<const N: usize>(sizes: [u32; N]) -> u64 {
    sizes.iter().fold(1u64, |product, &size| product.saturating_mul(size.into()))
}

/// What a step reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Regions {
    /// The one or two operands that are read, named as in the step. `None` also where the input is the output's place.
    pub inputs: [Option<(&'static str, Region)>; 2],
    /// What is written; `None` for a step that the host runs.
    pub output: Option<Region>,
    /// Working memory.
    pub scratch: Option<Region>,
}

impl Regions {
    fn unary(x: Region, y: Region) -> Self {
        Regions { inputs: [Some(("x", x)), None], output: Some(y), scratch: None }
    }

    fn binary(a: Region, b: Region, y: Region) -> Self {
        Regions { inputs: [Some(("a", a)), Some(("b", b))], output: Some(y), scratch: None }
    }

    /// The regions of a step whose input may be the output's place, and is where `same` holds.
    fn maybe_in_place(same: bool, x: Region, y: Region) -> Self {
        Regions { inputs: [(!same).then_some(("x", x)), None], ..Regions::unary(x, y) }
    }
}

/// Whether two operands are the same elements in the same order.
fn same_place(extent: &Extent, x: &Operand, y: &Operand) -> bool {
    let same_step = |axis: usize| extent.0[axis] == 1 || x.strides[axis] == y.strides[axis];
    x.place == y.place && x.offset == y.offset && (0..extent.0.len()).all(same_step)
}

impl Step {
    /// The bytes that the step reads and writes.
    pub fn regions(&self) -> Regions {
        let image = Region::image;
        match self {
            Step::ConvolutionInt8(s) => {
                let scratch = Some(Region::span(s.scratch, 4));
                Regions { scratch, ..Regions::unary(image(&s.x, 1), image(&s.y, 1)) }
            }
            Step::ConvolutionF32(s) => {
                let scratch = Some(Region::span(s.scratch, 4));
                Regions { scratch, ..Regions::unary(image(&s.x, 4), image(&s.y, 4)) }
            }
            Step::BinaryInt8(s) => {
                let region = |operand| Region::operand(operand, &s.extent, 1);
                Regions::binary(region(&s.a), region(&s.b), region(&s.y))
            }
            Step::BinaryF32(s) => {
                let region = |operand| Region::operand(operand, &s.extent, 4);
                Regions::binary(region(&s.a), region(&s.b), region(&s.y))
            }
            Step::UnaryF32(s) => {
                let region = |operand| Region::operand(operand, &s.extent, 4);
                Regions::maybe_in_place(same_place(&s.extent, &s.x, &s.y), region(&s.x), region(&s.y))
            }
            Step::Lookup(s) => {
                let region = |operand| Region::operand(operand, &s.extent, 1);
                Regions::maybe_in_place(same_place(&s.extent, &s.x, &s.y), region(&s.x), region(&s.y))
            }
            Step::Quantize(s) => {
                Regions::unary(Region::operand(&s.x, &s.extent, 4), Region::operand(&s.y, &s.extent, 1))
            }
            Step::Dequantize(s) => {
                Regions::unary(Region::operand(&s.x, &s.extent, 1), Region::operand(&s.y, &s.extent, 4))
            }
            Step::Copy(s) => {
                let region = |operand| Region::operand(operand, &s.extent, s.size);
                Regions::unary(region(&s.x), region(&s.y))
            }
            Step::Fill(s) => {
                let y = Region::operand(&s.y, &s.extent, s.size);
                Regions { output: Some(y), ..Regions::default() }
            }
            Step::Gather(s) => Regions::unary(Region::span(s.x, s.size), Region::span(s.y, s.size)),
            Step::PoolInt8(s) => Regions::unary(image(&s.x, 1), image(&s.y, 1)),
            Step::GlobalAverageInt8(s) => Regions::unary(image(&s.x, 1), image(&s.y, 1)),
            Step::PoolF32(s) => Regions::unary(image(&s.x, 4), image(&s.y, 4)),
            Step::ResizeInt8(s) => Regions::unary(image(&s.x, 1), image(&s.y, 1)),
            Step::ResizeF32(s) => Regions::unary(image(&s.x, 4), image(&s.y, 4)),
            Step::SoftmaxF32(s) => Regions::maybe_in_place(s.x == s.y, Region::span(s.x, 4), Region::span(s.y, 4)),
            Step::SoftmaxInt8(s) => Regions::unary(Region::span(s.x, 1), Region::span(s.y, 1)),
            Step::ReduceF32(s) => Regions::unary(Region::span(s.x, 4), Region::span(s.y, 4)),
            Step::MatMulF32(s) => Regions::binary(
                Region::matrices(&s.a, s.batch, s.a_step, product([s.rows, s.inner]), 4),
                Region::matrices(&s.b, s.batch, s.b_step, product([s.inner, s.columns]), 4),
                Region::span(s.y, 4),
            ),
            Step::External(_) => Regions::default(),
        }
    }
}
