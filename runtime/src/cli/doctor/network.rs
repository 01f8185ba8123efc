//! A model: does it load, compute what it promises, and fit?

use std::path::Path;

use super::check::Check;
use super::memory::megabytes;
use crate::board::Root;
use crate::board::memory::Machine;
use crate::cli::verify::self_test;
use crate::model::golden::SelfTest;
use crate::model::{LoadOptions, Model};

/// Checks a model.
pub fn checks(root: &Root, path: &Path, options: &LoadOptions, contract: Option<&Path>) -> Vec<Check> {
    let model = match Model::open(path, options) {
        Ok(model) => model,
        Err(error) => {
            return vec![Check::problem("model", error.to_string(), "`retort inspect` says more of a file that loads")];
        }
    };
    vec![loaded(&model), fits(&model, &Machine::read(root)), tested(&model, contract)]
}

fn loaded(model: &Model) -> Check {
    let seen = format!("{}: {} steps on {} kernels", model.path().display(), model.steps().len(), model.kernel_set());
    match model.fallbacks()[..] {
        [] => Check::ok("model", seen),
        ref fallbacks => {
            let advice = "they allocate and are slow; `retort inspect` names them and why";
            Check::warning("model", format!("{seen}, {} of them in tract", fallbacks.len()), advice)
        }
    }
}

fn fits(model: &Model, machine: &Machine) -> Check {
    let needs = (model.arena_bytes() + model.weights_bytes()) as u64;
    let seen = format!("arena and weights take {:.1} MB", needs as f64 / 1e6);
    match machine.within_limit() {
        None => Check::ok("model memory", seen),
        Some(free) if needs < free / 2 => Check::ok("model memory", format!("{seen} of {}", megabytes(free))),
        Some(free) => Check::problem(
            "model memory",
            format!("{seen}, but only {} are to be had", megabytes(free)),
            "a smaller input or a smaller model; or stop other programs",
        ),
    }
}

fn tested(model: &Model, contract: Option<&Path>) -> Check {
    const NAME: &str = "self-test";
    match self_test(model, contract) {
        Ok(SelfTest { found, promised }) if found == promised => {
            Check::ok(NAME, format!("outputs are the exporter's, checksum {:08x}", found.output_crc32))
        }
        Ok(SelfTest { found, promised }) => Check::problem(
            NAME,
            format!(
                "outputs have checksum {:08x}, the exporter's had {:08x}",
                found.output_crc32, promised.output_crc32
            ),
            "see whether --isa portable gives the same: if not, the file or its contract is another than was exported",
        ),
        Err(error) => Check::warning(
            NAME,
            format!("cannot be done: {error:#}"),
            "`retort bench` prints a checksum of the outputs, to compare with another machine's",
        ),
    }
}
