//! The header: the first 128 bytes of a plan, which say where everything else lies.

use super::record::{Field, Reader};
use super::view::Blob;
use super::{MAGIC, PlanError, VERSION};
use crate::kernels::KernelSet;

/// Bytes that the header takes at the start of a plan, its padding with zeros included.
pub const HEADER_LEN: usize = 128;

/// What must divide the address of a plan in memory, the offset of its weights, and the address of an arena.
pub const ALIGNMENT: usize = 64;

/// Words before the padding.
const WORDS: usize = 21;

/// The fields of the header, in the order in which they are written after [`MAGIC`] and [`VERSION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole plan.
    pub length: u32,
    /// CRC-32 (IEEE 802.3) of everything behind this field: the bytes from 16 on.
    pub crc32: u32,
    /// The kernels that the weights are packed for.
    pub kernel_set: KernelSet,
    /// Bytes of working memory.
    pub arena_len: u32,
    /// Where the step records lie, from the start of the plan.
    pub steps: Blob,
    /// How many step records there are.
    pub step_count: u32,
    /// Where the weights lie, from the start of the plan; the offset is a multiple of [`ALIGNMENT`].
    pub weights: Blob,
    /// Where the port records lie, from the start of the plan: inputs, then outputs.
    pub ports: Blob,
    /// How many inputs there are.
    pub input_count: u32,
    /// How many outputs there are.
    pub output_count: u32,
    /// Where the text lies, from the start of the plan.
    pub text: Blob,
    /// The model's contract, from the start of the text.
    pub contract: Blob,
    /// Multiply-accumulate operations of one run.
    pub macs: u64,
}

/// Bytes of working memory that a plan needs, read from a header that nobody has checked yet: so firmware that holds a plan
/// can give its static arena the right length when it is compiled. `None` where the bytes are no plan of this version.
pub const fn arena_len(plan: &[u8]) -> Option<usize> {
    const fn word(header: &[u8; HEADER_LEN], index: usize) -> u32 {
        let at = index * 4;
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    }
    match plan.first_chunk() {
        Some(header) if word(header, 0) == u32::from_le_bytes(MAGIC) && word(header, 1) == VERSION => {
            Some(word(header, 5) as usize)
        }
        _ => None,
    }
}

impl Field for Header {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        sink(u32::from_le_bytes(MAGIC));
        sink(VERSION);
        self.length.put(sink);
        self.crc32.put(sink);
        self.kernel_set.put(sink);
        self.arena_len.put(sink);
        self.steps.put(sink);
        self.step_count.put(sink);
        self.weights.put(sink);
        self.ports.put(sink);
        self.input_count.put(sink);
        self.output_count.put(sink);
        self.text.put(sink);
        self.contract.put(sink);
        self.macs.put(sink);
        (WORDS..HEADER_LEN / 4).for_each(|_| sink(0));
    }

    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        let magic = words.word()?.to_le_bytes();
        if magic != MAGIC {
            return Err(PlanError::NotAPlan { found: magic });
        }
        let version = words.word()?;
        if version != VERSION {
            return Err(PlanError::Version { found: version });
        }
        let header = Header {
            length: Field::get(words)?,
            crc32: Field::get(words)?,
            kernel_set: Field::get(words)?,
            arena_len: Field::get(words)?,
            steps: Field::get(words)?,
            step_count: Field::get(words)?,
            weights: Field::get(words)?,
            ports: Field::get(words)?,
            input_count: Field::get(words)?,
            output_count: Field::get(words)?,
            text: Field::get(words)?,
            contract: Field::get(words)?,
            macs: Field::get(words)?,
        };
        for _ in WORDS..HEADER_LEN / 4 {
            match words.word()? {
                0 => {}
                value => return Err(PlanError::BadValue { what: "padding of the header", value }),
            }
        }
        Ok(header)
    }
}

/// What stands in front of the fields of each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// The kind: [`Step::number`](super::step::Step::number).
    pub number: u32,
    /// How many words of fields follow.
    pub words: u32,
    /// The step's name, from the start of the text.
    pub name: Blob,
    /// Multiply-accumulate operations of the step.
    pub macs: u64,
}

/// Words of a [`StepRecord`].
pub const STEP_RECORD_WORDS: usize = 6;

impl Field for StepRecord {
    fn put(&self, sink: &mut dyn FnMut(u32)) {
        self.number.put(sink);
        self.words.put(sink);
        self.name.put(sink);
        self.macs.put(sink);
    }

    fn get(words: &mut Reader<'_>) -> Result<Self, PlanError> {
        Ok(StepRecord {
            number: Field::get(words)?,
            words: Field::get(words)?,
            name: Field::get(words)?,
            macs: Field::get(words)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Writer;

    #[test]
    fn the_arena_is_as_long_before_the_check_as_after() {
        const NOTHING: Option<usize> = arena_len(b"RTPL");
        let plan = Writer::default().finish(4711);
        assert_eq!(arena_len(&plan), Some(4711));
        for (word, what) in [(0, "magic"), (4, "version")] {
            let mut other = plan.clone();
            other[word] ^= 1;
            assert_eq!(arena_len(&other), None, "{what}");
        }
        assert_eq!(NOTHING, None);
    }
}
