//! What tests share: a writer of small plans, and memory at a multiple of 64 bytes.

use crate::kernels::{Alone, KernelSet, Parallel, select};
use crate::plan::record::Field;
use crate::plan::step::Step;
use crate::plan::view::Blob;
use crate::plan::{ALIGNMENT, HEADER_LEN, Header, Plan, PlanError, PortRecord, StepRecord, crc32};
use crate::session::{NoExternal, Session};
use std::vec;
use std::vec::Vec;

/// Bytes at a multiple of [`ALIGNMENT`].
pub struct Aligned {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Aligned {
    pub fn new(content: &[u8]) -> Self {
        let mut bytes = vec![0; content.len() + ALIGNMENT];
        let start = bytes.as_ptr().addr().next_multiple_of(ALIGNMENT) - bytes.as_ptr().addr();
        bytes[start..start + content.len()].copy_from_slice(content);
        Aligned { bytes, start, len: content.len() }
    }
}

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[self.start..][..self.len]
    }
}

impl AsMut<[u8]> for Aligned {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..][..self.len]
    }
}

/// The words of a field as bytes.
pub fn words(field: &impl Field) -> Vec<u8> {
    let mut bytes = Vec::new();
    field.put(&mut |word| bytes.extend(word.to_le_bytes()));
    bytes
}

/// Collects the parts of a plan.
#[derive(Default)]
pub struct Writer {
    pub weights: Vec<u8>,
    kernel_set: KernelSet,
    steps: Vec<u8>,
    step_count: u32,
    inputs: Vec<PortRecord>,
    outputs: Vec<PortRecord>,
    text: Vec<u8>,
    contract: Blob,
}

impl Writer {
    /// A writer of plans for one kernel set.
    pub fn of(kernel_set: KernelSet) -> Self {
        Writer { kernel_set, ..Writer::default() }
    }

    /// Adds a constant.
    pub fn blob(&mut self, bytes: &[u8]) -> Blob {
        if bytes.is_empty() {
            return Blob::default();
        }
        self.weights.resize(self.weights.len().next_multiple_of(ALIGNMENT), 0);
        let blob = Blob { offset: self.weights.len() as u32, len: bytes.len() as u32 };
        self.weights.extend(bytes);
        blob
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> Blob {
        let blob = Blob { offset: self.text.len() as u32, len: text.len() as u32 };
        self.text.extend(text.as_bytes());
        blob
    }

    pub fn step(&mut self, name: &str, step: &Step) {
        let mut fields = Vec::new();
        step.put(&mut |word| fields.extend(word.to_le_bytes()));
        let name = self.text(name);
        let record = StepRecord { number: step.number(), words: fields.len() as u32 / 4, name, macs: 7 };
        self.steps.extend(words(&record));
        self.steps.extend(fields);
        self.step_count += 1;
    }

    pub fn input(&mut self, name: &str, port: PortRecord) {
        let name = self.text(name);
        self.inputs.push(PortRecord { name, ..port });
    }

    pub fn output(&mut self, name: &str, port: PortRecord) {
        let name = self.text(name);
        self.outputs.push(PortRecord { name, ..port });
    }

    pub fn contract(&mut self, contract: &str) {
        self.contract = self.text(contract);
    }

    /// The finished plan.
    pub fn finish(&self, arena_len: u32) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_LEN];
        let mut part = |content: &[u8]| {
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
            let blob = Blob { offset: bytes.len() as u32, len: content.len() as u32 };
            bytes.extend(content);
            blob
        };
        let ports: Vec<u8> = self.inputs.iter().chain(&self.outputs).flat_map(words).collect();
        let mut header = Header {
            length: 0,
            crc32: 0,
            kernel_set: self.kernel_set,
            arena_len,
            steps: part(&self.steps),
            step_count: self.step_count,
            weights: part(&self.weights),
            ports: part(&ports),
            input_count: self.inputs.len() as u32,
            output_count: self.outputs.len() as u32,
            text: part(&self.text),
            contract: self.contract,
            macs: 7,
        };
        header.length = bytes.len() as u32;
        bytes[..HEADER_LEN].copy_from_slice(&words(&header));
        seal(&mut bytes);
        bytes
    }
}

/// Sets length and checksum right after bytes were changed.
pub fn seal(bytes: &mut [u8]) {
    let length = bytes.len() as u32;
    bytes[8..12].copy_from_slice(&length.to_le_bytes());
    let crc = crc32(&bytes[16..]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
}

/// Checks and runs a plan of one step on an arena with this content, and returns what the arena holds then.
pub fn run_step(writer: Writer, step: &Step, arena: &[u8]) -> Result<Vec<u8>, PlanError> {
    run_step_on(writer, step, arena, &Alone)
}

/// As [`run_step`], on some threads.
pub fn run_step_on(
    mut writer: Writer,
    step: &Step,
    arena: &[u8],
    parallel: &dyn Parallel,
) -> Result<Vec<u8>, PlanError> {
    writer.step("step", step);
    let kernels = select(writer.kernel_set).expect("a kernel set that this processor has");
    let plan = Plan::check(Aligned::new(&writer.finish(arena.len() as u32)))?;
    let mut arena = Aligned::new(arena);
    let mut session = Session::new(&plan, arena.as_mut(), kernels).expect("the arena is the plan's").on(parallel);
    session.run(&mut NoExternal).expect("no step is the host's");
    Ok(arena.as_ref().to_vec())
}

/// The kernel sets that this processor can run.
pub fn kernel_sets() -> impl Iterator<Item = KernelSet> {
    KernelSet::ALL.iter().copied().filter(|&set| select(set).is_some())
}

/// A generator of test data: the same numbers for the same seed (Marsaglia's xorshift).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Floats in −4..4.
    pub fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() >> 8) as f32 / (1 << 21) as f32 - 4.0).collect()
    }
}

/// Places operands in an arena one behind the other.
#[derive(Default)]
pub struct Arena {
    pub bytes: Vec<u8>,
}

impl Arena {
    /// Adds an operand with this content and returns its offset.
    pub fn add(&mut self, content: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0xA5);
        let offset = self.bytes.len();
        self.bytes.extend(content);
        offset as u32
    }

    /// Adds floats and returns their offset.
    pub fn add_floats(&mut self, content: &[f32]) -> u32 {
        self.add(bytemuck::cast_slice(content))
    }
}

/// Reads floats from bytes.
pub fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}
