//! Models: ONNX files, and compiled plans.

use std::path::Path;

use retort::limits::{Limit, Limits};
use retort::model::{LoadOptions, Model};
use retort_core::plan::{HEADER_LEN, MAGIC, VERSION, crc32};

use super::told;

/// What a model may take here, so that one input is a matter of milliseconds.
fn options() -> LoadOptions {
    let limits = [
        (Limit::Nodes, 2000),
        (Limit::Elements, 1 << 20),
        (Limit::LoadBytes, 64 << 20),
        (Limit::ArenaBytes, 16 << 20),
        (Limit::Macs, 50_000_000),
    ];
    let limits = limits.into_iter().fold(Limits::default(), |limits, (limit, most)| limits.with(limit, most));
    LoadOptions { limits, ..LoadOptions::default() }
}

/// Loads and runs a model, and reads what it computed.
fn run(bytes: &[u8], name: &str) {
    match Model::from_bytes(bytes, Path::new(name), &options()) {
        Err(error) => told(&error, name, bytes),
        Ok(model) => {
            let mut session = model.session();
            for index in 0..model.inputs().len() {
                let _ = session.input(index);
            }
            if let Err(error) = session.run() {
                told(&error, name, bytes);
            }
            for index in 0..model.outputs().len() {
                let _ = session.output(index);
            }
            let _ = (model.steps(), model.macs(), model.find_contract(None));
        }
    }
}

/// An ONNX file: imported, planned and run.
pub fn onnx_import(bytes: &[u8]) {
    // The other target's.
    if !bytes.starts_with(&MAGIC) {
        run(bytes, "fuzzed.onnx");
    }
}

/// A compiled plan: checked and run. Its length and checksum are put right first, as somebody would who means harm.
pub fn plan_check(bytes: &[u8]) {
    let mut plan = bytes.to_vec();
    if plan.len() >= HEADER_LEN {
        plan[..4].copy_from_slice(&MAGIC);
        plan[4..8].copy_from_slice(&VERSION.to_le_bytes());
        let length = plan.len() as u32;
        plan[8..12].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32(&plan[16..]);
        plan[12..16].copy_from_slice(&checksum.to_le_bytes());
    }
    if plan.starts_with(&MAGIC) {
        run(&plan, "fuzzed.plan");
    }
}
