//! `retort-train compare`: every loss by itself against the same control.

use anyhow::{Result, bail};

use super::recipe::RunArguments;
use crate::distil::{Contender, compare};
use crate::report::{Bars, Look, PAGE};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train compare models/recipes/fashion-losses.toml --set data.source=DIR
  retort-train compare models/recipes/shapes-losses.toml
  retort-train compare RECIPE.toml --losses kd,dist,pkd --run runs/losses";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) run: RunArguments,
    /// Which losses, with commas between; all that there are if none is named
    #[arg(long, value_delimiter = ',', value_name = "LOSS")]
    losses: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let recipe = arguments.run.recipe.recipe()?;
    let folder = arguments.run.recipe.folder(&recipe)?;
    let mut losses = Vec::new();
    for name in &arguments.losses {
        let Some(loss) = Contender::of(name) else {
            let all: Vec<_> = Contender::all().map(Contender::name).collect();
            bail!("there is no loss `{name}`; there are {}", all.join(", "));
        };
        losses.push(loss);
    }
    if losses.is_empty() {
        losses.extend(Contender::all());
    }
    let options = arguments.run.options(false);
    let bars = Bars::default();
    let comparison = arguments.run.recipe.on_threads(|| Ok(compare(&recipe, &losses, &folder, &bars, options)?))?;
    if arguments.run.json {
        println!("{}", serde_json::to_string(&comparison)?);
        return Ok(());
    }
    print!("{}", comparison.table().render(Look::of_stdout()));
    bars.say(&format!("{} tells everything about it.", folder.file(PAGE).display()));
    Ok(())
}
