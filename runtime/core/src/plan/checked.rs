//! A plan that has been checked, and what can be read of it.

use super::PlanError;
use super::check::{check, slice, split_step};
use super::header::{ALIGNMENT, Header};
use super::port::{PORT_RECORD_WORDS, Port, PortRecord};
use super::record::{Field, Reader};
use super::step::Step;
use super::view::Blob;
use crate::kernels::KernelSet;

/// A plan whose every offset, shape and index was found in bounds. Holding one is proof that it may run.
///
/// `B` owns or borrows the bytes, which must lie at a multiple of [`ALIGNMENT`] in memory.
#[derive(Clone, Debug)]
pub struct Plan<B> {
    bytes: B,
    header: Header,
}

/// What a plan says about a step besides the step itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepInfo<'p> {
    /// Which step, counted from 0.
    pub index: u32,
    /// Its name, for people.
    pub name: &'p str,
    /// Multiply-accumulate operations of one run.
    pub macs: u64,
}

impl<B: AsRef<[u8]>> Plan<B> {
    /// Checks `bytes` and takes them as a plan.
    ///
    /// # Errors
    /// What is wrong, and with which step or port.
    pub fn check(bytes: B) -> Result<Self, PlanError> {
        let header = check(bytes.as_ref())?;
        Ok(Plan { bytes, header })
    }

    /// The plan as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The bytes back.
    pub fn into_inner(self) -> B {
        self.bytes
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Bytes of working memory that a run needs, at a multiple of [`ALIGNMENT`].
    pub fn arena_len(&self) -> usize {
        self.header.arena_len as usize
    }

    /// The kernel set that the weights are packed for.
    pub fn kernel_set(&self) -> KernelSet {
        self.header.kernel_set
    }

    /// Multiply-accumulate operations of one run.
    pub fn macs(&self) -> u64 {
        self.header.macs
    }

    /// How many steps there are.
    pub fn step_count(&self) -> usize {
        self.header.step_count as usize
    }

    /// The steps in order.
    pub fn steps(&self) -> Steps<'_> {
        Steps { rest: self.part(self.header.steps), text: self.part(self.header.text), index: 0 }
    }

    /// The inputs in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Port<'_>> {
        self.ports(0, self.header.input_count as usize)
    }

    /// The outputs in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Port<'_>> {
        self.ports(self.header.input_count as usize, self.header.output_count as usize)
    }

    /// The model's contract; empty where there is none.
    pub fn contract(&self) -> &str {
        text(self.part(self.header.text), self.header.contract)
    }

    /// All text of the plan: names, and the contract.
    pub fn text(&self) -> &[u8] {
        self.part(self.header.text)
    }

    /// The packed weights and other constants.
    pub fn weights(&self) -> &[u8] {
        self.part(self.header.weights)
    }

    /// The bytes of a constant.
    pub fn blob(&self, blob: Blob) -> &[u8] {
        slice(self.weights(), blob).unwrap_or_default()
    }

    /// Whether the bytes still lie where kernels need them; a plan that holds them inside itself can be moved.
    pub(crate) fn is_aligned(&self) -> bool {
        self.as_bytes().as_ptr().addr().is_multiple_of(ALIGNMENT)
    }

    fn part(&self, part: Blob) -> &[u8] {
        slice(self.as_bytes(), part).unwrap_or_default()
    }

    fn ports(&self, first: usize, count: usize) -> impl ExactSizeIterator<Item = Port<'_>> {
        let words = self.part(self.header.ports);
        let records = words.chunks_exact(PORT_RECORD_WORDS * 4).skip(first).take(count);
        records.map(|record| self.port(record))
    }

    fn port(&self, record: &[u8]) -> Port<'_> {
        let port = PortRecord::get(&mut Reader::new(record)).unwrap_or_default();
        Port {
            name: text(self.part(self.header.text), port.name),
            element: port.element,
            span: port.span,
            quantisation: port.quantised.then_some((port.scale, port.zero)),
            rank: port.rank as usize,
            shape: port.shape,
            order: port.order,
        }
    }
}

/// Checked text.
fn text(text: &[u8], blob: Blob) -> &str {
    slice(text, blob).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// The steps of a plan in order.
#[derive(Clone, Debug)]
pub struct Steps<'p> {
    rest: &'p [u8],
    text: &'p [u8],
    index: u32,
}

impl<'p> Iterator for Steps<'p> {
    type Item = (StepInfo<'p>, Step);

    fn next(&mut self) -> Option<Self::Item> {
        let (record, fields) = split_step(&mut self.rest)?;
        let step = Step::get(record.number, &mut Reader::new(fields)).ok()?;
        let info = StepInfo { index: self.index, name: text(self.text, record.name), macs: record.macs };
        self.index += 1;
        Some((info, step))
    }
}
