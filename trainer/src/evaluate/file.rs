//! Measures a model file as its users will run it: through the runtime, from pixels to boxes.

use std::path::Path;

use rayon::prelude::*;
use retort::Error;
use retort::contract::{Contract, Golden};
use retort::model::{InputKind, LoadOptions, Model};
use retort::tensor::{Port, TensorRef};
use retort::vision::detector::Detector;
use retort::vision::frame::Frame;
use retort::vision::preprocess::Preprocessor;

use super::coco::{Found, Judged, Summary, Truth, from_edges, summarise};
use crate::data::{Dataset, Label, Sample};
use crate::nets::Maps;

/// Scores below this are left out of the figures, to which they add next to nothing.
const SCORE: f32 = 0.01;
/// Pictures that one detector looks at before the next one starts.
const SHARE: usize = 32;

fn open(path: &Path) -> Result<(Model, Contract), Error> {
    let options = LoadOptions { input: InputKind::Quantised, ..LoadOptions::default() };
    let model = Model::open(path, &options)?;
    let contract = Contract::find(path, None, model.contract())?;
    Ok((model, contract))
}

/// What the detector in a file finds in each picture. `score` replaces the contract's if it is given; `done` is called
/// with the number of pictures finished, from any thread.
pub fn detect(
    path: &Path,
    samples: &[Sample],
    score: Option<f32>,
    done: impl Fn(usize) + Sync,
) -> Result<Vec<Vec<Found>>, Error> {
    let (model, mut contract) = open(path)?;
    contract.limits.score = score.unwrap_or(contract.limits.score);
    let look = |samples: &[Sample]| -> Result<Vec<Vec<Found>>, Error> {
        let mut detector = Detector::new(&model, &contract)?;
        let mut all = Vec::with_capacity(samples.len());
        for sample in samples {
            let detections = detector.detect(&Frame::rgb(&sample.pixels, sample.width, sample.height)?)?;
            let found = detections.iter().map(|d| Found {
                class: d.class as usize,
                score: f64::from(d.score),
                bbox: from_edges([d.rect.left, d.rect.top, d.rect.right, d.rect.bottom]),
            });
            all.push(found.collect());
        }
        done(samples.len());
        Ok(all)
    };
    let shares: Result<Vec<_>, Error> = samples.par_chunks(SHARE).map(look).collect();
    Ok(shares?.into_iter().flatten().collect())
}

/// COCO's figures for the detector in a file.
pub fn evaluate_file(path: &Path, data: &Dataset, done: impl Fn(usize) + Sync) -> Result<Summary, Error> {
    let (_, contract) = open(path)?;
    let found = detect(path, &data.samples, Some(SCORE), done)?;
    let truth = |label: &Label| Truth::new(label.class, from_edges(label.bounds));
    let judge =
        |(sample, found): (&Sample, Vec<Found>)| Judged { found, truths: sample.boxes.iter().map(truth).collect() };
    let pictures: Vec<Judged> = data.samples.iter().zip(found).map(judge).collect();
    Ok(summarise(&pictures, contract.classes.len()))
}

/// Runs the golden picture of a seed through a file and takes the checksums.
pub fn golden(path: &Path, seed: u32) -> Result<Golden, Error> {
    let (model, contract) = open(path)?;
    retort::model::golden::golden(&model, &contract, seed)
}

/// What the detector in a file says about each picture, raw. The outputs are those that [`crate::export`] writes.
pub fn predict_file(path: &Path, samples: &[Sample], done: impl Fn(usize) + Sync) -> Result<Vec<Maps>, Error> {
    let (model, contract) = open(path)?;
    let input = contract.image.port(model.inputs())?;
    let look = |samples: &[Sample]| -> Result<Vec<Maps>, Error> {
        let mut preprocessor = Preprocessor::new(&contract.image, &model.inputs()[input])?;
        let mut session = model.session();
        let mut all = Vec::with_capacity(samples.len());
        for sample in samples {
            let frame = Frame::rgb(&sample.pixels, sample.width, sample.height)?;
            preprocessor.fill(&frame, session.input(input))?;
            session.run()?;
            let mut maps = Maps { classes: Vec::new(), boxes: Vec::new() };
            // Levels from fine to coarse, classes before boxes.
            for (index, port) in model.outputs().iter().enumerate() {
                if let TensorRef::F32(values) = session.output(index) {
                    let target = if index % 2 == 0 { &mut maps.classes } else { &mut maps.boxes };
                    cells_first(port, values, target);
                }
            }
            all.push(maps);
        }
        done(samples.len());
        Ok(all)
    };
    let shares: Result<Vec<_>, Error> = samples.par_chunks(SHARE).map(look).collect();
    Ok(shares?.into_iter().flatten().collect())
}

/// Appends an output of shape `[1, channels, rows, columns]` cell by cell, whatever its order in memory.
fn cells_first(port: &Port, values: &[f32], target: &mut Vec<f32>) {
    let (&[_, channels, rows, columns], &[_, channel, row, column]) = (&port.shape[..], &port.strides()[..]) else {
        return;
    };
    for cell in 0..rows * columns {
        let start = cell / columns * row + cell % columns * column;
        target.extend((0..channels).map(|index| values[start + index * channel]));
    }
}
