//! What a model was taught, as a few places in the space of its embedding: a picture far from all of them is like none of
//! those it learned from.

use super::fields::{Fields, error};
use crate::error::ContractError;

/// More prototypes or channels than these are refused, so that no file makes a frame slow.
pub(super) const MOST: usize = 4096;

/// Places in the space of the embedding around which the pictures lay that a model learned from (keys `coverage.*`). The
/// distance of an embedding `x` from a prototype `p` is Euclid's in units of the deviations,
/// `√ Σ ((x[i] - p[i]) / deviations[i])²`.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// The name of the output with the embedding: one number a channel, in any shape.
    pub output: String,
    /// The share of its own pictures that each prototype's radius holds, above 0 and at most 1.
    pub quantile: f32,
    /// By how much each channel varied over the pictures; positive, one a channel.
    pub deviations: Vec<f32>,
    /// The prototypes, one number a channel each.
    pub prototypes: Vec<Vec<f32>>,
    /// For each prototype the distance within which its pictures lay; positive.
    pub radii: Vec<f32>,
}

/// Reads the table, where there is one.
pub(super) fn read(fields: &mut Fields) -> Result<Option<Coverage>, ContractError> {
    if !fields.has("coverage") {
        return Ok(None);
    }
    let remedy = "give it, or remove the other coverage keys";
    let output = fields.text("coverage.output")?;
    let output = fields.required("coverage.output", output, "name the output with the embedding")?;
    let key = "coverage.quantile";
    let quantile = fields.number_in(key, 0.0, 1.0)?;
    let quantile = fields.required(key, quantile, remedy)? as f32;
    if quantile <= 0.0 {
        return Err(error(key, "must be above 0: a radius holds some of its pictures"));
    }
    let deviations = fields.numbers("coverage.deviations")?;
    let deviations = positive("coverage.deviations", fields.required("coverage.deviations", deviations, remedy)?)?;
    let key = "coverage.prototypes";
    let prototypes = fields.number_lists(key)?;
    let prototypes = fields.required(key, prototypes, remedy)?;
    if !(1..=MOST).contains(&prototypes.len()) {
        return Err(error(key, format!("has {} lists; give 1 to {MOST}", prototypes.len())));
    }
    let channels = deviations.len();
    if let Some((place, list)) = prototypes.iter().enumerate().find(|(_, list)| list.len() != channels) {
        let problem = format!("has {} numbers in list {place}, but coverage.deviations has {channels}", list.len());
        return Err(error(key, problem));
    }
    let radii = fields.numbers("coverage.radii")?;
    let radii = positive("coverage.radii", fields.required("coverage.radii", radii, remedy)?)?;
    if radii.len() != prototypes.len() {
        let problem = format!("has {} numbers, but there are {} prototypes", radii.len(), prototypes.len());
        return Err(error("coverage.radii", problem));
    }
    Ok(Some(Coverage { output, quantile, deviations, prototypes, radii }))
}

fn positive(key: &str, numbers: Vec<f32>) -> Result<Vec<f32>, ContractError> {
    if !(1..=MOST).contains(&numbers.len()) {
        return Err(error(key, format!("has {} numbers; give 1 to {MOST}", numbers.len())));
    }
    match numbers.iter().position(|&number| number <= 0.0) {
        Some(place) => Err(error(key, format!("divides, so that number {place} must be above 0"))),
        None => Ok(numbers),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Contract;
    use super::*;

    const CONTRACT: &str = r#"
        task = "classify"
        classes = ["a", "b"]
        image = { colour = "grey", resize = "stretch" }
        head = { kind = "logits", output = "logits" }
        [coverage]
        output = "embedding"
        quantile = 0.99
        deviations = [0.5, 1, 2]
        prototypes = [[0, 1, 2], [-3, 4.5, 1e-3]]
        radii = [1.5, 2]
    "#;

    #[test]
    fn toml_and_metadata_give_the_same_coverage() {
        let contract = Contract::from_toml(CONTRACT).unwrap();
        let coverage = contract.coverage.clone().unwrap();
        assert_eq!(coverage.prototypes, [[0.0, 1.0, 2.0], [-3.0, 4.5, 1e-3]]);
        assert_eq!(
            (coverage.deviations.as_slice(), coverage.radii.as_slice()),
            (&[0.5, 1.0, 2.0][..], &[1.5, 2.0][..])
        );
        let pairs = contract.to_metadata();
        assert!(pairs.contains(&("retort.coverage.prototypes".into(), "[[0, 1, 2], [-3, 4.5, 0.001]]".into())));
        assert_eq!(Contract::from_metadata(&pairs).unwrap(), Some(contract));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (from, to, key, said) in [
            ("output = \"embedding\"", "", "coverage.output", "missing"),
            ("quantile = 0.99", "quantile = 0", "coverage.quantile", "above 0"),
            ("quantile = 0.99", "quantile = 1.5", "coverage.quantile", "0 to 1"),
            ("[0.5, 1, 2]", "[0.5, 0, 2]", "coverage.deviations", "number 1"),
            ("[0.5, 1, 2]", "[0.5, inf, 2]", "coverage.deviations", "list of numbers"),
            ("[0.5, 1, 2]", "[]", "coverage.deviations", "0 numbers"),
            ("[0, 1, 2]", "[0, 1]", "coverage.prototypes", "2 numbers in list 0"),
            ("[[0, 1, 2], [-3, 4.5, 1e-3]]", "[]", "coverage.prototypes", "0 lists"),
            ("[0, 1, 2]", "[0, nan, 2]", "coverage.prototypes", "lists of numbers"),
            ("radii = [1.5, 2]", "radii = [1.5]", "coverage.radii", "2 prototypes"),
            ("radii = [1.5, 2]", "radii = [1.5, -2]", "coverage.radii", "number 1"),
            ("radii = [1.5, 2]", "", "coverage.radii", "missing"),
            ("radii", "radi", "coverage.radi", "coverage.radii"),
        ] {
            assert!(CONTRACT.contains(from), "{from}");
            match Contract::from_toml(&CONTRACT.replacen(from, to, 1)) {
                Err(ContractError { key: at, problem }) => {
                    assert!(at == key && problem.contains(said), "{to}: {at}: {problem}");
                }
                other => panic!("{to}: not refused: {other:?}"),
            }
        }
    }
}
