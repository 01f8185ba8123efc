//! `retort-train distill` and `retort-train train`: the whole recipe, from pictures to measured int8 students.

use anyhow::{Context, Result};

use super::camera::CameraArguments;
use super::recipe::RunArguments;
use crate::distil::{Results, changes_table, experiment};
use crate::recipe::Recipe;
use crate::report::{Bars, Look, PAGE, RunFolder};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train distill --video front-door.avi --teacher yolox_nano.onnx --classes person --macs 60M --out student.onnx
  retort-train distill --continue runs/front-door --add collected
  retort-train distill --video yard.mp4 --teacher rtmdet_nano.onnx --classes cat,dog --board pi4 --ms 15 --minutes 10
  retort-train distill models/recipes/shapes.toml
  retort-train distill models/recipes/shapes.toml --run runs/wider --set student.neck=64
  retort-train distill --set seeds=[1] --set learning.steps=300";

pub(super) const TRAIN_EXAMPLES: &str = "Examples:
  retort-train train models/recipes/mnist-cnn.toml --set data.source=DIR
  retort-train train --set seeds=[1] --set learning.steps=300";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) run: RunArguments,
    #[command(flatten)]
    camera: CameraArguments,
}

pub(super) fn run_distil(arguments: &Arguments) -> Result<()> {
    let run = &arguments.run;
    let of_camera = || arguments.camera.recipe(run.recipe.overrides());
    let recipe = match run.recipe.on_threads(of_camera)? {
        Some(mut recipe) => {
            // Another time, another pace: what was begun goes on as it was planned.
            if run.resume
                && arguments.camera.paced()
                && let Some(before) = run.recipe.folder(&recipe)?.read("recipe.toml")
            {
                recipe.learning = Recipe::from_text("the recipe of the run", &before, &[])?.learning;
            }
            recipe
        }
        None => run.recipe.recipe()?,
    };
    carry_out(run, &recipe, false)?;
    if let Some(out) = &arguments.camera.out {
        let student = run.recipe.folder(&recipe)?.file("student.onnx");
        std::fs::copy(&student, out).with_context(|| format!("cannot write {}", out.display()))?;
    }
    Ok(())
}

pub(super) fn run_train(arguments: &RunArguments) -> Result<()> {
    carry_out(arguments, &arguments.recipe.recipe()?, true)
}

fn carry_out(arguments: &RunArguments, recipe: &Recipe, labels_only: bool) -> Result<()> {
    let folder = arguments.recipe.folder(recipe)?;
    let options = arguments.options(labels_only);
    let bars = Bars::default();
    let results = arguments.recipe.on_threads(|| Ok(experiment(recipe, &folder, &bars, options)?))?;
    if arguments.json {
        println!("{}", serde_json::to_string(&results)?);
        return Ok(());
    }
    tell(&results, &folder, &bars);
    Ok(())
}

/// What an experiment has come to, on the terminal.
pub(super) fn tell(results: &Results, folder: &RunFolder, bars: &Bars) {
    print!("{}", results.table(Look::of_stdout()));
    if let Some(verdict) = &results.verdict {
        bars.say(&verdict.words);
    }
    if let Some(words) = &results.standing {
        bars.say(words);
    }
    if !results.changes.is_empty() {
        print!("{}", changes_table(&results.changes).render(Look::of_stdout()));
    }
    if let Some(verdict) = &results.assistance {
        bars.say(&verdict.words);
    }
    let (student, page) = (folder.file("student.onnx"), folder.file(PAGE));
    bars.say(&format!("The student is {}; {} tells everything about it.", student.display(), page.display()));
}
