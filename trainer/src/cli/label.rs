//! `retort-train label`: lets the teacher answer, on one machine or a share on each of several.

use anyhow::{Result, anyhow};

use super::recipe::RecipeArguments;
use crate::distil::label;
use crate::report::Bars;

pub(super) const EXAMPLES: &str = "Examples:
  retort-train label recipe.toml                     all, into runs/NAME/answers
  retort-train label recipe.toml --shard 1/4         the first quarter; copy the folders `answers` of four machines together,
  retort-train distill recipe.toml --resume          and nothing is asked again";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) recipe: RecipeArguments,
    /// Which share of the pictures, such as 2/4
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = shard)]
    shard: [usize; 2],
}

/// `i/n`, counted from 1, as a place counted from 0 and the number of shares.
fn shard(text: &str) -> Result<[usize; 2]> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse::<usize>().ok()?, n.parse::<usize>().ok()?)));
    match parts {
        Some((i, n)) if (1..=n).contains(&i) => Ok([i - 1, n]),
        _ => Err(anyhow!("a share is I/N with I from 1 to N, such as 2/4")),
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let recipe = arguments.recipe.recipe()?;
    let folder = arguments.recipe.folder(&recipe)?;
    let bars = Bars::default();
    arguments.recipe.on_threads(|| Ok(label(&recipe, &folder, &bars, arguments.recipe.device, arguments.shard)?))?;
    bars.say(&format!("The answers are in {}.", folder.file("answers").display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_from_one() {
        assert_eq!(shard("2/4").expect("a share"), [1, 4]);
        for wrong in ["0/4", "5/4", "2", "a/b", "1/0"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}
