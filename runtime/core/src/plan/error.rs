//! Why bytes are no plan that this crate can run: what is wrong, and where.

use super::{ALIGNMENT, MAGIC, VERSION};
use core::fmt;

/// Why bytes are no plan that this crate can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The bytes end too early.
    Truncated,
    /// A field holds a value it cannot have.
    BadValue {
        /// The field.
        what: &'static str,
        /// What it holds.
        value: u32,
    },
    /// The first four bytes are not [`MAGIC`].
    NotAPlan {
        /// What they are.
        found: [u8; 4],
    },
    /// The plan was made for another version of the format.
    Version {
        /// The plan's version.
        found: u32,
    },
    /// There are more or fewer bytes than the header says.
    Length {
        /// What the header says.
        expected: u32,
        /// How many there are.
        found: usize,
    },
    /// The bytes changed since the plan was made.
    Checksum {
        /// What the header says.
        expected: u32,
        /// What the bytes give.
        found: u32,
    },
    /// The plan does not lie at a multiple of [`ALIGNMENT`] in memory.
    Misplaced,
    /// A part does not lie inside the plan, or is not aligned.
    Section {
        /// The part.
        what: &'static str,
    },
    /// Something about a step is wrong.
    Step {
        /// Which step, counted from 0.
        index: u32,
        /// Its kind.
        kind: &'static str,
        /// What is wrong.
        fault: Fault,
    },
    /// Something about an input or output is wrong.
    Port {
        /// Which port, counted from 0, inputs first.
        index: u32,
        /// What is wrong.
        fault: Fault,
    },
}

/// What is wrong with a step or a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The record ends too early or too late.
    RecordLength,
    /// A field holds a value it cannot have.
    BadValue {
        /// The field.
        what: &'static str,
        /// What it holds.
        value: u32,
    },
    /// An operand reaches beyond the arena.
    OutsideArena {
        /// The operand.
        what: &'static str,
    },
    /// A constant reaches beyond the weights.
    OutsideWeights {
        /// The constant.
        what: &'static str,
    },
    /// An offset is no multiple of the element's size.
    Misaligned {
        /// The operand or constant.
        what: &'static str,
    },
    /// Two operands share bytes that they may not share.
    Overlap {
        /// The one that is written.
        what: &'static str,
        /// The other.
        other: &'static str,
    },
    /// Shapes do not fit together.
    Dimensions {
        /// What does not fit.
        what: &'static str,
    },
    /// A constant has another length than its use needs.
    BlobLength {
        /// The constant.
        what: &'static str,
        /// The bytes needed.
        expected: u64,
        /// The bytes it has.
        found: u32,
    },
    /// Text is not UTF-8, or reaches beyond the plan's text.
    Text {
        /// Whose text.
        what: &'static str,
    },
}

impl From<PlanError> for Fault {
    /// What reading a field can report.
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::BadValue { what, value } => Fault::BadValue { what, value },
            _ => Fault::RecordLength,
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            PlanError::Truncated => write!(f, "the plan ends too early; was it copied whole?"),
            PlanError::BadValue { what, value } => write!(f, "the plan's header: {what} cannot be {value}"),
            PlanError::NotAPlan { found } => {
                write!(f, "no plan: it begins with {found:02x?} where a plan has {MAGIC:02x?}")
            }
            PlanError::Version { found } => {
                write!(f, "the plan has format version {found}, this build reads version {VERSION}; compile it again")
            }
            PlanError::Length { expected, found } => {
                write!(f, "the plan should be {expected} bytes long but is {found}; was it copied whole?")
            }
            PlanError::Checksum { expected, found } => {
                write!(
                    f,
                    "the plan is damaged: its checksum is {found:08x}, not {expected:08x}; compile or copy it again"
                )
            }
            PlanError::Misplaced => write!(f, "the plan must lie at a multiple of {ALIGNMENT} bytes in memory"),
            PlanError::Section { what } => {
                write!(f, "the plan's {what} lie outside it, overlap the header, or are misaligned")
            }
            PlanError::Step { index, kind, fault } => write!(f, "step {index} ({kind}) of the plan: {fault}"),
            PlanError::Port { index, fault } => write!(f, "port {index} of the plan: {fault}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Fault::RecordLength => write!(f, "the record's length is not that of its kind"),
            Fault::BadValue { what, value } => write!(f, "{what} cannot be {value}"),
            Fault::OutsideArena { what } => write!(f, "{what} reaches beyond the arena"),
            Fault::OutsideWeights { what } => write!(f, "{what} reaches beyond the weights"),
            Fault::Misaligned { what } => write!(f, "{what} is not aligned to its elements"),
            Fault::Overlap { what, other } => write!(f, "{what} overlaps {other}"),
            Fault::Dimensions { what } => write!(f, "{what}"),
            Fault::BlobLength { what, expected, found } => {
                write!(f, "{what} should have {expected} bytes but has {found}")
            }
            Fault::Text { what } => write!(f, "{what} is no text of the plan"),
        }
    }
}

impl core::error::Error for PlanError {}
