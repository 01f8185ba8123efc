//! A model ready to run, and a session that runs it: the façade over import, plan and core.

use std::path::Path;

use crate::contract::Contract;
use crate::tensor::{Port, TensorMut, TensorRef};

/// What the memory of an image input holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputKind {
    /// The floats that the ONNX graph declares.
    #[default]
    Float,
    /// The quantised bytes that the graph's first QuantizeLinear would make of them, where there is one: the step is
    /// left out of the plan and whoever fills the input quantises. Inputs without one stay as they are.
    Quantised,
}

/// How to load a model.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Shapes for inputs with dynamic axes, by input name (ONNX order). A dynamic batch is 1 where none is given.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// What image inputs hold.
    pub input: InputKind,
    /// Refuse a model of which any part would run as a fallback step.
    pub strict: bool,
}

/// A loaded, checked, planned model. Cheap to share: sessions borrow nothing from it but hold it by `Arc`.
pub struct Model {}

impl Model {
    /// Loads an `.onnx` or `.plan` file.
    pub fn open(path: &Path, options: &LoadOptions) -> Result<Model, crate::Error> {
        let _ = (path, options);
        unimplemented!()
    }
    /// Inputs in the graph's order.
    pub fn inputs(&self) -> &[Port] {
        unimplemented!()
    }
    /// Outputs in the graph's order.
    pub fn outputs(&self) -> &[Port] {
        unimplemented!()
    }
    /// The contract the file carries in its metadata, if any.
    pub fn contract(&self) -> Option<&Contract> {
        unimplemented!()
    }
    /// A new session with an arena of its own.
    pub fn session(&self) -> Session {
        unimplemented!()
    }
}

/// One arena and the state to run a model in it. Does not allocate after it was made, fallback steps apart.
pub struct Session {}

impl Session {
    /// The memory of input `index`, to be filled before [`run`](Self::run). It does not keep its contents across runs.
    pub fn input(&mut self, index: usize) -> TensorMut<'_> {
        let _ = index;
        unimplemented!()
    }
    /// Runs the model once.
    pub fn run(&mut self) -> Result<(), crate::Error> {
        unimplemented!()
    }
    /// Output `index` of the last run.
    pub fn output(&self, index: usize) -> TensorRef<'_> {
        let _ = index;
        unimplemented!()
    }
}
