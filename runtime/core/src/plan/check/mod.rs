//! The check that a plan passes once, so that nothing that runs it can go out of bounds.

pub(crate) mod shape;
mod step;

use super::header::{ALIGNMENT, HEADER_LEN, Header, STEP_RECORD_WORDS, StepRecord};
use super::port::{MAX_RANK, PORT_RECORD_WORDS, PortRecord};
use super::record::{Field, Reader};
use super::step::Step;
use super::view::Blob;
use super::{Fault, MAGIC, PlanError, VERSION, crc32};
use crate::kernels::packing;
use core::ops::Range;

/// Checks everything about the plan in `bytes`.
pub(super) fn check(bytes: &[u8]) -> Result<Header, PlanError> {
    if !bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) {
        return Err(PlanError::Misplaced);
    }
    let header = check_header(bytes)?;
    let steps = section(bytes, header.steps, 4, "steps")?;
    let weights = section(bytes, header.weights, ALIGNMENT, "weights")?;
    let ports = section(bytes, header.ports, 4, "ports")?;
    let text = section(bytes, header.text, 1, "text")?;
    check_text(text, header.contract, "the contract").map_err(|_| PlanError::Section { what: "contract" })?;

    let context = step::Context { arena_len: header.arena_len.into(), weights, packing: packing(header.kernel_set) };
    let mut rest = steps;
    for index in 0..header.step_count {
        let (record, fields) = split_step(&mut rest).ok_or(PlanError::Section { what: "steps" })?;
        let at = |kind: &'static str| move |fault: Fault| PlanError::Step { index, kind, fault };
        let mut reader = Reader::new(fields);
        let step = Step::get(record.number, &mut reader).map_err(|error| at("unread")(error.into()))?;
        let kind = step.kind();
        if !reader.is_empty() {
            return Err(at(kind)(Fault::RecordLength));
        }
        check_text(text, record.name, "the name").map_err(at(kind))?;
        step::check(&context, &step).map_err(at(kind))?;
    }
    if !rest.is_empty() {
        return Err(PlanError::Section { what: "steps" });
    }

    let count = header.input_count.checked_add(header.output_count).ok_or(PlanError::Section { what: "ports" })?;
    if ports.len() as u64 != u64::from(count) * (PORT_RECORD_WORDS * 4) as u64 {
        return Err(PlanError::Section { what: "ports" });
    }
    for (index, record) in (0..).zip(ports.chunks_exact(PORT_RECORD_WORDS * 4)) {
        let port = PortRecord::get(&mut Reader::new(record)).map_err(Fault::from);
        let checked = port.and_then(|port| check_port(&port, text, header.arena_len));
        checked.map_err(|fault| PlanError::Port { index, fault })?;
    }
    Ok(header)
}

/// Reads the header, and checks that the bytes are whole and unchanged.
fn check_header(bytes: &[u8]) -> Result<Header, PlanError> {
    // What is no plan at all is told from one that was cut short.
    if let Some(&found) = bytes.first_chunk::<4>()
        && found != MAGIC
    {
        return Err(PlanError::NotAPlan { found });
    }
    let word = |index: usize| Some(u32::from_le_bytes(*bytes.get(index * 4..)?.first_chunk()?));
    let (version, length) = (word(1).ok_or(PlanError::Truncated)?, word(2).ok_or(PlanError::Truncated)?);
    if version != VERSION {
        return Err(PlanError::Version { found: version });
    }
    if bytes.len() < HEADER_LEN {
        return Err(PlanError::Truncated);
    }
    if bytes.len() as u64 != u64::from(length) {
        return Err(PlanError::Length { expected: length, found: bytes.len() });
    }
    let (expected, found) = (word(3).ok_or(PlanError::Truncated)?, crc32(&bytes[16..]));
    if expected != found {
        return Err(PlanError::Checksum { expected, found });
    }
    Header::get(&mut Reader::new(&bytes[..HEADER_LEN]))
}

/// The bytes of a part of the plan.
fn section<'p>(bytes: &'p [u8], part: Blob, alignment: usize, what: &'static str) -> Result<&'p [u8], PlanError> {
    let range = range(part);
    let placed = part.len == 0 || range.start >= HEADER_LEN as u64 && range.start.is_multiple_of(alignment as u64);
    let wrong = PlanError::Section { what };
    if !placed {
        return Err(wrong);
    }
    slice(bytes, part).ok_or(wrong)
}

/// The bytes that a blob covers.
pub(super) fn range(blob: Blob) -> Range<u64> {
    blob.offset.into()..u64::from(blob.offset) + u64::from(blob.len)
}

/// The bytes of `whole` that `blob` covers; nothing where it is empty.
pub(super) fn slice(whole: &[u8], blob: Blob) -> Option<&[u8]> {
    if blob.len == 0 {
        return Some(&[]);
    }
    let range = range(blob);
    whole.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

/// Takes a step's record and its fields off the front of `rest`.
pub(super) fn split_step<'p>(rest: &mut &'p [u8]) -> Option<(StepRecord, &'p [u8])> {
    let (record, behind) = rest.split_at_checked(STEP_RECORD_WORDS * 4)?;
    let record = StepRecord::get(&mut Reader::new(record)).ok()?;
    let (fields, behind) = behind.split_at_checked((record.words as usize).checked_mul(4)?)?;
    *rest = behind;
    Some((record, fields))
}

fn check_text(text: &[u8], blob: Blob, what: &'static str) -> Result<(), Fault> {
    let bytes = slice(text, blob).ok_or(Fault::Text { what })?;
    core::str::from_utf8(bytes).map(|_| ()).map_err(|_| Fault::Text { what })
}

fn check_port(port: &PortRecord, text: &[u8], arena_len: u32) -> Result<(), Fault> {
    check_text(text, port.name, "the name")?;
    let rank = port.rank as usize;
    if rank > MAX_RANK {
        return Err(Fault::BadValue { what: "rank", value: port.rank });
    }
    let size = port.element.size();
    let elements = port.shape[..rank].iter().fold(1u64, |product, &len| product.saturating_mul(len.into()));
    let bytes = elements.saturating_mul(size as u64);
    if bytes != u64::from(port.span.len) {
        return Err(Fault::BlobLength { what: "the span", expected: bytes, found: port.span.len });
    }
    if !(port.span.offset as usize).is_multiple_of(size) {
        return Err(Fault::Misaligned { what: "the span" });
    }
    if u64::from(port.span.offset) + bytes > u64::from(arena_len) {
        return Err(Fault::OutsideArena { what: "the span" });
    }
    let axes = port.order[..rank].iter().try_fold(0u32, |seen, &axis| {
        let bit = 1u32.checked_shl(axis).filter(|_| axis < port.rank)?;
        (seen & bit == 0).then_some(seen | bit)
    });
    if axes.is_none() {
        return Err(Fault::Dimensions { what: "the order of the axes is no permutation of them" });
    }
    if port.quantised && !(port.scale.is_finite() && port.scale > 0.0) {
        return Err(Fault::BadValue { what: "scale (bits)", value: port.scale.to_bits() });
    }
    Ok(())
}
