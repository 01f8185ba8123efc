//! Running a checked plan in a caller's arena.
//!
//! Running allocates nothing and takes no lock. What a step writes is split off the arena, so that its inputs can be
//! borrowed from what remains; the plan's check made sure that they do not meet.

mod execute;
mod memory;

use crate::kernels::{Alone, KernelSet, Kernels, Parallel};
use crate::plan::step::Step;
use crate::plan::{ALIGNMENT, Decoded, DecodedStep, Plan, Port, Regions};
use core::fmt;

/// Runs the steps that no kernel covers.
pub trait External {
    /// Runs the host's step `index`, whose operands lie in `arena`.
    ///
    /// # Errors
    /// [`ExternalError`] ends the run; the host keeps the reason to itself.
    fn call(&mut self, index: u32, arena: &mut [u8]) -> Result<(), ExternalError>;
}

/// The host could not run its step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExternalError;

/// A host that runs no steps: for plans that need none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoExternal;

impl External for NoExternal {
    fn call(&mut self, _index: u32, _arena: &mut [u8]) -> Result<(), ExternalError> {
        Err(ExternalError)
    }
}

/// Why a plan did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// The arena is smaller than the plan needs.
    ArenaTooSmall {
        /// Bytes the plan needs.
        needed: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The arena does not lie at a multiple of [`ALIGNMENT`].
    ArenaMisplaced,
    /// The plan was moved away from a multiple of [`ALIGNMENT`] after its check.
    PlanMisplaced,
    /// The weights are packed for other kernels.
    KernelSet {
        /// What the plan is packed for.
        plan: KernelSet,
        /// What it was to run on.
        kernels: KernelSet,
    },
    /// The host did not run its step.
    External {
        /// Which step of the plan.
        step: u32,
        /// The host's number for it.
        index: u32,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::ArenaTooSmall { needed, found } => {
                write!(f, "the arena has {found} bytes, the plan needs {needed}")
            }
            RunError::ArenaMisplaced => write!(f, "the arena must lie at a multiple of {ALIGNMENT} bytes in memory"),
            RunError::PlanMisplaced => write!(f, "the plan must lie at a multiple of {ALIGNMENT} bytes in memory"),
            RunError::KernelSet { plan, kernels } => {
                write!(f, "the plan is packed for {plan} kernels, not for {kernels} ones; compile it for those")
            }
            RunError::External { step, index } => {
                write!(f, "step {step} is the host's step {index}, which it did not run")
            }
        }
    }
}

impl core::error::Error for RunError {}

/// A checked plan, the arena it runs in, and the kernels that run it.
pub struct Session<'a, B> {
    plan: &'a Plan<B>,
    arena: &'a mut [u8],
    kernels: &'a dyn Kernels,
    parallel: &'a dyn Parallel,
    decoded: Option<&'a [DecodedStep]>,
}

impl<'a, B: AsRef<[u8]>> Session<'a, B> {
    /// Makes a session. This only compares a few numbers, so it may be made anew for every run.
    ///
    /// # Errors
    /// Where the arena is too small or misplaced, or the kernels are not those of the plan.
    pub fn new(plan: &'a Plan<B>, arena: &'a mut [u8], kernels: &'a dyn Kernels) -> Result<Self, RunError> {
        let (needed, found) = (plan.arena_len(), arena.len());
        if found < needed {
            return Err(RunError::ArenaTooSmall { needed, found });
        }
        if needed > 0 && !arena.as_ptr().addr().is_multiple_of(ALIGNMENT) {
            return Err(RunError::ArenaMisplaced);
        }
        if !plan.is_aligned() {
            return Err(RunError::PlanMisplaced);
        }
        let (packed, kernel_set) = (plan.kernel_set(), kernels.kernel_set());
        if packed != kernel_set {
            return Err(RunError::KernelSet { plan: packed, kernels: kernel_set });
        }
        Ok(Session { plan, arena: &mut arena[..needed], kernels, parallel: &Alone, decoded: None })
    }

    /// Runs steps that were read before, rather than read them from the plan; does nothing where they are another plan's.
    pub fn with_steps<S: AsRef<[DecodedStep]>>(self, steps: &'a Decoded<S>) -> Self {
        Session { decoded: steps.of(self.plan), ..self }
    }

    /// Runs steps on several threads; without this, all run on the caller's.
    pub fn on(self, parallel: &'a dyn Parallel) -> Self {
        Session { parallel, ..self }
    }

    /// The bytes of input `index`, to be written before a run. `None` where there is no such input.
    pub fn input(&mut self, index: usize) -> Option<&mut [u8]> {
        let port = self.plan.inputs().nth(index)?;
        self.arena.get_mut(bytes(&port))
    }

    /// The bytes of output `index` as the last run left them. `None` where there is no such output.
    pub fn output(&self, index: usize) -> Option<&[u8]> {
        let port = self.plan.outputs().nth(index)?;
        self.arena.get(bytes(&port))
    }

    /// Runs all steps.
    ///
    /// # Errors
    /// [`RunError::External`] where the host does not run one of its steps.
    pub fn run(&mut self, external: &mut dyn External) -> Result<(), RunError> {
        self.run_observed(external, &mut |_| {})
    }

    /// Runs all steps and calls `finished` with the index of each once it is done.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_observed(&mut self, external: &mut dyn External, finished: &mut dyn FnMut(u32)) -> Result<(), RunError> {
        let _run = Run::begin(self.parallel);
        match self.decoded {
            Some(steps) => {
                for (index, DecodedStep { step, regions }) in (0..).zip(steps) {
                    self.step(index, step, regions, external)?;
                    finished(index);
                }
            }
            None => {
                for (info, step) in self.plan.steps() {
                    self.step(info.index, &step, &step.regions(), external)?;
                    finished(info.index);
                }
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        index: u32,
        step: &Step,
        regions: &Regions,
        external: &mut dyn External,
    ) -> Result<(), RunError> {
        execute::execute(self.plan, self.kernels, self.parallel, index, step, regions, self.arena, external)
    }
}

/// A run that goes on until this ends, also where a step fails.
struct Run<'p>(&'p dyn Parallel);

impl<'p> Run<'p> {
    fn begin(parallel: &'p dyn Parallel) -> Self {
        parallel.begin();
        Run(parallel)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Runs all steps of `plan` in `arena`: [`Session::new`] and [`Session::run`] in one.
///
/// # Errors
/// As those.
pub fn run<B: AsRef<[u8]>>(
    plan: &Plan<B>,
    arena: &mut [u8],
    kernels: &dyn Kernels,
    external: &mut dyn External,
) -> Result<(), RunError> {
    Session::new(plan, arena, kernels)?.run(external)
}

/// The bytes of the arena that a port covers.
fn bytes(port: &Port<'_>) -> core::ops::Range<usize> {
    port.span.offset as usize..port.span.offset as usize + port.span.len as usize
}
