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
    /// Different elements in it: fewer than fit where there are gaps between them.
    pub elements: u64,
}

impl Region {
    /// Room for `room` elements of `size` bytes from `offset` on, of which `elements` are used. Saturates.
    fn new(place: Place, offset: u32, room: u64, size: u32, elements: u64) -> Self {
        let start = u64::from(offset);
        Region { place, start, end: start.saturating_add(room.saturating_mul(u64::from(size))), size, elements }
    }

    fn image(image: &Image, size: u32) -> Self {
        let pixels = product([image.batch, image.height, image.width]);
        let room = match pixels.checked_sub(1) {
            Some(before) => before.saturating_mul(u64::from(image.stride)).saturating_add(u64::from(image.channels)),
            None => 0,
        };
        Region::new(Place::Arena, image.offset, room, size, pixels.saturating_mul(u64::from(image.channels)))
    }

    fn operand(operand: &Operand, extent: &Extent, size: u32) -> Self {
        let furthest =
            extent.0.iter().zip(&operand.strides).fold(0u64, |at, (&len, &stride)| {
                at.saturating_add(u64::from(len.saturating_sub(1)) * u64::from(stride))
            });
        let room = if extent.is_empty() { 0 } else { furthest.saturating_add(1) };
        // Along a stride of 0 there is one element, however often it is used.
        let lens =
            extent.0.iter().zip(&operand.strides).map(|(&len, &stride)| if stride == 0 { len.min(1) } else { len });
        let elements = lens.fold(1u64, |product, len| product.saturating_mul(len.into()));
        Region::new(operand.place, operand.offset, room, size, elements)
    }

    fn span(span: Span, size: u32) -> Self {
        Region {
            place: Place::Arena,
            start: span.offset.into(),
            end: u64::from(span.offset) + u64::from(span.len),
            size,
            elements: span.len.checked_div(size).unwrap_or(0).into(),
        }
    }

    /// Matrices of `len` elements, `step` elements apart.
    fn matrices(operand: &Operand, batch: u32, step: u32, len: u64, size: u32) -> Self {
        let before = u64::from(batch.saturating_sub(1)) * u64::from(step);
        let matrices = if step == 0 { 1 } else { u64::from(batch) };
        Region::new(operand.place, operand.offset, before.saturating_add(len), size, matrices.saturating_mul(len))
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

    /// Bytes of its elements, gaps left out. Saturates.
    pub fn element_bytes(&self) -> u64 {
        self.elements.saturating_mul(self.size.into())
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

    /// The regions of a step that reads scale and zero point of its bytes: two floats.
    fn parametrised(x: Region, parameters: &Operand, y: Region) -> Self {
        let parameters = Region::new(parameters.place, parameters.offset, 2, 4, 2);
        Regions { inputs: [Some(("x", x)), Some(("parameters", parameters))], output: Some(y), scratch: None }
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
    /// Bytes that one run of the step moves at least: every element of its operands and every constant once. 0 for a step
    /// that the host runs. Saturates.
    pub fn bytes_moved(&self) -> u64 {
        let Regions { inputs, output, .. } = self.regions();
        let written = output.map_or(0, |region| region.element_bytes());
        let mut read = inputs.iter().flatten().fold(0u64, |sum, (_, input)| sum.saturating_add(input.element_bytes()));
        if inputs == [None, None] && !matches!(self, Step::Fill(_)) {
            // In place.
            read = written;
        }
        read.saturating_add(written).saturating_add(self.constant_len())
    }

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
            Step::RangeF32(s) => Regions::unary(Region::span(s.x, 4), Region::span(s.y, 4)),
            Step::QuantizeDynamic(s) => Regions::parametrised(
                Region::operand(&s.x, &s.extent, 4),
                &s.parameters,
                Region::operand(&s.y, &s.extent, 1),
            ),
            Step::ConvolutionDynamic(s) => {
                let scratch = Some(Region::span(s.scratch, 4));
                Regions { scratch, ..Regions::parametrised(image(&s.x, 1), &s.parameters, image(&s.y, 4)) }
            }
            Step::External(_) => Regions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Function;
    use crate::plan::step::{Lookup, UnaryF32};
    use crate::plan::view::Blob;

    #[test]
    fn gaps_between_pixels_are_not_moved() {
        let image = Image { offset: 8, batch: 1, height: 2, width: 3, channels: 5, stride: 7 };
        let region = Region::image(&image, 4);
        assert_eq!((region.byte_len(), region.element_bytes()), ((5 * 7 + 5) * 4, 2 * 3 * 5 * 4));
    }

    #[test]
    fn an_element_that_is_used_again_is_moved_once() {
        let operand = Operand { strides: [0, 0, 0, 12, 0, 2], ..Operand::default() };
        let region = Region::operand(&operand, &Extent([1, 1, 1, 3, 4, 5]), 1);
        assert_eq!((region.byte_len(), region.element_bytes()), (2 * 12 + 4 * 2 + 1, 3 * 5));
    }

    #[test]
    fn steps_move_what_they_read_and_write_and_their_constants() {
        let x = Operand { strides: [0, 0, 0, 0, 0, 1], ..Operand::default() };
        let extent = Extent([1, 1, 1, 1, 1, 100]);
        let unary = |y| Step::UnaryF32(UnaryF32 { function: Function::Exp, extent, x, y });
        assert_eq!(unary(x).bytes_moved(), 800, "in place");
        assert_eq!(unary(Operand { offset: 400, ..x }).bytes_moved(), 800);
        let table = Blob { offset: 0, len: 256 };
        let lookup = Step::Lookup(Lookup { extent, x, y: Operand { offset: 100, ..x }, table });
        assert_eq!(lookup.bytes_moved(), 100 + 100 + 256);
    }
}
