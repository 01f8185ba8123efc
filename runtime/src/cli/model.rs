//! What every command that loads a model has in common.

use std::path::PathBuf;

use clap::Args;
use retort_core::kernels::KernelSet;

use super::key::KeyArguments;
use super::limit::LimitArguments;
use super::threads::Threads;
use crate::Error;
use crate::model::{Fit, InputKind, LoadOptions, Model};
use crate::predict::Board;

/// The model and how to load it.
#[derive(Clone, Debug, Args)]
pub struct ModelArguments {
    /// The model: an ONNX file or a compiled plan.
    pub model: PathBuf,
    /// Fix the shape of an input with dynamic axes, as NAME=1,3,320,320 (may be repeated).
    #[arg(long = "shape", value_name = "NAME=N,C,H,W", value_parser = shape)]
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Where the model leaves the height and width of its input open, give it S × S pixels. `detect` takes 640.
    #[arg(long, value_name = "S", value_parser = side)]
    pub side: Option<usize>,
    /// Use this set of kernels instead of the best that the processor has.
    #[arg(long, value_name = "SET", value_parser = kernel_set)]
    pub isa: Option<KernelSet>,
    /// Refuse a model of which any part would fall back to tract, and so allocate while it runs.
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub limits: LimitArguments,
    #[command(flatten)]
    pub key: KeyArguments,
}

impl ModelArguments {
    /// Loads the model to run it on the caller's thread.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn load(&self, input: InputKind) -> Result<Model, Error> {
        Model::open(&self.model, &self.options(input))
    }

    /// Loads the model to look at it or to write it, whatever processor it is for.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn load_for_any(&self, input: InputKind) -> Result<Model, Error> {
        Model::open(&self.model, &LoadOptions { for_any_processor: true, ..self.options(input) })
    }

    /// Loads the model as a board would, unless it is a plan already or other kernels are named.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn load_for_board(&self, board: &Board, input: InputKind) -> Result<Model, Error> {
        if self.isa.is_some() {
            return self.load_for_any(input);
        }
        // Fails where the file is a plan for other kernels; what else is wrong is found once more.
        let as_there = Model::open(&self.model, &board.options(self.options(input)));
        as_there.or_else(|_| self.load_for_any(input))
    }

    /// Loads the model to run it on several threads.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn load_on(&self, threads: &Threads, input: InputKind) -> Result<Model, Error> {
        Model::open(&self.model, &LoadOptions { threads: Some(threads.count()), ..self.options(input) })
    }

    fn options(&self, input: InputKind) -> LoadOptions {
        LoadOptions {
            shapes: self.shapes.clone(),
            fit: self.side.map(Fit::square),
            input,
            strict: self.strict,
            kernel_set: self.isa,
            limits: self.limits.limits(),
            key: self.key.key.clone(),
            ..LoadOptions::default()
        }
    }
}

/// Reads NAME=1,3,320,320.
pub fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let wrong = || "must look like NAME=1,3,320,320, with lengths of at least 1".to_string();
    // A name may hold `=`, the lengths do not.
    let (name, lengths) = text.rsplit_once('=').ok_or_else(wrong)?;
    let length = |text: &str| text.trim().parse().ok().filter(|&length| length > 0);
    let lengths: Option<Vec<usize>> = lengths.split(',').map(length).collect();
    match lengths {
        Some(lengths) if !name.is_empty() => Ok((name.to_string(), lengths)),
        _ => Err(wrong()),
    }
}

/// Reads the side of an input.
fn side(text: &str) -> Result<usize, String> {
    let side = text.parse().ok().filter(|side| (32..=8192).contains(side));
    side.ok_or_else(|| "must be a number of pixels from 32 to 8192".into())
}

/// Reads the name of a set of kernels.
pub fn kernel_set(text: &str) -> Result<KernelSet, String> {
    KernelSet::ALL.iter().copied().find(|set| set.name() == text).ok_or_else(|| {
        let names: Vec<&str> = KernelSet::ALL.iter().map(|set| set.name()).collect();
        format!("unknown set of kernels; there are: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_and_refused() {
        assert_eq!(shape("a=b=1,3, 320"), Ok(("a=b".to_string(), vec![1, 3, 320])));
        for wrong in ["a", "=1", "a=", "a=1,,2", "a=0", "a=-1", "a=x"] {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
        assert_eq!(side("416"), Ok(416));
        assert!(["31", "8193", "-1", "x", ""].iter().all(|wrong| side(wrong).is_err()));
    }
}
