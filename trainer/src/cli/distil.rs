//! `retort-train distill` and `retort-train train`: the whole recipe, from pictures to measured int8 students.

use anyhow::Result;

use super::recipe::RunArguments;
use crate::distil::experiment;
use crate::report::{Bars, Look, PAGE};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train distill models/recipes/shapes.toml
  retort-train distill models/recipes/shapes.toml --run runs/wider --set student.neck=64
  retort-train distill --set seeds=[1] --set learning.steps=300";

pub(super) const TRAIN_EXAMPLES: &str = "Examples:
  retort-train train models/recipes/mnist-cnn.toml --set data.source=DIR
  retort-train train --set seeds=[1] --set learning.steps=300";

pub(super) fn run(arguments: &RunArguments, labels_only: bool) -> Result<()> {
    let recipe = arguments.recipe.recipe()?;
    let folder = arguments.recipe.folder(&recipe)?;
    let options = arguments.options(labels_only);
    let bars = Bars::default();
    let results = arguments.recipe.on_threads(|| Ok(experiment(&recipe, &folder, &bars, options)?))?;
    if arguments.json {
        println!("{}", serde_json::to_string(&results)?);
        return Ok(());
    }
    print!("{}", results.table(Look::of_stdout()));
    if let Some(verdict) = &results.verdict {
        bars.say(&verdict.words);
    }
    if let Some(verdict) = &results.assistance {
        bars.say(&verdict.words);
    }
    let (student, page) = (folder.file("student.onnx"), folder.file(PAGE));
    bars.say(&format!("The student is {}; {} tells everything about it.", student.display(), page.display()));
    Ok(())
}
