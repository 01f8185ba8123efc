//! `retort-train family`: one teacher, and a student for each budget.

use anyhow::{Result, bail};

use super::budget::{count, known_board};
use super::recipe::RunArguments;
use crate::distil::{Budget, family};
use crate::report::{Bars, Look, PAGE};

pub(super) const EXAMPLES: &str = "Examples:
  retort-train family models/recipes/shapes.toml --macs 20M,10M,5M
  retort-train family models/recipes/shapes.toml --board pi3 --ms 10,5,2.5 --set seeds=[1]";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) run: RunArguments,
    /// Multiply-accumulates that students may take, with commas between; k, M and G may follow
    #[arg(long, value_delimiter = ',', value_name = "N")]
    macs: Vec<String>,
    /// Kilobytes of weights that students may have
    #[arg(long, value_delimiter = ',', value_name = "KB")]
    kb: Vec<f64>,
    /// Predicted milliseconds that students may take on the board
    #[arg(long, value_delimiter = ',', value_name = "MS")]
    ms: Vec<f64>,
    /// The board whose milliseconds count
    #[arg(long, value_name = "BOARD", default_value = "pi4")]
    board: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let recipe = arguments.run.recipe.recipe()?;
    let board = known_board(&arguments.board)?;
    let mut budgets = Vec::new();
    for text in &arguments.macs {
        budgets.push(Budget::Macs(count(text)?));
    }
    budgets.extend(arguments.kb.iter().map(|kb| Budget::Bytes((kb * 1e3) as usize)));
    budgets.extend(arguments.ms.iter().map(|&ms| Budget::Milliseconds(board.to_owned(), ms)));
    if budgets.is_empty() {
        bail!("there is no budget: give --macs, --kb or --ms");
    }
    let folder = arguments.run.recipe.folder(&recipe)?;
    let options = arguments.run.options(false);
    let bars = Bars::default();
    let family = arguments.run.recipe.on_threads(|| Ok(family(&recipe, &budgets, board, &folder, &bars, options)?))?;
    if arguments.run.json {
        println!("{}", serde_json::to_string(&family)?);
        return Ok(());
    }
    print!("{}", family.table().render(Look::of_stdout()));
    bars.say(&format!("{} tells everything about it.", folder.file(PAGE).display()));
    Ok(())
}
