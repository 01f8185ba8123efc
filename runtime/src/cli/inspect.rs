//! `retort inspect`: what a model is, and what it was planned to.

use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};

use super::model::ModelArguments;
use super::predict;
use crate::contract::Contract;
use crate::model::{InputKind, Model};
use crate::predict::{Board, Prediction};
use crate::tensor::Port;

/// List a model's inputs, outputs, steps, fallbacks, memory and contract
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  retort inspect model.onnx\n  retort inspect model.onnx --steps\n  retort inspect model.onnx --predict pi4\n  retort inspect model.onnx --json"
)]
pub struct Inspect {
    #[command(flatten)]
    model: ModelArguments,
    /// Also list every step, with the file under runtime/core/src/kernels that runs it.
    #[arg(long)]
    steps: bool,
    /// Predict how long each step would take on a board: zero2w, pi3, pi4 or pi5.
    #[arg(long, value_name = "BOARD", value_parser = predict::board)]
    predict: Option<&'static Board>,
    /// Threads of the prediction.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "predict")]
    threads: usize,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<()> {
        // A prediction is of what `bench` would measure, which takes images as bytes.
        let model = match self.predict {
            Some(board) => self.model.load_for_board(board, InputKind::Quantised)?,
            None => self.model.load_for_any(InputKind::Float)?,
        };
        if let Some(family) = model.contract().and_then(Contract::recognised_as) {
            eprintln!("note: {}: recognised as {family}", model.path().display());
        }
        let prediction = self.predict.map(|board| Prediction::of(&model, board, self.threads));
        let mut out = io::stdout().lock();
        match (self.json, prediction) {
            (true, None) => writeln!(out, "{}", object(&model))?,
            (true, Some(prediction)) => {
                let mut object = object(&model);
                object["prediction"] = predict::object(&prediction);
                writeln!(out, "{object}")?;
            }
            (false, None) => print(&mut out, &model, self.steps)?,
            (false, Some(prediction)) => {
                writeln!(out, "{}", model.path().display())?;
                predict::print(&mut out, &prediction)?;
            }
        }
        Ok(())
    }
}

fn object(model: &Model) -> Value {
    let port = |port: &Port| {
        json!({
            "name": port.name,
            "element": port.element.to_string(),
            "shape": port.shape,
            "memory_order": port.order,
        })
    };
    let contract: Option<BTreeMap<String, String>> =
        model.contract().map(|contract| contract.to_metadata().into_iter().collect());
    json!({
        "model": model.path().display().to_string(),
        "isa": model.kernel_set().name(),
        "inputs": model.inputs().iter().map(port).collect::<Vec<_>>(),
        "outputs": model.outputs().iter().map(port).collect::<Vec<_>>(),
        "macs": model.macs(),
        "weights_bytes": model.weights_bytes(),
        "arena_bytes": model.arena_bytes(),
        "steps": model.steps().iter().map(|step| json!({"kind": step.kind, "kernel": step.kernel, "node": step.name, "macs": step.macs})).collect::<Vec<_>>(),
        "fallbacks": model.fallbacks().iter().map(|step| json!({"node": step.name, "reason": step.reason})).collect::<Vec<_>>(),
        "passes": model.passes().iter().map(|(name, n)| json!({"pass": name, "changes": n})).collect::<Vec<_>>(),
        "contract": contract,
        "cut": model.cut().map(|cut| json!({"node": cut.node, "boxes": cut.boxes, "scores": cut.scores, "replaced": cut.replaced})),
    })
}

/// Characters of a contract's value that are shown: more than the names of many classes have, fewer than prototypes.
const SHOWN: usize = 2000;

fn shortened(value: &str) -> String {
    match value.char_indices().nth(SHOWN) {
        Some(_) => {
            let end = value.char_indices().nth(60).map_or(0, |(end, _)| end);
            format!("{}… ({} characters; --json shows all)", &value[..end], value.chars().count())
        }
        None => value.into(),
    }
}

fn print(out: &mut impl Write, model: &Model, all_steps: bool) -> io::Result<()> {
    writeln!(out, "{}", model.path().display())?;
    let ports = [("input", model.inputs()), ("output", model.outputs())];
    for (what, port) in ports.iter().flat_map(|(what, ports)| ports.iter().map(move |port| (what, port))) {
        writeln!(out, "  {what:<8} {:<20} {:<5} {:?}", port.name, port.element.to_string(), port.shape)?;
    }
    writeln!(out, "  compute  {:.1} million multiply-accumulates", model.macs() as f64 / 1e6)?;
    writeln!(
        out,
        "  memory   {:.0} kB of weights, {:.0} kB of arena",
        model.weights_bytes() as f64 / 1e3,
        model.arena_bytes() as f64 / 1e3
    )?;
    if let Some(cut) = model.cut() {
        let instead = cut.replaced.join(", ");
        writeln!(
            out,
            "  cut      before the suppression {}: {}, {} instead of {instead}",
            cut.node, cut.boxes, cut.scores
        )?;
    }
    let steps = model.steps();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    steps.iter().for_each(|step| *kinds.entry(step.kind).or_default() += 1);
    writeln!(out, "  steps    {} on {} kernels", steps.len(), model.kernel_set())?;
    if all_steps {
        let width = steps.iter().map(|step| step.kernel.len()).max().unwrap_or(0);
        for (index, step) in steps.iter().enumerate() {
            let mmac = step.macs as f64 / 1e6;
            writeln!(
                out,
                "    {index:>4}  {:<18} {mmac:>9.3} MMAC  {:<width$}  {}",
                step.kind, step.kernel, step.name
            )?;
        }
    } else {
        for (kind, n) in kinds {
            writeln!(out, "    {n:>4}  {kind}")?;
        }
    }
    for (pass, n) in model.passes() {
        writeln!(out, "  pass     {pass}: {n}")?;
    }
    match model.fallbacks()[..] {
        [] => writeln!(out, "  fallback none: a run allocates nothing")?,
        ref fallbacks => {
            writeln!(out, "  fallback {} step(s) run in tract, and allocate:", fallbacks.len())?;
            for step in fallbacks {
                writeln!(out, "    {}: {}", step.name, step.reason)?;
            }
        }
    }
    match model.contract() {
        None => writeln!(out, "  contract none")?,
        Some(contract) => {
            writeln!(out, "  contract")?;
            for (key, value) in contract.to_metadata() {
                writeln!(out, "    {key} = {}", shortened(&value))?;
            }
        }
    }
    Ok(())
}
