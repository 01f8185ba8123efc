//! `retort-train distill`: the whole recipe, from nothing to a measured int8 student.

use std::path::PathBuf;

use anyhow::Result;

use crate::distil::experiment;
use crate::recipe::Recipe;
use crate::report::{Bars, RunFolder};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train distill models/recipes/shapes.toml
  retort-train distill models/recipes/shapes.toml --run runs/wider --set student.neck=64
  retort-train distill --set seeds=[1] --set learning.steps=300";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The recipe; without one, every key has its default
    recipe: Option<PathBuf>,
    /// Change one key of the recipe; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder for all that comes of it [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Go on with an interrupted run: networks that are already trained in the folder are kept
    #[arg(long)]
    resume: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let recipe = Recipe::resolve(arguments.recipe.as_deref(), &arguments.overrides)?;
    let path = arguments.run.clone().unwrap_or_else(|| PathBuf::from("runs").join(&recipe.name));
    let folder = RunFolder::create(&path)?;
    let bars = Bars::default();
    let results = experiment(&recipe, &folder, &bars, arguments.resume)?;
    bars.say(&format!("{}\nThe student is {}.", results.verdict.words, folder.file("student.onnx").display()));
    Ok(())
}
