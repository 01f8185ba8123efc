//! A session: one arena, the threads that work in it, and the calls that fill it, run the model in it, and read it.

use std::sync::Arc;

use bytemuck::{cast_slice, cast_slice_mut};
use retort_core::session;
use retort_threads::Pool;

use super::Inner;
use super::aligned::AlignedBytes;
use super::fallback::Fallbacks;
use crate::Error;
use crate::tensor::{ElementType, TensorMut, TensorRef};
use crate::vision::heads::Outputs;

/// One arena and the state to run a model in it. Does not allocate after it was made, fallback steps apart.
///
/// Threads are the session's own rather than the model's: a session runs one frame at a time, so its helpers are never
/// needed twice at once, and what its runs take tells whether they help here.
pub struct Session {
    model: Arc<Inner>,
    arena: AlignedBytes,
    pool: Pool,
}

impl Session {
    /// A session on the threads that `pool` makes, given how much working memory each needs.
    pub(super) fn new(model: Arc<Inner>, pool: impl FnOnce(usize) -> Pool) -> Self {
        let arena = AlignedBytes::zeroed(model.plan.arena_len());
        let scratch =
            (model.plan.steps()).filter_map(|(_, step)| step.regions().scratch).map(|region| region.byte_len());
        let pool = pool(scratch.max().unwrap_or(0) as usize);
        Session { model, arena, pool }
    }

    /// Threads that may run the model, the caller's included.
    pub fn threads(&self) -> usize {
        self.pool.size()
    }

    /// The memory of input `index`, to be filled before [`run`](Self::run). It does not keep its contents across runs.
    ///
    /// # Panics
    /// Where there is no such input.
    pub fn input(&mut self, index: usize) -> TensorMut<'_> {
        let element = self.model.inputs[index].element;
        let port = self.model.plan.inputs().nth(index);
        let (start, len) = port.map_or((0, 0), |port| (port.span.offset as usize, port.span.len as usize));
        let bytes = &mut self.arena.as_mut()[start..][..len];
        match element {
            ElementType::F32 => TensorMut::F32(cast_slice_mut(bytes)),
            ElementType::U8 | ElementType::Bool => TensorMut::U8(bytes),
            ElementType::I8 => TensorMut::I8(cast_slice_mut(bytes)),
            ElementType::I32 => TensorMut::I32(cast_slice_mut(bytes)),
            ElementType::I64 => TensorMut::I64(cast_slice_mut(bytes)),
        }
    }

    /// Runs the model once.
    ///
    /// # Errors
    /// Where a fallback step fails.
    pub fn run(&mut self) -> Result<(), Error> {
        self.run_observed(&mut |_| {})
    }

    /// Runs the model once and calls `finished` with the index of each step once it is done.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_observed(&mut self, finished: &mut dyn FnMut(u32)) -> Result<(), Error> {
        let Inner { plan, steps, path, .. } = &*self.model;
        let kernels = self.model.kernels()?;
        let mut external = Fallbacks { steps: &self.model.fallbacks, failure: None };
        session::Session::new(plan, self.arena.as_mut(), kernels)
            .and_then(|session| session.on(&self.pool).with_steps(steps).run_observed(&mut external, finished))
            .map_err(|error| Error::Model {
                path: path.clone(),
                problem: external.failure.take().unwrap_or_else(|| error.to_string()),
            })
    }

    /// Output `index` of the last run.
    ///
    /// # Panics
    /// Where there is no such output.
    pub fn output(&self, index: usize) -> TensorRef<'_> {
        let element = self.model.outputs[index].element;
        let port = self.model.plan.outputs().nth(index);
        let (start, len) = port.map_or((0, 0), |port| (port.span.offset as usize, port.span.len as usize));
        let bytes = &self.arena.as_ref()[start..][..len];
        match element {
            ElementType::F32 => TensorRef::F32(cast_slice(bytes)),
            ElementType::U8 | ElementType::Bool => TensorRef::U8(bytes),
            ElementType::I8 => TensorRef::I8(cast_slice(bytes)),
            ElementType::I32 => TensorRef::I32(cast_slice(bytes)),
            ElementType::I64 => TensorRef::I64(cast_slice(bytes)),
        }
    }
}

impl Outputs for Session {
    fn output(&self, index: usize) -> TensorRef<'_> {
        Session::output(self, index)
    }
}
