//! A detector ready to look at frames.

use super::candidates::{Candidate, Candidates};
use super::detection::Detection;
use super::frame::Frame;
use super::heads::Decoder;
use super::latency::{Laps, Latency};
use super::nms::suppress;
use super::novelty::Gauge;
use super::preprocess::Preprocessor;
use crate::contract::{Contract, Limits};
use crate::error::Error;
use crate::model::{Model, Session};

/// Candidates kept for the suppression: beyond the best thousand none has been seen to matter.
const CANDIDATES: usize = 1000;

/// A model, its contract and the memory to run it.
pub struct Detector {
    session: Session,
    input: usize,
    preprocessor: Preprocessor,
    decoder: Decoder,
    gauge: Option<Gauge>,
    limits: Limits,
    classes: Vec<String>,
    candidates: Candidates,
    kept: Vec<Candidate>,
    detections: Vec<Detection>,
    latency: Latency,
}

impl Detector {
    /// Plans everything that does not depend on the frame.
    ///
    /// # Errors
    /// [`Error::Contract`] where contract and model do not fit each other.
    pub fn new(model: &Model, contract: &Contract) -> Result<Detector, Error> {
        let input = contract.image.port(model.inputs())?;
        let port = &model.inputs()[input];
        let limits = contract.limits;
        Ok(Detector {
            session: model.session(),
            input,
            preprocessor: Preprocessor::new(&contract.image, port)?,
            decoder: Decoder::new(contract, contract.image.size(port)?, model.outputs(), limits.score)?,
            gauge: Gauge::new(contract, model.outputs())?,
            limits,
            classes: contract.classes.clone(),
            candidates: Candidates::with_capacity(limits.max_detections.max(CANDIDATES)),
            kept: Vec::with_capacity(limits.max_detections),
            detections: Vec::with_capacity(limits.max_detections),
            latency: Latency::default(),
        })
    }

    /// What the frame shows, the highest score first. Does not allocate once it has seen a frame of the size, unless
    /// the model has fallback steps.
    ///
    /// # Errors
    /// What [`Session::run`] gives.
    pub fn detect(&mut self, frame: &Frame<'_>) -> Result<&[Detection], Error> {
        let mut laps = Laps::start();
        let mapping = self.preprocessor.fill(frame, self.session.input(self.input))?;
        self.latency.preprocess = laps.lap();
        self.session.run()?;
        self.latency.infer = laps.lap();
        self.candidates.clear();
        self.decoder.decode(&self.session, &mut self.candidates);
        suppress(&mut self.candidates, self.limits.iou, self.limits.max_detections, &mut self.kept);
        self.detections.clear();
        let found = self.kept.iter().map(|kept| Detection {
            class: kept.class,
            score: kept.score,
            rect: mapping.to_source(&kept.rect),
            track: None,
        });
        // What lies wholly in the letterbox's border is no part of the picture.
        self.detections.extend(found.filter(|found| found.rect.area() > 0.0));
        self.latency.postprocess = laps.lap();
        Ok(&self.detections)
    }

    /// The names of the classes, in the order that detections number them by.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What the last frame showed.
    pub fn detections(&self) -> &[Detection] {
        &self.detections
    }

    /// How [unlike](crate::contract::Coverage::novelty) the last frame is to what the model was taught; `None` where its
    /// contract has no prototypes. Does not allocate.
    pub fn novelty(&mut self) -> Option<f32> {
        let mut laps = Laps::start();
        let novelty = self.gauge.as_mut()?.novelty(&self.session);
        self.latency.postprocess += laps.lap();
        Some(novelty)
    }

    /// How long the last frame took.
    pub fn latency(&self) -> Latency {
        self.latency
    }
}
