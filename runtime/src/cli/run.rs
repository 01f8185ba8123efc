//! `retort run`: raw tensors in, raw tensors out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::model::ModelArguments;
use super::threads::Threads;
use crate::model::InputKind;
use crate::npy::{self, Element, Npy};
use crate::tensor::{Port, TensorMut, TensorRef};

/// Run a model once on raw tensors
///
/// Tensors are .npy files in the names, types and layouts of the ONNX graph. An input that is not given is filled with
/// zeros. Each output is written as NAME.npy, with `/` in its name as `_`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  retort run student.onnx --input images=frame.npy --output-dir out")]
pub struct Run {
    #[command(flatten)]
    model: ModelArguments,
    /// An input as NAME=FILE.npy; NAME= may be left out where the model has one input
    #[arg(long = "input", value_name = "NAME=FILE.npy")]
    inputs: Vec<String>,
    #[command(flatten)]
    threads: Threads,
    /// Where to write the outputs
    #[arg(long, value_name = "DIR")]
    output_dir: PathBuf,
}

impl Run {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        let model = self.model.load_on(&self.threads, InputKind::Float)?;
        let mut session = model.session();
        for given in &self.inputs {
            let (name, file) = match given.split_once('=') {
                Some((name, file)) => (name, file),
                None if model.inputs().len() == 1 => (model.inputs()[0].name.as_str(), given.as_str()),
                None => bail!("--input {given}: the model has several inputs; write NAME=FILE.npy"),
            };
            let index = (model.inputs().iter().position(|port| port.name == name)).with_context(|| {
                let names: Vec<&str> = model.inputs().iter().map(|port| port.name.as_str()).collect();
                format!("--input {given}: the model's inputs are: {}", names.join(", "))
            })?;
            let port = &model.inputs()[index];
            let path = Path::new(file);
            match session.input(index) {
                TensorMut::F32(to) => fill(path, port, to),
                TensorMut::U8(to) => fill(path, port, to),
                TensorMut::I8(to) => fill(path, port, to),
                TensorMut::I32(to) => fill(path, port, to),
                TensorMut::I64(to) => fill(path, port, to),
            }?;
        }
        session.run()?;
        fs::create_dir_all(&self.output_dir).with_context(|| self.output_dir.display().to_string())?;
        for (index, port) in model.outputs().iter().enumerate() {
            let path = self.output_dir.join(format!("{}.npy", port.name.replace('/', "_")));
            match session.output(index) {
                TensorRef::F32(from) => write(&path, port, from),
                TensorRef::U8(from) => write(&path, port, from),
                TensorRef::I8(from) => write(&path, port, from),
                TensorRef::I32(from) => write(&path, port, from),
                TensorRef::I64(from) => write(&path, port, from),
            }?;
        }
        Ok(())
    }
}

/// Copies a file's elements into an input's memory.
fn fill<T: Element>(path: &Path, port: &Port, to: &mut [T]) -> anyhow::Result<()> {
    let file = Npy::open(path).with_context(|| path.display().to_string())?;
    let (shape, axes) = (&file.header().shape, file.header().axes());
    if *shape != port.shape {
        bail!("{}: has shape {shape:?}, but input `{}` wants {:?}", path.display(), port.name, port.shape);
    }
    let strides = port.strides();
    let mut offsets = npy::offsets(&port.shape, &strides, &axes);
    let fill = |element| offsets.next().into_iter().for_each(|offset| to[offset] = element);
    file.each(fill).with_context(|| format!("{}: for input `{}`", path.display(), port.name))
}

/// Writes an output in ONNX layout.
fn write<T: Element>(path: &Path, port: &Port, from: &[T]) -> anyhow::Result<()> {
    let axes: Vec<usize> = (0..port.shape.len()).collect();
    let strides = port.strides();
    let elements = npy::offsets(&port.shape, &strides, &axes).map(|offset| from[offset]);
    npy::write(path, &port.shape, elements).with_context(|| path.display().to_string())
}
