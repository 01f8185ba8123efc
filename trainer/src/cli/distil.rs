//! `retort-train distill` and `retort-train train`: the whole recipe, from pictures to measured int8 students.

use anyhow::Result;

use super::recipe::RecipeArguments;
use crate::distil::{Options, experiment};
use crate::report::{Bars, Look, PAGE};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train distill models/recipes/shapes.toml
  retort-train distill models/recipes/shapes.toml --run runs/wider --set student.neck=64
  retort-train distill --set seeds=[1] --set learning.steps=300";

pub(super) const TRAIN_EXAMPLES: &str = "Examples:
  retort-train train models/recipes/mnist-cnn.toml --set data.source=DIR
  retort-train train --set seeds=[1] --set learning.steps=300";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Go on with an interrupted run: what lies in the folder is kept, and the result is the same
    #[arg(long)]
    resume: bool,
    /// Print the results as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, labels_only: bool) -> Result<()> {
    let recipe = arguments.recipe.recipe()?;
    let folder = arguments.recipe.folder(&recipe)?;
    let options = Options { resume: arguments.resume, labels_only, place: arguments.recipe.device };
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
