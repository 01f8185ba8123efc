//! What a network will cost on a board, before it is trained: neither size nor speed depends on its weights.

use std::path::Path;

use retort::model::Model;

use super::error::ExperimentError;
use crate::data::Sample;
use crate::evaluate::Cost;
use crate::export::{contract, encode, quantised_model};
use crate::nets::{Folded, Network, Weights};
use crate::quantise::calibrate;
use crate::recipe::Recipe;

/// Plans the int8 file of a network as the runtime will on boards, with random weights.
///
/// # Errors
/// What the exporter or the runtime says of it.
pub fn cost(recipe: &Recipe, network: &Network, classes: &[String]) -> Result<Cost, ExperimentError> {
    let bytes = file(recipe, network, classes)?;
    Ok(Cost::of(|options| Model::from_bytes(&bytes, Path::new("student"), options))?)
}

/// The file.
fn file(recipe: &Recipe, network: &Network, classes: &[String]) -> Result<Vec<u8>, ExperimentError> {
    let folded = Folded::new(&Weights::random(network, 1));
    let shape = network.input();
    let pixels = (0..shape.len()).map(|i| (i * 37 % 256) as u8).collect();
    let sample = Sample { channels: shape.channels, ..Sample::rgb(shape.width, shape.height, pixels) };
    let ranges = calibrate(&folded, &[&sample], 1.0);
    let model = quantised_model(&folded, &ranges, &recipe.name)?;
    Ok(encode(model, contract(recipe, network, classes, Default::default()).to_metadata()))
}

#[cfg(test)]
mod tests {
    use retort::model::{InputKind, LoadOptions};
    use retort::predict::{BOARDS, Prediction};

    use super::*;
    use crate::distil::network;

    #[test]
    fn costs_are_those_of_boards_whatever_this_machine_is() {
        let recipe = Recipe::resolve(None, &[]).expect("the shapes");
        let classes = ["a", "b", "c"].map(String::from);
        let student = network(&recipe, "student", classes.len()).expect("a student");
        let cost = cost(&recipe, &student, &classes).expect("a cost");
        let bytes = file(&recipe, &student, &classes).expect("a file");
        let mut most = 0;
        for board in &BOARDS {
            let set = board.core.kernels.set();
            let options = LoadOptions { kernel_set: Some(set), for_any_processor: true, ..LoadOptions::default() };
            let options = LoadOptions { input: InputKind::Quantised, ..options };
            let model = Model::from_bytes(&bytes, Path::new("student"), &options).expect("it loads");
            assert_eq!(model.kernel_set(), set);
            assert_eq!(cost.predicted_ms[board.key], Prediction::of(&model, board, board.cores).ms());
            most = most.max(model.weights_bytes());
        }
        assert_eq!(cost.weights_bytes, most);
    }
}
