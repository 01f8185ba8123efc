//! Recipes, contracts and configurations of the service: TOML, and for contracts the pairs that a model carries as well.

use std::path::Path;
use std::sync::LazyLock;

use retort::Error;
use retort::contract::Contract;
use retort::model::{LoadOptions, Model};
use retort::service::{Config, Settings};
use retort::source::Stop;
use retort_trainer::recipe::Recipe;

use super::{is_mistake, told};

/// The text of a recipe, resolved against the defaults and checked.
pub fn recipe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Recipe::from_text("fuzzed.toml", text, &[]) {
        Ok(recipe) => {
            let again = Recipe::from_text("again.toml", &recipe.to_toml(), &[]);
            assert!(again.is_ok(), "what was accepted is refused once it is spelled out: {:?}", again.err());
        }
        Err(error) => told(&error, "fuzzed.toml", bytes),
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
        Err(error) => told(&Error::from(error).in_file(Path::new("fuzzed.toml")), "fuzzed.toml", bytes),
    }
    let pairs: Vec<(String, String)> = (text.lines())
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (format!("retort.{}", key.trim()), value.trim().to_owned()))
        .collect();
    if let Err(error) = Contract::from_metadata(&pairs) {
        told(&Error::from(error).in_file(Path::new("fuzzed.onnx")), "fuzzed.onnx", bytes);
    }
}

/// The configuration of a service with its zones, lines and masks, or else what its live page may change of them.
pub fn service(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let classes = ["person".to_owned(), "thing".to_owned()];
    let one_line = |problem: String| assert!(!problem.is_empty() && !is_mistake(&problem, bytes), "{problem}");
    if let Ok(settings) = serde_json::from_str::<Settings>(text) {
        settings.places(&classes).err().into_iter().for_each(one_line);
        let kept = serde_json::to_string(&settings).expect("what was read can be written");
        let again = serde_json::from_str::<Settings>(&kept);
        assert!(again.is_ok(), "what was accepted is refused once it is kept: {:?}", again.err());
        return;
    }
    match Config::parse(text) {
        Ok(config) => {
            let _ = config.source_options(Some([64, 64]), Stop::default());
            let settings = Settings::of(&config, 0.5);
            assert_eq!(
                config.places(&classes).is_ok(),
                settings.places(&classes).is_ok(),
                "one accepts what the other refuses"
            );
            config.places(&classes).err().into_iter().for_each(one_line);
        }
        Err(problem) => one_line(problem),
    }
}
