//! The plan: a network as one flat, versioned, position-independent image of bytes.
//!
//! All numbers are little-endian 32-bit words. The image begins with a [`Header`], whose fields say where the other
//! parts lie: steps (records of number, length, name and fields), weights (64-byte aligned blobs), ports (inputs and
//! outputs), and text (names, and the model's contract).

pub mod record;
pub mod step;
pub mod view;

/// The first four bytes of a plan.
pub const MAGIC: [u8; 4] = *b"RTPL";

/// The version of the format that this crate reads and writes.
pub const VERSION: u32 = 1;

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
}
