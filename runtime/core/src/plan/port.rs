//! Ports: the inputs and outputs of a plan, and how each lies in the arena.

use super::PlanError;
use super::record::{Field, Reader, numbered};
use super::view::{Blob, Span};

/// The most axes that a port has.
pub const MAX_RANK: usize = 8;

/// What a port's elements are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Element {
    /// IEEE 754 single precision.
    #[default]
    F32,
    /// Unsigned bytes.
    U8,
    /// Signed bytes. Only ports hold them: between steps they are unsigned, shifted by 128.
    I8,
    /// 32-bit integers.
    I32,
    /// 64-bit integers.
    I64,
    /// One byte each: 0 or 1.
    Bool,
}
numbered!(Element, "element of a port": 0 => F32, 1 => U8, 2 => I8, 3 => I32, 4 => I64, 5 => Bool);

impl Element {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Element::U8 | Element::I8 | Element::Bool => 1,
            Element::F32 | Element::I32 => 4,
            Element::I64 => 8,
        }
    }
}

/// An input or output as it is written in a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PortRecord {
    /// The name, from the start of the text.
    pub name: Blob,
    /// What the elements are.
    pub element: Element,
    /// Where they lie in the arena.
    pub span: Span,
    /// Whether `scale` and `zero` hold: an element q stands for (q − zero) · scale.
    pub quantised: bool,
    /// The quantisation step.
    pub scale: f32,
    /// The zero point, in the type of the elements.
    pub zero: i32,
    /// How many axes there are, at most [`MAX_RANK`].
    pub rank: u32,
    /// Their lengths in the model's order; 0 beyond `rank`.
    pub shape: [u32; MAX_RANK],
    /// The model's axes in the order in which the arena stores them, outermost first; 0 beyond `rank`.
    pub order: [u32; MAX_RANK],
}

/// Words of a [`PortRecord`].
pub const PORT_RECORD_WORDS: usize = 9 + 2 * MAX_RANK;

impl Field for PortRecord {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        self.name.put(sink);
        self.element.put(sink);
        self.span.put(sink);
        self.quantised.put(sink);
        self.scale.put(sink);
        self.zero.put(sink);
        self.rank.put(sink);
        self.shape.put(sink);
        self.order.put(sink);
    }

    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        Ok(PortRecord {
            name: Field::get(words)?,
            element: Field::get(words)?,
            span: Field::get(words)?,
            quantised: Field::get(words)?,
            scale: Field::get(words)?,
            zero: Field::get(words)?,
            rank: Field::get(words)?,
            shape: Field::get(words)?,
            order: Field::get(words)?,
        })
    }
}

/// An input or output of a checked plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Port<'p> {
    /// The name.
    pub name: &'p str,
    /// What the elements are.
    pub element: Element,
    /// Where they lie in the arena.
    pub span: Span,
    /// Scale and zero point, where an element q stands for (q − zero) · scale.
    pub quantisation: Option<(f32, i32)>,
    pub(super) rank: usize,
    pub(super) shape: [u32; MAX_RANK],
    pub(super) order: [u32; MAX_RANK],
}

impl Port<'_> {
    /// The lengths of the axes in the model's order.
    pub fn shape(&self) -> &[u32] {
        &self.shape[..self.rank]
    }

    /// The model's axes in the order in which the arena stores them, outermost first.
    pub fn order(&self) -> &[u32] {
        &self.order[..self.rank]
    }
}
