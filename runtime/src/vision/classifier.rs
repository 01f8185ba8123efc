//! A classifier ready to look at frames: the classes that a whole picture most likely shows.

use super::frame::Frame;
use super::latency::{Laps, Latency};
use super::novelty::Gauge;
use super::preprocess::Preprocessor;
use super::scores::{Ranked, Scores};
use crate::contract::Contract;
use crate::error::Error;
use crate::model::{Model, Session};

/// A model, its contract and the memory to run it.
pub struct Classifier {
    session: Session,
    input: usize,
    preprocessor: Preprocessor,
    scores: Scores,
    gauge: Option<Gauge>,
    ranked: Vec<Ranked>,
    classes: Vec<String>,
    latency: Latency,
}

impl Classifier {
    /// Plans everything that does not depend on the frame.
    ///
    /// # Errors
    /// [`Error::Contract`] where contract and model do not fit each other.
    pub fn new(model: &Model, contract: &Contract) -> Result<Classifier, Error> {
        let input = contract.image.port(model.inputs())?;
        Ok(Classifier {
            session: model.session(),
            input,
            preprocessor: Preprocessor::new(&contract.image, &model.inputs()[input])?,
            scores: Scores::new(contract, model.outputs())?,
            gauge: Gauge::new(contract, model.outputs())?,
            ranked: Vec::with_capacity(contract.classes.len()),
            classes: contract.classes.clone(),
            latency: Latency::default(),
        })
    }

    /// All classes, the likeliest first; equal ones in the contract's order. Does not allocate once it has seen a
    /// frame of the size, unless the model has fallback steps.
    ///
    /// # Errors
    /// What [`Session::run`] gives.
    pub fn classify(&mut self, frame: &Frame<'_>) -> Result<&[Ranked], Error> {
        let mut laps = Laps::start();
        self.preprocessor.fill(frame, self.session.input(self.input))?;
        self.latency.preprocess = laps.lap();
        self.session.run()?;
        self.latency.infer = laps.lap();
        self.scores.rank(&self.session, &mut self.ranked);
        self.latency.postprocess = laps.lap();
        Ok(&self.ranked)
    }

    /// The names of the classes, in the order that results number them by.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What the last frame showed.
    pub fn ranked(&self) -> &[Ranked] {
        &self.ranked
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
