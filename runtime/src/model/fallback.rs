//! Fallback steps: copies their inputs out of the arena, has tract run them, copies the results back. Allocates.

use std::sync::Arc;

use bytemuck::{cast_slice, cast_slice_mut};
use retort_core::session::{External, ExternalError};
use tract_onnx::prelude::*;

use super::FallbackInfo;
use crate::graph::{Graph, TensorId};
use crate::import::{Fallback, guarded};
use crate::plan::{Place, Planned};
use crate::tensor::ElementType;

/// A tensor of a fallback step in the arena.
struct Operand {
    place: Place,
    element: ElementType,
    shape: Vec<usize>,
}

/// A prepared fallback step.
pub(super) struct Step {
    pub info: FallbackInfo,
    inputs: Vec<Operand>,
    outputs: Vec<Operand>,
    runnable: Arc<TypedRunnableModel>,
}

impl Step {
    /// Finds the step's operands in the planned arena.
    pub fn new(graph: &Graph, planned: &Planned, step: Fallback) -> Result<Self, String> {
        let operand = |&id: &TensorId| {
            let tensor = graph.tensor(id);
            let place = planned.place(id).ok_or_else(|| format!("{}: an operand has no place", step.name))?;
            Ok(Operand { place, element: tensor.element, shape: tensor.shape.clone() })
        };
        // A step that nobody reads is not in the plan, and its operands have no places.
        let used = step.outputs.iter().all(|&id| planned.place(id).is_some());
        let operands = |ids: &[TensorId]| ids.iter().filter(|_| used).map(operand).collect::<Result<Vec<_>, String>>();
        let (inputs, outputs) = (operands(&step.inputs)?, operands(&step.outputs)?);
        let info = FallbackInfo { name: step.name.clone(), reason: step.reason.clone() };
        Ok(Step { info, inputs, outputs, runnable: Arc::clone(&step.runnable) })
    }

    fn run(&self, arena: &mut [u8]) -> TractResult<()> {
        let inputs = self.inputs.iter().map(|input| input.read(arena)).collect::<TractResult<TVec<_>>>()?;
        for (output, result) in self.outputs.iter().zip(self.runnable.run(inputs)?) {
            output.write(arena, &result)?;
        }
        Ok(())
    }
}

impl Operand {
    fn read(&self, arena: &[u8]) -> TractResult<TValue> {
        let bytes = &arena[self.place.offset..][..self.place.len];
        let tensor = match self.element {
            ElementType::F32 => Tensor::from_shape::<f32>(&self.shape, cast_slice(bytes))?,
            ElementType::U8 => Tensor::from_shape::<u8>(&self.shape, bytes)?,
            ElementType::I8 => Tensor::from_shape::<i8>(&self.shape, cast_slice(bytes))?,
            ElementType::I32 => Tensor::from_shape::<i32>(&self.shape, cast_slice(bytes))?,
            ElementType::I64 => Tensor::from_shape::<i64>(&self.shape, cast_slice(bytes))?,
            ElementType::Bool => {
                let values: Vec<bool> = bytes.iter().map(|&b| b != 0).collect();
                Tensor::from_shape::<bool>(&self.shape, &values)?
            }
        };
        Ok(tensor.into_tvalue())
    }

    fn write(&self, arena: &mut [u8], tensor: &Tensor) -> TractResult<()> {
        let bytes = &mut arena[self.place.offset..][..self.place.len];
        macro_rules! copy {
            ($type:ty) => {{
                let to: &mut [$type] = cast_slice_mut(bytes);
                to.iter_mut().zip(tensor.to_plain_array_view::<$type>()?).for_each(|(to, from)| *to = *from);
            }};
        }
        match self.element {
            ElementType::F32 => copy!(f32),
            ElementType::U8 => copy!(u8),
            ElementType::I8 => copy!(i8),
            ElementType::I32 => copy!(i32),
            ElementType::I64 => copy!(i64),
            ElementType::Bool => {
                let from = tensor.to_plain_array_view::<bool>()?;
                bytes.iter_mut().zip(from).for_each(|(to, from)| *to = u8::from(*from));
            }
        }
        Ok(())
    }
}

/// All fallback steps of a model, and why the last one failed.
pub(super) struct Fallbacks<'a> {
    pub steps: &'a [Step],
    pub failure: Option<String>,
}

impl External for Fallbacks<'_> {
    fn call(&mut self, index: u32, arena: &mut [u8]) -> Result<(), ExternalError> {
        let step = self.steps.get(index as usize).ok_or(ExternalError)?;
        guarded(|| step.run(arena)).map_err(|error| {
            self.failure = Some(format!("fallback step {}: {error}", step.info.name));
            ExternalError
        })
    }
}
