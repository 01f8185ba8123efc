//! The plan: a network as one flat, versioned, position-independent image of bytes.
//!
//! All numbers are little-endian 32-bit words. The image begins with a [`Header`], whose fields say where the other
//! parts lie: steps (records of number, length, name and fields), weights (64-byte aligned blobs), ports (inputs and
//! outputs), and text (names, and the model's contract).

pub(crate) mod check;
mod checked;
mod choices;
mod crc;
mod decoded;
mod error;
mod header;
mod port;
pub mod record;
mod region;
pub mod step;
#[cfg(test)]
mod tests;
pub mod view;

pub use checked::{Plan, StepInfo, Steps};
pub use crc::{crc32, crc32_after};
pub use decoded::{Decoded, DecodedStep};
pub use error::{Fault, PlanError};
pub use header::{ALIGNMENT, HEADER_LEN, Header, STEP_RECORD_WORDS, StepRecord, arena_len};
pub use port::{Element, MAX_RANK, PORT_RECORD_WORDS, Port, PortRecord};
pub use region::{Region, Regions};

/// The first four bytes of a plan.
pub const MAGIC: [u8; 4] = *b"RTPL";

/// The version of the format that this crate reads and writes.
pub const VERSION: u32 = 7;
