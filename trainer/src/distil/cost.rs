//! What a network will cost on a board, before it is trained: neither size nor speed depends on its weights.

use retort::model::{InputKind, LoadOptions, Model};

use super::error::ExperimentError;
use crate::data::Sample;
use crate::evaluate::Cost;
use crate::export::{contract, encode, quantised_model};
use crate::limits::load_options;
use crate::nets::{Folded, Network, Weights};
use crate::quantise::calibrate;
use crate::recipe::Recipe;

/// Plans the int8 file of a network as the runtime will, with random weights.
///
/// # Errors
/// What the exporter or the runtime says of it.
pub fn cost(recipe: &Recipe, network: &Network, classes: &[String]) -> Result<Cost, ExperimentError> {
    let folded = Folded::new(&Weights::random(network, 1));
    let shape = network.input();
    let pixels = (0..shape.len()).map(|i| (i * 37 % 256) as u8).collect();
    let sample = Sample { channels: shape.channels, ..Sample::rgb(shape.width, shape.height, pixels) };
    let ranges = calibrate(&folded, &[&sample], 1.0);
    let model = quantised_model(&folded, &ranges, &recipe.name)?;
    let bytes = encode(model, contract(recipe, network, classes, Default::default()).to_metadata());
    let options = LoadOptions { input: InputKind::Quantised, ..load_options() };
    Ok(Cost::of(&Model::from_bytes(&bytes, std::path::Path::new("student"), &options)?))
}
