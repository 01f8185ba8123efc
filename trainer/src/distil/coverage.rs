//! What the kept student was taught, for its contract and for the run folder.

use std::path::Path;
use std::sync::Arc;

use retort::contract::Coverage;
use serde::Serialize;

use super::error::ExperimentError;
use super::pictures::Set;
use super::results::Arm;
use super::trainings::Bench;
use crate::coverage::{Embedder, Other, fit, flagged, other};
use crate::data::{Rng, Sample};

/// The most pictures that prototypes are made of, and that anything is measured on.
const LEARNED: usize = 4000;
const MEASURED: usize = 1000;

/// `coverage.json`.
#[derive(Debug, Serialize)]
struct Summary {
    /// Of each prototype.
    prototypes: Vec<Prototype>,
    quantile: f64,
    channels: usize,
    /// How many pictures the prototypes were made of.
    learned: usize,
    /// How many others of the same source were looked at.
    held_out: usize,
    /// Shares of pictures that are unlike anything taught, 0 to 1.
    flagged: Flagged,
}

#[derive(Debug, Serialize)]
struct Prototype {
    pictures: usize,
    radius: f32,
}

#[derive(Debug, Serialize)]
struct Flagged {
    learned: Option<f64>,
    held_out: Option<f64>,
    noise: Option<f64>,
    inverted: Option<f64>,
    blank: Option<f64>,
}

/// Prototypes of what the student of an arm learned from, as its file sees it; `None` where the recipe wants none. Writes
/// `coverage.json`.
pub(super) fn taught(bench: &Bench<'_>, arm: Arm, path: &Path) -> Result<Option<Coverage>, ExperimentError> {
    let (wanted, pictures) = (&bench.recipe.coverage, bench.pictures);
    if wanted.prototypes == 0 {
        return Ok(None);
    }
    // The control sees labelled pictures only.
    let transfer = if arm == Arm::Control { 0 } else { pictures.transfer.len() };
    let total = pictures.labelled.len() + transfer;
    let learned = |place: usize| match place.checked_sub(pictures.labelled.len()) {
        None => pictures.labelled.load(place).ok(),
        Some(place) => pictures.transfer.load(place).ok(),
    };
    let held_out: &Set = if pictures.validation.is_empty() { &pictures.test } else { &pictures.validation };
    let (count, measured) = (total.min(LEARNED), held_out.len().min(MEASURED));
    let bar = bench.bars.start("what the student was taught", count + measured * (1 + Other::ALL.len()));
    let advance = |done| bar.advance(done);
    let embedder = Embedder::open(path)?;
    // Evenly spread, since neighbours are often alike.
    let embeddings = embedder.embed(count, |place| learned(place * total / count), advance)?;
    let mut rng = Rng::new(&[bench.recipe.data.seed, 0xc0e7]);
    let Some(fitted) = fit(&embeddings, wanted, &mut rng) else { return Ok(None) };
    let coverage = fitted.coverage;
    let held = |place: usize| held_out.load(place * held_out.len() / measured).ok();
    let share = |change: &(dyn Fn(Arc<Sample>, usize) -> Arc<Sample> + Sync)| -> Result<Option<f64>, ExperimentError> {
        let seen = embedder.embed(measured, |place| held(place).map(|sample| change(sample, place)), advance)?;
        Ok(flagged(&coverage, &seen))
    };
    let of = |how: Other| share(&|sample, place| Arc::new(other(&sample, how, place)));
    let shares = Flagged {
        learned: flagged(&coverage, &embeddings),
        held_out: share(&|sample, _| sample)?,
        noise: of(Other::Noise)?,
        inverted: of(Other::Inverted)?,
        blank: of(Other::Blank)?,
    };
    let percent = |share: Option<f64>| share.map_or("–".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    bar.finish(&format!("unlike it: {} of others, {} of noise", percent(shares.held_out), percent(shares.noise)));
    let prototypes = fitted.members.iter().zip(&coverage.radii);
    let summary = Summary {
        prototypes: prototypes.map(|(&pictures, &radius)| Prototype { pictures, radius }).collect(),
        quantile: wanted.quantile,
        channels: coverage.deviations.len(),
        learned: embeddings.len(),
        held_out: measured,
        flagged: shares,
    };
    bench.folder.write("coverage.json", serde_json::to_string_pretty(&summary).unwrap_or_default())?;
    Ok(Some(coverage))
}
