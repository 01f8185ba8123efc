//! Writes detectors as ONNX: in f32, and in int8 as QuantizeLinear/DequantizeLinear pairs around plain operators.

mod contract;
mod float;
mod onnx;
mod qdq;

use std::path::{Path, PathBuf};

use prost::Message;
use tract_onnx::pb::{ModelProto, StringStringEntryProto};

pub use contract::contract;
pub use float::float_model;
pub use qdq::{MissingRange, quantised_model};

/// Name of the picture input, `[1, 3, size, size]` f32: red, green and blue from 0 to 1.
pub const INPUT: &str = "image";

/// Name of the output with class logits `[1, classes, rows, columns]` at a stride.
pub fn classes_output(stride: usize) -> String {
    format!("cls_{stride}")
}

/// Name of the output with box values `[1, 4, rows, columns]` at a stride.
pub fn boxes_output(stride: usize) -> String {
    format!("box_{stride}")
}

/// A model that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the model {path}")]
pub struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

/// Writes a model with metadata under a temporary name and renames.
pub fn write(mut model: ModelProto, metadata: Vec<(String, String)>, path: &Path) -> Result<(), WriteError> {
    let pairs = metadata.into_iter().map(|(key, value)| StringStringEntryProto { key, value });
    model.metadata_props = pairs.collect();
    let fail = |source| WriteError { path: path.to_owned(), source };
    let partial = path.with_extension("partial");
    std::fs::write(&partial, model.encode_to_vec()).map_err(fail)?;
    std::fs::rename(&partial, path).map_err(fail)
}
