//! What a frame shows and what happens in it: detector, masks, tracker, zones and lines.

use crate::contract::{Contract, Named, Task};
use crate::error::Error;
use crate::model::swap::prove;
use crate::model::{Fit, InputKind, LoadOptions, Model, usable_threads};
use crate::place::{Classes, Places, Scene};
use crate::signature::PublicKey;
use crate::vision::detection::Detection;
use crate::vision::detector::Detector;
use crate::vision::frame::Frame;
use crate::vision::latency::{Laps, Latency};
use crate::vision::tracking::{Following, TrackerOptions};

use super::config::{ModelOptions, indices};

/// Looks at frames.
pub struct Eye {
    model: Model,
    contract: Contract,
    detector: Detector,
    /// A detector with a smaller input.
    small: Option<Detector>,
    following: Following,
    scene: Scene,
    classes: Classes,
    counted: Vec<Detection>,
}

/// What was seen of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Objects with their tracks, the highest score first.
    pub detections: &'a [Detection],
    /// The places, and what happened there.
    pub scene: &'a Scene,
    /// How long it took.
    pub latency: Latency,
}

impl Eye {
    /// Loads a model.
    ///
    /// # Errors
    /// That it cannot be loaded, is no detector or does not have a class that is asked for, with the file's name.
    pub fn open(options: &ModelOptions) -> Result<Eye, Error> {
        let (model, mut contract) = load(options)?;
        let limits = &mut contract.limits;
        limits.score = options.score.unwrap_or(limits.score);
        limits.iou = options.iou.unwrap_or(limits.iou);
        let classes = indices(&options.classes, &contract.classes)
            .map_err(|problem| Error::Model { path: options.file.clone(), problem })?;
        let most = contract.limits.max_detections;
        Ok(Eye {
            detector: detector(&model, &contract)?,
            following: Following::new(contract.limits.score, most),
            scene: Scene::new(Places::default(), TrackerOptions::default().most),
            small: None,
            classes,
            counted: Vec::with_capacity(most),
            model,
            contract,
        })
    }

    /// Loads a model with a smaller input beside the one that is there.
    ///
    /// # Errors
    /// As [`open`](Self::open), and that its classes are others.
    pub fn open_small(&mut self, options: &ModelOptions) -> Result<(), Error> {
        let (model, mut contract) = load(options)?;
        if contract.classes != self.contract.classes {
            let problem = "has other classes than the model that it is to stand in for".into();
            return Err(Error::Model { path: options.file.clone(), problem });
        }
        contract.limits.iou = options.iou.unwrap_or(contract.limits.iou);
        contract.limits.score = self.contract.limits.score;
        self.small = Some(detector(&model, &contract)?);
        Ok(())
    }

    /// Counts objects from this score on.
    ///
    /// # Errors
    /// As [`Detector::new`].
    pub fn set_score(&mut self, score: f32) -> Result<(), Error> {
        if score != self.contract.limits.score {
            self.contract.limits.score = score;
            self.detector = detector(&self.model, &self.contract)?;
            self.following = Following::new(score, self.contract.limits.max_detections);
        }
        Ok(())
    }

    /// Watches other places. Those that are called as before go on with their totals.
    pub fn watch(&mut self, places: Places) {
        if places != *self.scene.places() {
            let mut scene = Scene::new(places, TrackerOptions::default().most);
            scene.inherit(&self.scene);
            self.scene = scene;
        }
    }

    /// Requires that the model computes here what its exporter promised.
    ///
    /// # Errors
    /// As [`prove`].
    pub fn prove(&self) -> Result<(), Error> {
        prove(&self.model, &self.contract).map(drop)
    }

    /// Goes on with the tracks and the places of another, whose classes are the same.
    pub fn go_on(&mut self, before: Eye) {
        self.following.go_on(before.following);
        self.scene = before.scene;
    }

    /// The names of all classes.
    pub fn classes(&self) -> &[String] {
        &self.contract.classes
    }

    /// The score from which on objects count.
    pub fn score(&self) -> f32 {
        self.contract.limits.score
    }

    /// The places.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }

    /// Width and height of the model's input, as far as it has one that frames should not have to be enlarged for.
    pub fn input_size(&self) -> Option<[usize; 2]> {
        let input = self.contract.image.port(self.model.inputs()).ok()?;
        self.contract.image.size(&self.model.inputs()[input]).ok()
    }

    /// Looks at frame `number`; with `small`, through the smaller model, where there is one. Does not allocate once it has
    /// seen a frame of the size.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn look(&mut self, frame: &Frame<'_>, number: u64, small: bool) -> Result<Seen<'_>, Error> {
        let detector = match &mut self.small {
            Some(detector) if small => detector,
            _ => &mut self.detector,
        };
        let found = detector.detect(frame)?;
        let mut laps = Laps::start();
        let size = [frame.width(), frame.height()];
        let (places, classes) = (self.scene.places(), &self.classes);
        self.counted.clear();
        let counts = |found: &&Detection| classes.contain(found.class) && places.count(found, size);
        self.counted.extend(found.iter().filter(counts));
        let mut latency = detector.latency();
        self.following.update(&self.counted, frame);
        self.scene.update(self.following.tracks(), size, number, frame.captured());
        latency.postprocess += laps.lap();
        Ok(Seen { detections: self.following.detections(), scene: &self.scene, latency })
    }
}

fn load(options: &ModelOptions) -> Result<(Model, Contract), Error> {
    let path = &options.file;
    let key = options.key.as_deref().map(PublicKey::read).transpose();
    let key = key.map_err(|problem| Error::Model { path: path.clone(), problem: format!("model.key: {problem}") })?;
    let load = LoadOptions {
        key,
        fit: Some(Fit::square(options.side.unwrap_or(Fit::LONGEST))),
        input: InputKind::Quantised,
        threads: Some(usable_threads(options.threads)),
        ..LoadOptions::default()
    };
    let model = Model::open(path, &load)?;
    let contract = model.find_contract(options.contract.as_deref())?;
    model.check(&contract)?;
    if contract.task != Task::Detect {
        let problem = format!("the contract's task is `{}`; the service needs a detector", contract.task.name());
        return Err(Error::Model { path: path.clone(), problem });
    }
    Ok((model, contract))
}

/// A detector that reports what a tracker can use.
fn detector(model: &Model, contract: &Contract) -> Result<Detector, Error> {
    let mut contract = contract.clone();
    contract.limits.score = Following::least(contract.limits.score);
    Detector::new(model, &contract)
}
