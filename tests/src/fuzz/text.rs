//! Recipes and contracts: TOML, and for contracts the pairs that a model carries as well.

use std::path::Path;
use std::sync::LazyLock;

use retort::contract::Contract;
use retort::model::{LoadOptions, Model};
use retort_trainer::recipe::Recipe;

use super::told;

/// The text of a recipe, resolved against the defaults and checked.
pub fn recipe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Recipe::from_text("fuzzed.toml", text, &[]) {
        Ok(recipe) => {
            let again = Recipe::from_text("again.toml", &recipe.to_toml(), &[]);
            assert!(again.is_ok(), "what was accepted is refused once it is spelled out: {:?}", again.err());
        }
        Err(error) => told(&error, "fuzzed.toml"),
    }
}

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let path = crate::data::repository().join("models").join("shapes-128.onnx");
    Model::open(&path, &LoadOptions::default()).expect("the model that comes with the program")
});

/// The text of a contract, read as a file beside a model and as the pairs that a model carries, and held against a model.
pub fn contract(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Contract::from_toml(text) {
        Ok(contract) => {
            let _ = contract.check(MODEL.inputs(), MODEL.outputs());
            let pairs = contract.to_metadata();
            let again = Contract::from_metadata(&pairs);
            assert!(
                matches!(again, Ok(Some(_))),
                "what was accepted is refused once a model carries it: {:?}",
                again.err()
            );
        }
        Err(error) => told(&error.in_file(Path::new("fuzzed.toml")), "fuzzed.toml"),
    }
    let pairs: Vec<(String, String)> = (text.lines())
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (format!("retort.{}", key.trim()), value.trim().to_owned()))
        .collect();
    if let Err(error) = Contract::from_metadata(&pairs) {
        told(&error.in_file(Path::new("fuzzed.onnx")), "fuzzed.onnx");
    }
}
