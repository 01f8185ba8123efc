//! Loading: from a file's bytes to a checked plan.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use retort_core::kernels::select;
use retort_core::plan::{MAGIC, Plan};

use super::aligned::AlignedBytes;
use super::{Inner, LoadOptions, Model, port};
use crate::Error;
use crate::contract::Contract;
use crate::limits::{Exceeded, Limit, Limits};
use crate::predict::effort;

pub(super) fn open(path: &Path, options: &LoadOptions) -> Result<Model, Error> {
    let io = |source| Error::Io { path: path.into(), source };
    let fits = |len: u64| {
        let exceeded = |exceeded: Exceeded| Error::Model { path: path.into(), problem: exceeded.to_string() };
        options.limits.check(Limit::FileBytes, len).map_err(exceeded)
    };
    let metadata = std::fs::metadata(path).map_err(io)?;
    let mut file = std::fs::File::open(path).map_err(io)?;
    if !metadata.is_file() {
        // A pipe does not know its length.
        let mut bytes = Vec::new();
        let most = options.limits.get(Limit::FileBytes);
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
        fits(bytes.len() as u64)?;
        return from_bytes(&bytes, path, options);
    }
    fits(metadata.len())?;
    // A plan runs where it was read to.
    let mut bytes = AlignedBytes::zeroed(metadata.len() as usize);
    file.read_exact(bytes.as_mut()).map_err(io)?;
    load(bytes, path, options)
}

pub(super) fn from_bytes(bytes: &[u8], path: &Path, options: &LoadOptions) -> Result<Model, Error> {
    load(AlignedBytes::copy_of(bytes), path, options)
}

fn load(aligned: AlignedBytes, path: &Path, options: &LoadOptions) -> Result<Model, Error> {
    let bytes = aligned.as_ref();
    if let Some(key) = &options.key {
        key.verify(bytes, path)?;
    }
    if bytes.is_empty() {
        return Err(Error::Model { path: path.into(), problem: "is empty".into() });
    }
    if bytes.starts_with(&MAGIC) { plan(aligned, path, options) } else { onnx(bytes, path, options) }
}

/// Checks a plan's bytes and finds its kernels.
fn checked(bytes: AlignedBytes, path: &Path, options: &LoadOptions) -> Result<Inner, Error> {
    let fail = |problem: String| Error::Model { path: path.into(), problem };
    let plan = Plan::check(bytes).map_err(|error| fail(error.to_string()))?;
    within_limits(&plan, &options.limits).map_err(fail)?;
    let metadata: Vec<(String, String)> = match plan.contract() {
        "" => Vec::new(),
        text => serde_json::from_str(text).map_err(|error| fail(format!("its contract is unreadable: {error}")))?,
    };
    let contract = Contract::from_metadata(&metadata).map_err(|wrong| Error::from(wrong).in_file(path))?;
    let inner = Inner {
        path: path.into(),
        inputs: plan.inputs().map(port).collect(),
        outputs: plan.outputs().map(port).collect(),
        kernels: select(plan.kernel_set()),
        steps: plan.decode(),
        plan,
        contract,
        unrecognised: None,
        cut: None,
        fallbacks: Vec::new(),
        report: Vec::new(),
        threads: options.threads.map_or(1, NonZeroUsize::get),
        key: options.key.clone(),
    };
    if !options.for_any_processor {
        inner.kernels()?;
    }
    Ok(inner)
}

/// Checks what a session of the plan and a run of it would take; a plan's own word for that is not taken.
fn within_limits<B: AsRef<[u8]>>(plan: &Plan<B>, limits: &Limits) -> Result<(), String> {
    limits.check(Limit::ArenaBytes, plan.arena_len() as u64).map_err(|exceeded| exceeded.to_string())?;
    let (mut whole, mut most) = (0u64, ("", 0));
    for (info, step) in plan.steps() {
        let effort = effort(&step);
        whole = whole.saturating_add(effort);
        if effort > most.1 {
            most = (info.name, effort);
        }
    }
    let exceeded = |exceeded| format!("{exceeded}; {} of them in `{}`", most.1, most.0);
    limits.check(Limit::Macs, whole).map_err(exceeded)
}

fn plan(bytes: AlignedBytes, path: &Path, options: &LoadOptions) -> Result<Model, Error> {
    if let Some((name, _)) = options.shapes.first() {
        return Err(Error::Model {
            path: path.into(),
            problem: format!(
                "is a compiled plan, whose shapes are fixed; give the shape of `{name}` when compiling it"
            ),
        });
    }
    let inner = checked(bytes, path, options)?;
    if let Some(wanted) = options.kernel_set.filter(|&wanted| wanted != inner.plan.kernel_set()) {
        let packed = inner.plan.kernel_set();
        let problem = format!("is packed for {packed} kernels, not for {wanted} ones; compile it for those");
        return Err(Error::Model { path: path.into(), problem });
    }
    let external = (inner.plan.steps()).find(|(_, step)| matches!(step, retort_core::plan::step::Step::External(_)));
    if let Some((info, _)) = external {
        let problem = format!("step `{}` needs a host that a plan file cannot carry", info.name);
        return Err(Error::Model { path: path.into(), problem });
    }
    Ok(Model { inner: Arc::new(inner) })
}

#[cfg(feature = "onnx")]
fn onnx(bytes: &[u8], path: &Path, options: &LoadOptions) -> Result<Model, Error> {
    use super::{InputKind, fallback};
    use crate::graph::Border;
    use crate::guard::{MISTAKE, guarded};
    use crate::plan::PlanOptions;
    use retort_core::kernels::KernelSet;

    let fail = |problem: String| Error::Model { path: path.into(), problem };
    let imported = crate::import::import(bytes, &options.shapes, options.fit, &options.limits)
        .map_err(|error| fail(error.to_string()))?;
    if let Some(first) = imported.fallbacks.first().filter(|_| options.strict) {
        return Err(Error::Fallback {
            path: path.into(),
            count: imported.fallbacks.len(),
            first: first.name.clone(),
            reason: first.reason.clone(),
        });
    }
    let mut contract: Vec<(String, String)> = imported.metadata;
    contract.retain(|(key, _)| key.starts_with(crate::contract::METADATA_PREFIX));
    let mut unrecognised = None;
    if contract.is_empty() {
        let ports = |borders: &[Border]| borders.iter().map(|border| border.port.clone()).collect::<Vec<_>>();
        let (inputs, outputs) = (ports(&imported.graph.inputs), ports(&imported.graph.outputs));
        match Contract::recognise(&inputs, &outputs, &imported.clues, imported.cut.as_ref()) {
            Ok(recognised) => contract = recognised.to_metadata(),
            Err(reason) => unrecognised = Some(reason),
        }
    }
    // With the plan, the contract outlives what it was recognised by.
    let contract = if contract.is_empty() { String::new() } else { serde_json::json!(contract).to_string() };
    let mut graph = imported.graph;
    let plan_options = PlanOptions {
        kernel_set: options.kernel_set.unwrap_or_else(KernelSet::best),
        quantised_input: options.input == InputKind::Quantised,
    };
    let planned = guarded(|| crate::plan::plan(&mut graph, &plan_options, &contract))
        .ok_or_else(|| fail(format!("planning it {MISTAKE}; please report it, with the model")))?
        .map_err(|error| fail(error.to_string()))?;
    let fallbacks = (imported.fallbacks.into_iter())
        .map(|step| fallback::Step::new(&graph, &planned, step))
        .collect::<Result<Vec<_>, _>>()
        .map_err(fail)?;
    let inner = checked(AlignedBytes::copy_of(&planned.bytes), path, options)?;
    Ok(Model { inner: Arc::new(Inner { fallbacks, report: planned.report, unrecognised, cut: imported.cut, ..inner }) })
}

#[cfg(not(feature = "onnx"))]
fn onnx(_: &[u8], path: &Path, _: &LoadOptions) -> Result<Model, Error> {
    Err(Error::Model {
        path: path.into(),
        problem: "is no compiled plan, and this build reads nothing else; make one with `retort compile`".into(),
    })
}
