//! A model ready to run, and a session that runs it: the façade over import, plan and core.

mod aligned;
#[cfg(all(test, feature = "onnx"))]
mod changed_plans;
#[cfg_attr(not(feature = "onnx"), path = "no_fallback.rs")]
mod fallback;
mod fit;
pub mod golden;
mod load;
mod session;
pub mod swap;
mod threads;
#[cfg(all(test, feature = "onnx"))]
mod threads_tests;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retort_core::kernels::{Arithmetic, KernelSet, Kernels};
use retort_core::plan::{self, Plan};

use crate::Error;
use crate::contract::{Contract, Cut, Unrecognised};
use crate::limits::Limits;
use crate::sidecar;
use crate::signature::PublicKey;
use crate::tensor::{ElementType, Port, Quantisation};
use aligned::AlignedBytes;
use retort_threads::Pool;

pub use fit::Fit;
pub use retort_threads::MAX_THREADS;
pub use session::Session;
pub use threads::usable_threads;

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
    /// Height and width of image inputs that leave them open and that no shape is given for.
    pub fit: Option<Fit>,
    /// What image inputs hold.
    pub input: InputKind,
    /// Refuse a model of which any part would run as a fallback step.
    pub strict: bool,
    /// The kernels to run on; the best that the processor has where none is named.
    pub kernel_set: Option<KernelSet>,
    /// Load a model packed for kernels that this processor lacks, too: it can be looked at and written, but not run.
    pub for_any_processor: bool,
    /// Threads that each session runs on, the caller's included, at most [`MAX_THREADS`]; the caller's alone where none
    /// are named. Results do not depend on it.
    pub threads: Option<NonZeroUsize>,
    /// How large the model may be.
    pub limits: Limits,
    /// Refuse a model that was not signed with this key, and a contract beside it that was not. The signature lies beside
    /// the file ([`signature_path`](crate::signature::signature_path)), also where bytes are loaded under its name.
    pub key: Option<PublicKey>,
}

/// A part of a model that no step of the plan covers: tract runs it, and allocates while it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FallbackInfo {
    /// The ONNX node and its operator.
    pub name: String,
    /// Why no step covers it.
    pub reason: String,
}

/// One step of a loaded model, for listings and profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepInfo {
    /// The ONNX node it came from.
    pub name: String,
    /// The kind of step.
    pub kind: &'static str,
    /// The code that runs it: a file under `runtime/core/src/kernels`, without its ending. `-` where this processor lacks
    /// the kernels.
    pub kernel: &'static str,
    /// Multiply-accumulates.
    pub macs: u64,
    /// What it multiplies, if that is what it spends its time on.
    pub arithmetic: Option<Arithmetic>,
    /// Bytes of its operands and constants, each counted once.
    pub bytes_moved: u64,
}

/// A loaded, checked, planned model. Cheap to clone; sessions share it.
#[derive(Clone)]
pub struct Model {
    inner: Arc<Inner>,
}

/// What all sessions of a model share.
struct Inner {
    path: PathBuf,
    plan: Plan<AlignedBytes>,
    steps: plan::Decoded<Vec<plan::DecodedStep>>,
    kernels: Option<&'static dyn Kernels>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    contract: Option<Contract>,
    unrecognised: Option<Unrecognised>,
    cut: Option<Cut>,
    fallbacks: Vec<fallback::Step>,
    report: Vec<(&'static str, usize)>,
    threads: usize,
    key: Option<PublicKey>,
}

impl Inner {
    fn kernels(&self) -> Result<&'static dyn Kernels, Error> {
        self.kernels.ok_or_else(|| {
            let problem = format!("is packed for {} kernels, which this processor lacks", self.plan.kernel_set());
            Error::Model { path: self.path.clone(), problem }
        })
    }
}

impl Model {
    /// Loads an `.onnx` or `.plan` file; its first bytes tell which it is.
    ///
    /// # Errors
    /// Names the file, and the node or key at fault.
    pub fn open(path: &Path, options: &LoadOptions) -> Result<Model, Error> {
        load::open(path, options)
    }

    /// Loads the bytes of such a file; `name` stands for it in messages.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(bytes: &[u8], name: &Path, options: &LoadOptions) -> Result<Model, Error> {
        load::from_bytes(bytes, name, options)
    }

    /// The file it was loaded from.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Inputs in the graph's order.
    pub fn inputs(&self) -> &[Port] {
        &self.inner.inputs
    }

    /// Outputs in the graph's order.
    pub fn outputs(&self) -> &[Port] {
        &self.inner.outputs
    }

    /// The contract that the file carries in its metadata, or else that of the well-known network that it was
    /// [recognised](Contract::recognise) as, if any.
    pub fn contract(&self) -> Option<&Contract> {
        self.inner.contract.as_ref()
    }

    /// The contract to run it by, as [`sidecar::find`] finds it. Where the model had to be [signed](LoadOptions::key), a file
    /// that it comes from has to be signed with the same key.
    ///
    /// # Errors
    /// As there; [`Error::NoContract`] says why the model was not recognised.
    pub fn find_contract(&self, sidecar: Option<&Path>) -> Result<Contract, Error> {
        sidecar::find(self.path(), sidecar, self.contract(), self.inner.key.as_ref()).map_err(|error| match error {
            Error::NoContract { model, sidecar, .. } => {
                Error::NoContract { model, sidecar, why: self.inner.unrecognised.clone() }
            }
            error => error,
        })
    }

    /// Checks that a contract [fits](Contract::check) this model.
    ///
    /// # Errors
    /// [`Error::Contract`] in the model's file.
    pub fn check(&self, contract: &Contract) -> Result<(), Error> {
        contract.check(self.inputs(), self.outputs()).map_err(|wrong| Error::from(wrong).in_file(self.path()))
    }

    /// Where the graph was cut, if its file ends in a suppression of overlapping boxes. A `.plan` does not say.
    pub fn cut(&self) -> Option<&Cut> {
        self.inner.cut.as_ref()
    }

    /// A new session with an arena and threads of its own.
    pub fn session(&self) -> Session {
        let threads = self.inner.threads;
        Session::new(Arc::clone(&self.inner), |scratch| Pool::new(threads, scratch))
    }

    /// The plan's bytes: a `.plan` file.
    ///
    /// # Errors
    /// Where a part of the model runs as a fallback step, which no plan can hold.
    pub fn plan_bytes(&self) -> Result<&[u8], Error> {
        match self.fallbacks().first() {
            None => Ok(self.inner.plan.as_bytes()),
            Some(step) => Err(Error::Fallback {
                path: self.inner.path.clone(),
                count: self.fallbacks().len(),
                first: step.name.clone(),
                reason: step.reason.clone(),
            }),
        }
    }

    /// The parts that run as fallback steps.
    pub fn fallbacks(&self) -> Vec<FallbackInfo> {
        self.inner.fallbacks.iter().map(|step| step.info.clone()).collect()
    }

    /// The steps in the order in which they run.
    pub fn steps(&self) -> Vec<StepInfo> {
        (self.inner.plan.steps())
            .map(|(info, step)| StepInfo {
                name: info.name.to_owned(),
                kind: step.kind(),
                kernel: self.inner.kernels.map_or("-", |kernels| kernels.name_of(&step)),
                macs: info.macs,
                arithmetic: Arithmetic::of(&step),
                bytes_moved: step.bytes_moved(),
            })
            .collect()
    }

    /// The steps as the plan has them, in the same order.
    pub fn plan_steps(&self) -> plan::Steps<'_> {
        self.inner.plan.steps()
    }

    /// Multiply-accumulates of one run.
    pub fn macs(&self) -> u64 {
        self.inner.plan.macs()
    }

    /// Bytes of working memory of a session.
    pub fn arena_bytes(&self) -> usize {
        self.inner.plan.arena_len()
    }

    /// Bytes of packed weights and other constants.
    pub fn weights_bytes(&self) -> usize {
        self.inner.plan.weights().len()
    }

    /// The kernels it runs on.
    pub fn kernel_set(&self) -> KernelSet {
        self.inner.plan.kernel_set()
    }

    /// The same, as code.
    ///
    /// # Errors
    /// Where this processor lacks them, which only a model that was loaded [for
    /// any](LoadOptions::for_any_processor) can ask of it.
    pub fn kernels(&self) -> Result<&'static dyn Kernels, Error> {
        self.inner.kernels()
    }

    /// What planning changed in the graph: the name of each pass, and in how many places. Empty for a `.plan`.
    pub fn passes(&self) -> &[(&'static str, usize)] {
        &self.inner.report
    }
}

/// A port of a plan as the outside sees it.
fn port(port: plan::Port<'_>) -> Port {
    Port {
        name: port.name.to_owned(),
        element: match port.element {
            plan::Element::F32 => ElementType::F32,
            plan::Element::U8 => ElementType::U8,
            plan::Element::I8 => ElementType::I8,
            plan::Element::I32 => ElementType::I32,
            plan::Element::I64 => ElementType::I64,
            plan::Element::Bool => ElementType::Bool,
        },
        shape: port.shape().iter().map(|&d| d as usize).collect(),
        order: port.order().iter().map(|&a| a as usize).collect(),
        quantisation: port.quantisation.map(|(scale, zero_point)| Quantisation { scale, zero_point }),
    }
}
