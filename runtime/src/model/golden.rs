//! Checksums by which a model proves that it computes here what it computed where it was made.

use std::time::Duration;

use super::{Model, Session};
use crate::Error;
use crate::contract::{Colour, Contract, Golden, golden_picture};
use crate::tensor::{Port, TensorRef};
use crate::vision::frame::{Frame, PixelFormat};
use crate::vision::preprocess::Preprocessor;

/// Checksums of a model's outputs on the golden picture.
pub struct SelfTest {
    /// Here.
    pub found: Golden,
    /// Where the model was made.
    pub promised: Golden,
}

/// Runs a model on the golden picture of its contract; `None` where that promises nothing.
///
/// # Errors
/// As [`golden`].
pub fn self_test(model: &Model, contract: &Contract) -> Result<Option<SelfTest>, Error> {
    let Some(promised) = contract.golden else { return Ok(None) };
    Ok(Some(SelfTest { found: golden(model, contract, promised.seed)?, promised }))
}

/// Runs a model on the golden picture of `seed`, and takes the checksums.
///
/// # Errors
/// Where contract and model do not fit, or the run fails.
pub fn golden(model: &Model, contract: &Contract, seed: u32) -> Result<Golden, Error> {
    let index = contract.image.port(model.inputs())?;
    let port = &model.inputs()[index];
    let [width, height] = contract.image.size(port)?;
    let channels = contract.image.colour.channels();
    let pixels = golden_picture(seed, width, height, channels);
    let format = match contract.image.colour {
        Colour::Rgb => PixelFormat::Rgb8,
        Colour::Bgr => PixelFormat::Bgr8,
        Colour::Grey => PixelFormat::Grey8,
    };
    let frame = Frame::new(&pixels, format, width, height, width * channels, Duration::ZERO)?;
    let mut session = model.session();
    Preprocessor::new(&contract.image, port)?.fill(&frame, session.input(index))?;
    session.run()?;
    Ok(Golden { seed, input_crc32: crc32fast::hash(&pixels), output_crc32: output_crc32(model.outputs(), &session) })
}

/// CRC-32 of the outputs of the last run, in the graph's order, each as little-endian f32 in ONNX layout.
pub fn output_crc32(outputs: &[Port], session: &Session) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (index, port) in outputs.iter().enumerate() {
        let zero = |stored: i32| match port.quantisation {
            Some(q) => q.real(stored),
            None => stored as f32,
        };
        let at: Box<dyn Fn(usize) -> f32 + '_> = match session.output(index) {
            TensorRef::F32(v) => Box::new(move |i| v[i]),
            TensorRef::U8(v) => Box::new(move |i| zero(v[i].into())),
            TensorRef::I8(v) => Box::new(move |i| zero(v[i].into())),
            TensorRef::I32(v) => Box::new(move |i| v[i] as f32),
            TensorRef::I64(v) => Box::new(move |i| v[i] as f32),
        };
        let strides = port.strides();
        for mut rest in 0..port.len() {
            let mut offset = 0;
            for (&length, &stride) in port.shape.iter().zip(&strides).rev() {
                offset += rest % length * stride;
                rest /= length;
            }
            hasher.update(&at(offset).to_le_bytes());
        }
    }
    hasher.finalize()
}
