//! Measures a model file as its users will run it: through the runtime, from pixels to boxes.

use std::path::Path;

use rayon::prelude::*;
use retort::Error;
use retort::contract::{Contract, Golden, golden_picture};
use retort::model::{InputKind, LoadOptions, Model};
use retort::tensor::{Port, TensorRef};
use retort::vision::detector::Detector;
use retort::vision::frame::Frame;
use retort::vision::preprocess::Preprocessor;

use super::coco::{Found, Summary, Truth, summarise};
use crate::data::{Dataset, Sample};

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
                score: d.score,
                bounds: [d.rect.left, d.rect.top, d.rect.right, d.rect.bottom],
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
    let truths = data
        .samples
        .iter()
        .map(|sample| sample.labels.iter().map(|label| Truth { class: label.class, bounds: label.bounds }).collect());
    let pictures: Vec<(Vec<Found>, Vec<Truth>)> = found.into_iter().zip(truths).collect();
    Ok(summarise(&pictures, contract.classes.len()))
}

/// Runs the golden picture of a seed through a file and takes the checksums.
pub fn golden(path: &Path, seed: u32) -> Result<Golden, Error> {
    let (model, contract) = open(path)?;
    let index = contract.image.port(model.inputs())?;
    let port = &model.inputs()[index];
    let [width, height] = contract.image.size(port)?;
    let picture = golden_picture(seed, width, height, contract.image.colour.channels());
    let mut session = model.session();
    let frame = Frame::rgb(&picture, width, height)?;
    Preprocessor::new(&contract.image, port)?.fill(&frame, session.input(index))?;
    session.run()?;
    let mut output = crc32fast::Hasher::new();
    for (index, port) in model.outputs().iter().enumerate() {
        if let TensorRef::F32(values) = session.output(index) {
            in_onnx_order(port, |at| output.update(&values[at].to_le_bytes()));
        }
    }
    Ok(Golden { seed, input_crc32: crc32fast::hash(&picture), output_crc32: output.finalize() })
}

/// Calls `each` with where every element lies in memory, in the order of the ONNX shape.
fn in_onnx_order(port: &Port, mut each: impl FnMut(usize)) {
    let strides = port.strides();
    for index in 0..port.len() {
        let mut rest = index;
        let mut at = 0;
        for (&size, stride) in port.shape.iter().zip(&strides).rev() {
            at += rest % size * stride;
            rest /= size;
        }
        each(at);
    }
}
