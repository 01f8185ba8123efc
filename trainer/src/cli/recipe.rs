//! What the commands that carry out a recipe have in common: the recipe, changes to it, and the run folder.

use std::path::PathBuf;

use anyhow::{Context, Result};

use retort::cli::LimitArguments;

use crate::distil::Options;
use crate::recipe::Recipe;
use crate::report::RunFolder;
use crate::train::Place;

#[derive(clap::Args)]
pub(super) struct RecipeArguments {
    /// The recipe; without one, that of the shapes
    recipe: Option<PathBuf>,
    /// Change one key of the recipe; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Folder for all that comes of it [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Where networks are trained; wgpu only where the program was built for it
    #[arg(long, value_name = "PLACE", value_enum, default_value_t)]
    pub(super) device: Place,
    /// Threads [default: one a processor]; results do not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
}

/// What the commands that train have beside it.
#[derive(clap::Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) recipe: RecipeArguments,
    /// Go on with an interrupted run: what lies in the folder is kept, and the result is the same
    #[arg(long)]
    pub(super) resume: bool,
    /// Print the results as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

impl RunArguments {
    pub(super) fn options(&self, labels_only: bool) -> Options {
        Options { resume: self.resume, labels_only, place: self.recipe.device }
    }
}

impl RecipeArguments {
    pub(super) fn recipe(&self) -> Result<Recipe> {
        Ok(Recipe::resolve(self.recipe.as_deref(), &self.overrides)?)
    }

    /// Changes to the recipe, as `key=value`.
    pub(super) fn overrides(&self) -> &[String] {
        &self.overrides
    }

    pub(super) fn folder(&self, recipe: &Recipe) -> Result<RunFolder> {
        let path = self.run.clone().unwrap_or_else(|| PathBuf::from("runs").join(&recipe.name));
        Ok(RunFolder::create(&path)?)
    }

    /// Runs `work` on as many threads as were asked for.
    pub(super) fn on_threads<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let Some(threads) = self.threads.filter(|&threads| threads > 0) else { return work() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start the threads")?;
        pool.install(work)
    }
}
