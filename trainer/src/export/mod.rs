//! Writes networks as ONNX: in f32, and in int8 as QuantizeLinear/DequantizeLinear pairs around plain operators.

mod contract;
mod embedding;
mod float;
pub(crate) mod onnx;
mod qdq;

use std::path::{Path, PathBuf};

use prost::Message;
use tract_onnx::pb::{ModelProto, StringStringEntryProto};

use crate::nets::{Head, Network};
use crate::whole;

pub use contract::{Description, contract};
pub use embedding::with_embedding;
pub use float::float_model;
pub use qdq::quantised_model;

/// Name of the picture input, `[1, channels, height, width]` f32: red, green and blue, or grey, from 0 to 1.
pub const INPUT: &str = "image";

/// Name of the output with class logits `[1, classes, rows, columns]` at a stride.
pub fn classes_output(stride: usize) -> String {
    format!("cls_{stride}")
}

/// Name of the output with box values `[1, 4, rows, columns]`, or `[1, 4 · bins, rows, columns]`, at a stride.
pub fn boxes_output(stride: usize) -> String {
    format!("box_{stride}")
}

/// Name of a classifier's output, `[1, classes]`: logits.
pub const LOGITS: &str = "logits";

/// Declares a network's answers under the names that its contract uses: level by level, classes before boxes.
fn declare_answers(graph: &mut onnx::GraphBuilder, network: &Network, values: &[String]) {
    match &network.head {
        Head::Classes { logits, classes } => {
            graph.flatten(LOGITS, &values[*logits]);
            graph.output(LOGITS, &[1, *classes]);
        }
        Head::Boxes { levels, .. } => {
            for level in levels {
                let answers =
                    [(level.classes, classes_output(level.stride)), (level.boxes, boxes_output(level.stride))];
                for (place, name) in answers {
                    let shape = network.nodes[place].shape;
                    graph.rename(&values[place], &name);
                    graph.output(&name, &[1, shape.channels, shape.height, shape.width]);
                }
            }
        }
    }
}

/// A model that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the model {path}")]
pub struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

/// A model with metadata as the bytes of a file.
pub fn encode(mut model: ModelProto, metadata: Vec<(String, String)>) -> Vec<u8> {
    let pairs = metadata.into_iter().map(|(key, value)| StringStringEntryProto { key, value });
    model.metadata_props = pairs.collect();
    model.encode_to_vec()
}

/// Writes a model with metadata under a temporary name and renames.
pub fn write(model: ModelProto, metadata: Vec<(String, String)>, path: &Path) -> Result<(), WriteError> {
    whole::write(path, encode(model, metadata)).map_err(|source| WriteError { path: path.to_owned(), source })
}
