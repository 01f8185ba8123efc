//! Tensors in ONNX order put into a session and taken out of it, whatever order they lie in memory.

use anyhow::{Context, Result, bail};
use prost::Message;
use retort::model::{Model, Session};
use retort::tensor::{Port, TensorMut, TensorRef};
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataType;

/// A tensor in ONNX order, its elements widened to f64: exact for every type but large 64-bit integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The elements, last axis innermost.
    pub elements: Vec<f64>,
}

impl Values {
    /// Reads a file that holds one serialised `TensorProto` with raw data.
    pub fn read(path: &std::path::Path) -> Result<Values> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        Values::of(&TensorProto::decode(bytes.as_slice())?).with_context(|| path.display().to_string())
    }

    /// The elements of a tensor with raw data.
    pub fn of(tensor: &TensorProto) -> Result<Values> {
        let raw = &tensor.raw_data;
        let elements = match DataType::try_from(tensor.data_type) {
            Ok(DataType::Float) => words(raw).map(|w| f64::from(f32::from_le_bytes(w))).collect(),
            Ok(DataType::Int32) => words(raw).map(|w| f64::from(i32::from_le_bytes(w))).collect(),
            Ok(DataType::Int64) => raw.as_chunks().0.iter().map(|&w| i64::from_le_bytes(w) as f64).collect(),
            Ok(DataType::Uint8 | DataType::Bool) => raw.iter().map(|&b| f64::from(b)).collect(),
            Ok(DataType::Int8) => raw.iter().map(|&b| f64::from(b as i8)).collect(),
            kind => bail!("element type {kind:?}"),
        };
        Ok(Values { shape: tensor.dims.iter().map(|&d| d as usize).collect(), elements })
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    bytes.as_chunks::<4>().0.iter().copied()
}

/// For each element in ONNX order, where it lies in memory.
fn places(port: &Port) -> impl Iterator<Item = usize> {
    let (shape, strides) = (port.shape.clone(), port.strides());
    (0..port.len()).map(move |mut index| {
        let mut place = 0;
        for (length, stride) in shape.iter().zip(&strides).rev() {
            place += index % length * stride;
            index /= length;
        }
        place
    })
}

/// Fills input `index`.
pub fn fill(model: &Model, session: &mut Session, index: usize, values: &Values) -> Result<()> {
    let port = &model.inputs()[index];
    if port.shape != values.shape {
        bail!("input {}: {:?} is given where {:?} is wanted", port.name, values.shape, port.shape);
    }
    let pairs = places(port).zip(&values.elements);
    match session.input(index) {
        TensorMut::F32(memory) => pairs.for_each(|(place, &v)| memory[place] = v as f32),
        TensorMut::U8(memory) => pairs.for_each(|(place, &v)| memory[place] = v as u8),
        TensorMut::I8(memory) => pairs.for_each(|(place, &v)| memory[place] = v as i8),
        TensorMut::I32(memory) => pairs.for_each(|(place, &v)| memory[place] = v as i32),
        TensorMut::I64(memory) => pairs.for_each(|(place, &v)| memory[place] = v as i64),
    }
    Ok(())
}

/// Takes output `index`.
pub fn take(model: &Model, session: &Session, index: usize) -> Values {
    let port = &model.outputs()[index];
    let elements = match session.output(index) {
        TensorRef::F32(memory) => places(port).map(|place| f64::from(memory[place])).collect(),
        TensorRef::U8(memory) => places(port).map(|place| f64::from(memory[place])).collect(),
        TensorRef::I8(memory) => places(port).map(|place| f64::from(memory[place])).collect(),
        TensorRef::I32(memory) => places(port).map(|place| f64::from(memory[place])).collect(),
        TensorRef::I64(memory) => places(port).map(|place| memory[place] as f64).collect(),
    };
    Values { shape: port.shape.clone(), elements }
}
