//! `retort-train plan`: what a recipe's networks will cost on a board, before anything is trained.

use std::path::Path;

use anyhow::{Context, Result};
use retort::predict::BOARDS;

use super::recipe::RecipeArguments;
use crate::bindings::taps;
use crate::distil::{class_names, cost, network};
use crate::limits::read_model;
use crate::nets::Network;
use crate::recipe::Recipe;
use crate::teacher::taps_of;

pub(super) const EXAMPLES: &str = "Examples:
  retort-train plan models/recipes/shapes.toml
  retort-train plan models/recipes/shapes.toml --set student.scale=0.5 --set data.width=160
  retort-train plan RECIPE.toml --taps";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) recipe: RecipeArguments,
    /// List the layers of the student and the tensors of the teacher that bindings may name
    #[arg(long)]
    taps: bool,
    /// Print the facts as one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints where the student and the teacher can be tapped; `auto` and `all` are chosen among the lines with a star.
fn list_taps(recipe: &Recipe, classes: usize) -> Result<()> {
    let own = |key: &'static str| -> Result<()> {
        let network = network(recipe, key, classes)?;
        let (ends, all) = (taps::ends(&network), taps::all(&network));
        println!("{key}");
        for place in ends {
            let shape = network.nodes[place].shape;
            let size = format!("{}×{}×{}", shape.height, shape.width, shape.channels);
            let star = if all.contains(&place) { "*" } else { "" };
            println!("  {:32}{size:>14} {star}", network.nodes[place].name);
        }
        Ok(())
    };
    own("student")?;
    if recipe.teacher.models.is_empty() {
        return own("teacher");
    }
    for path in &recipe.teacher.models {
        println!("{path}");
        for tap in taps_of(&read_model(Path::new(path)).with_context(|| format!("cannot read {path}"))?) {
            let [rows, columns, channels] = tap.shape;
            let answer = if tap.answer { "an answer" } else { "" };
            println!("  {:32}{:>14} {answer}", tap.name, format!("{rows}×{columns}×{channels}"));
        }
    }
    Ok(())
}

/// What is known of a network before it is trained.
#[derive(serde::Serialize)]
struct Facts {
    network: &'static str,
    parameters: usize,
    macs: usize,
    weights_bytes: usize,
    arena_bytes: usize,
    /// Predicted milliseconds of one inference in int8, by board, on all of its cores.
    predicted_ms: std::collections::BTreeMap<String, f64>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let recipe = arguments.recipe.recipe()?;
    let classes = class_names(&recipe)?;
    if arguments.taps {
        return list_taps(&recipe, classes.len());
    }
    let mut all = Vec::new();
    for key in ["teacher", "student"] {
        if key == "teacher" && !recipe.teacher.models.is_empty() {
            continue;
        }
        let network = network(&recipe, key, classes.len())?;
        all.push(facts(&recipe, key, &network, &classes)?);
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&all)?);
        return Ok(());
    }
    print!("{:10}{:>12}{:>10}{:>12}{:>12}", "network", "parameters", "MMAC", "weights kB", "arena kB");
    BOARDS.iter().for_each(|board| print!("{:>11}", format!("{} ms", board.key)));
    println!();
    for facts in all {
        print!(
            "{:10}{:>12}{:>10.1}{:>12}{:>12}",
            facts.network,
            facts.parameters,
            facts.macs as f64 / 1e6,
            facts.weights_bytes.div_ceil(1000),
            facts.arena_bytes.div_ceil(1000)
        );
        BOARDS.iter().for_each(|board| print!("{:>11.1}", facts.predicted_ms[board.key]));
        println!();
    }
    println!("Milliseconds are predictions of one int8 inference on all cores, not measurements.");
    Ok(())
}

fn facts(recipe: &Recipe, key: &'static str, network: &Network, classes: &[String]) -> Result<Facts> {
    let cost = cost(recipe, network, classes)?;
    Ok(Facts {
        network: key,
        parameters: network.parameters(),
        macs: network.macs(),
        weights_bytes: cost.weights_bytes,
        arena_bytes: cost.arena_bytes,
        predicted_ms: cost.predicted_ms,
    })
}
