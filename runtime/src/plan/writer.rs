//! Writes a plan's bytes: see [`retort_core::plan`] for the format.

use std::collections::HashMap;

use retort_core::kernels::KernelSet;
use retort_core::plan::PortRecord;
use retort_core::plan::record::Field;
use retort_core::plan::step::Step;
use retort_core::plan::view::Blob;
use retort_core::plan::{ALIGNMENT, crc32};
use retort_core::plan::{HEADER_LEN, Header, StepRecord};

use super::PlanningError;

/// Collects steps, weights and text.
#[derive(Default)]
pub struct PlanWriter {
    steps: Vec<u8>,
    step_count: u32,
    weights: Vec<u8>,
    blobs: HashMap<Vec<u8>, Blob>,
    text: Vec<u8>,
    names: HashMap<String, Blob>,
    macs: u64,
}

/// What a finished plan says besides its steps.
pub struct Frame<'a> {
    /// What the weights are packed for.
    pub kernel_set: KernelSet,
    /// Bytes of working memory.
    pub arena_len: usize,
    /// Inputs, then outputs.
    pub ports: &'a [PortRecord],
    /// How many of the ports are inputs.
    pub input_count: usize,
    /// The model's contract.
    pub contract: &'a str,
}

/// `value` as the format's 32-bit number.
pub fn word(value: usize) -> Result<u32, PlanningError> {
    u32::try_from(value).map_err(|_| PlanningError::TooLarge { what: "a size", bytes: value })
}

impl PlanWriter {
    /// Adds weights, aligned; equal ones are stored once. No bytes give an absent blob.
    pub fn blob(&mut self, bytes: Vec<u8>) -> Result<Blob, PlanningError> {
        if bytes.is_empty() {
            return Ok(Blob::default());
        }
        if let Some(blob) = self.blobs.get(&bytes) {
            return Ok(*blob);
        }
        self.weights.resize(self.weights.len().next_multiple_of(ALIGNMENT), 0);
        let blob = Blob { offset: word(self.weights.len())?, len: word(bytes.len())? };
        self.weights.extend_from_slice(&bytes);
        self.blobs.insert(bytes, blob);
        Ok(blob)
    }

    /// Adds a name, once.
    pub fn name(&mut self, name: &str) -> Result<Blob, PlanningError> {
        if let Some(blob) = self.names.get(name) {
            return Ok(*blob);
        }
        let blob = Blob { offset: word(self.text.len())?, len: word(name.len())? };
        self.text.extend_from_slice(name.as_bytes());
        self.names.insert(name.to_owned(), blob);
        Ok(blob)
    }

    /// Adds a step.
    pub fn step(&mut self, name: &str, macs: u64, step: &Step) -> Result<(), PlanningError> {
        let mut words = 0;
        step.put(&mut |_| words += 1);
        let record = StepRecord { number: step.number(), words, name: self.name(name)?, macs };
        let steps = &mut self.steps;
        let mut sink = |word: u32| steps.extend_from_slice(&word.to_le_bytes());
        record.put(&mut sink);
        step.put(&mut sink);
        self.step_count += 1;
        self.macs += macs;
        Ok(())
    }

    /// The finished plan.
    pub fn finish(mut self, frame: &Frame<'_>) -> Result<Vec<u8>, PlanningError> {
        let contract = Blob { offset: word(self.text.len())?, len: word(frame.contract.len())? };
        self.text.extend_from_slice(frame.contract.as_bytes());
        let mut ports = Vec::new();
        for port in frame.ports {
            port.put(&mut |word| ports.extend_from_slice(&word.to_le_bytes()));
        }
        let mut body = Vec::new();
        let mut place = |part: &[u8], alignment: usize| -> Result<Blob, PlanningError> {
            let start = (HEADER_LEN + body.len()).next_multiple_of(alignment);
            body.resize(start - HEADER_LEN, 0);
            body.extend_from_slice(part);
            Ok(Blob { offset: word(start)?, len: word(part.len())? })
        };
        let steps = place(&self.steps, 4)?;
        let ports = place(&ports, 4)?;
        let text = place(&self.text, 4)?;
        let weights = place(&self.weights, ALIGNMENT)?;
        let mut header = Header {
            length: word(HEADER_LEN + body.len())?,
            crc32: 0,
            kernel_set: frame.kernel_set,
            arena_len: word(frame.arena_len)?,
            steps,
            step_count: self.step_count,
            weights,
            ports,
            input_count: word(frame.input_count)?,
            output_count: word(frame.ports.len() - frame.input_count)?,
            text,
            contract,
            macs: self.macs,
        };
        let image = |header: &Header| {
            let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
            header.put(&mut |word| bytes.extend_from_slice(&word.to_le_bytes()));
            bytes.extend_from_slice(&body);
            bytes
        };
        header.crc32 = crc32(&image(&header)[16..]);
        Ok(image(&header))
    }
}
