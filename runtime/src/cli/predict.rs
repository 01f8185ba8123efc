//! `retort inspect --predict`: what a model would take on a board that is not at hand.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::columns::{COLUMNS, tail};
use crate::predict::{BOARDS, Board, Prediction};

/// Reads the name of a board.
pub fn board(text: &str) -> Result<&'static Board, String> {
    Board::named(text).ok_or_else(|| {
        let names: Vec<&str> = BOARDS.iter().map(|board| board.key).collect();
        format!("unknown board; there are: {}", names.join(", "))
    })
}

/// The object `prediction` of the JSON object.
pub fn object(prediction: &Prediction) -> Value {
    let Prediction { board, threads, steps } = prediction;
    let step = |step: &crate::predict::Step| {
        json!({
            "node": step.name,
            "kind": step.work.kind.name(),
            "macs": step.work.macs,
            "units": step.work.units,
            "outputs": step.work.outputs,
            "functions": step.work.functions,
            "bytes_in": step.work.bytes_in,
            "bytes_out": step.work.bytes_out,
            "bytes_constant": step.work.bytes_constant,
            "instructions": step.cost.instructions,
            "compute_ms": step.cost.compute_ms,
            "memory_ms": step.cost.memory_ms,
            "overhead_ms": step.cost.overhead_ms,
            "ms": step.cost.ms,
        })
    };
    json!({
        "measured": false,
        "board": board.key,
        "name": board.name,
        "core": board.core.name,
        "ghz": board.ghz,
        "isa": board.core.kernels.name(),
        "threads": threads,
        "ms": prediction.ms(),
        "fallback_steps": prediction.fallbacks(),
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// The table for people.
pub fn print(out: &mut impl Write, prediction: &Prediction) -> io::Result<()> {
    let Prediction { board, threads, steps } = prediction;
    let total = prediction.ms();
    writeln!(
        out,
        "  predicted, not measured: {}, {threads} of {} × {} at {} GHz, {} kernels",
        board.name,
        board.cores,
        board.core.name,
        board.ghz,
        board.core.kernels.name()
    )?;
    let width = steps.iter().map(|step| step.work.kind.name().len()).max().unwrap_or(0).max("kind".len());
    writeln!(out, "  step       ms  share     MMAC       kB  bound by  {:<width$}  node", "kind")?;
    for (index, step) in steps.iter().enumerate() {
        let (work, cost) = (step.work, step.cost);
        let longest = cost.compute_ms.max(cost.memory_ms);
        let bound = match longest {
            _ if cost.overhead_ms > longest => "overhead",
            _ if cost.memory_ms > cost.compute_ms => "memory",
            _ => "compute",
        };
        let line = format!(
            "  {index:>4} {:>8.3} {:>5.1}% {:>8.3} {:>8.1}  {bound:<8}  {:<width$}  ",
            cost.ms,
            100.0 * cost.ms / total,
            work.macs as f64 / 1e6,
            (work.bytes_in + work.bytes_out + work.bytes_constant) as f64 / 1e3,
            work.kind.name(),
        );
        let node = tail(&step.name, COLUMNS.saturating_sub(line.chars().count()));
        writeln!(out, "{line}{node}")?;
    }
    writeln!(out, "  all  {total:>8.3} ms predicted, {:.1} runs a second", 1e3 / total)?;
    match prediction.fallbacks() {
        0 => Ok(()),
        count => writeln!(out, "  {count} step(s) would run in tract: expect more than this"),
    }
}
