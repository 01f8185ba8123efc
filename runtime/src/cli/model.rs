//! What every command that loads a model has in common.

use std::path::PathBuf;

use clap::Args;
use retort_core::kernels::KernelSet;

use crate::Error;
use crate::model::{InputKind, LoadOptions, Model};

/// The model and how to load it.
#[derive(Args)]
pub struct ModelArguments {
    /// The model: an .onnx file or a compiled .plan
    pub model: PathBuf,
    /// Fix the shape of an input with dynamic axes, as NAME=1,3,320,320 (may be repeated)
    #[arg(long = "shape", value_name = "NAME=N,C,H,W", value_parser = shape)]
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Run on this set of kernels instead of the best that the processor has
    #[arg(long, value_name = "SET", value_parser = kernel_set)]
    pub isa: Option<KernelSet>,
    /// Refuse a model of which any part would fall back to tract, and so allocate while it runs
    #[arg(long)]
    pub strict: bool,
}

impl ModelArguments {
    /// Loads the model.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn load(&self, input: InputKind) -> Result<Model, Error> {
        let options =
            LoadOptions { shapes: self.shapes.clone(), input, strict: self.strict, kernel_set: self.isa };
        Model::open(&self.model, &options)
    }
}

fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    // The name may itself hold an equals sign; the lengths never do.
    let (name, lengths) = text.rsplit_once('=').ok_or("expected NAME=1,3,320,320")?;
    let lengths = lengths
        .split([',', 'x'])
        .map(|length| length.trim().parse().ok().filter(|&n| n > 0))
        .collect::<Option<Vec<usize>>>()
        .ok_or_else(|| format!("`{lengths}` is no list of lengths such as 1,3,320,320"))?;
    Ok((name.to_owned(), lengths))
}

fn kernel_set(text: &str) -> Result<KernelSet, String> {
    KernelSet::ALL.iter().copied().find(|set| set.name() == text).ok_or_else(|| {
        let names: Vec<&str> = KernelSet::ALL.iter().map(|set| set.name()).collect();
        format!("unknown set of kernels; there are: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_parse() {
        assert_eq!(shape("images=1,3,320,320"), Ok(("images".into(), vec![1, 3, 320, 320])));
        assert_eq!(shape("a=b=1x3"), Ok(("a=b".into(), vec![1, 3])));
        assert!(shape("images").is_err());
        assert!(shape("images=1,0").is_err());
        assert!(shape("images=1,,3").is_err());
    }
}
