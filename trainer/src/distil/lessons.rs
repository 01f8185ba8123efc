//! What each step of a training shows: which pictures, how they are augmented, and what may be known about them.
//!
//! Both arms of an experiment start from the same weights, take the same number of steps on batches of the same size with
//! the same schedule, and have the same labelled pictures. The control sees only those. The distilled student sees some of
//! them in each batch, fills the rest with pictures whose labels nobody looks at, if there are any, and hears the teacher's
//! opinion of all.

use super::pictures::Set;
use crate::data::{DataError, Label, Rng, Sample, Turn, Walk, picture};
use crate::nets::Network;
use crate::recipe::{Optimisation, Recipe};
use crate::teacher::Opinion;
use crate::train::{Labels, Lesson};

/// What the teacher says about two sets, picture by picture, view by view.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// About the labelled pictures.
    pub labelled: Vec<Opinion>,
    /// About the others.
    pub transfer: Vec<Opinion>,
}

/// All lessons of one training.
pub struct Course<'a> {
    recipe: &'a Recipe,
    network: &'a Network,
    seed: u64,
    batch: usize,
    /// Places of each batch that hold labelled pictures.
    with_labels: usize,
    labelled: &'a Set,
    transfer: &'a Set,
    signals: Option<&'a Signals>,
    /// Which picture each place of each batch shows, written down beforehand so that any thread can make any lesson.
    labelled_order: Vec<u32>,
    transfer_order: Vec<u32>,
}

impl<'a> Course<'a> {
    /// The lessons of `steps` steps. Without `signals` all places hold labelled pictures.
    pub fn new(
        recipe: &'a Recipe,
        network: &'a Network,
        optimisation: &Optimisation,
        steps: usize,
        seed: u64,
        labelled: &'a Set,
        transfer: &'a Set,
        signals: Option<&'a Signals>,
    ) -> Course<'a> {
        let batch = optimisation.batch;
        let with_labels =
            if signals.is_none() || transfer.is_empty() { batch } else { recipe.distil.labelled.min(batch) };
        let order = |count: usize, places: usize, salt: u64| {
            let mut walk = Walk::new(count, Rng::new(&[seed, salt]));
            (0..steps * places).map(|_| walk.step() as u32).collect()
        };
        Course {
            recipe,
            network,
            seed,
            batch,
            with_labels,
            labelled,
            transfer,
            signals,
            labelled_order: order(labelled.len(), with_labels, 0x1ab),
            transfer_order: order(transfer.len(), batch - with_labels, 0x7a5),
        }
    }

    /// The lesson of a step, which depends on nothing else.
    pub fn lesson(&self, step: usize) -> Lesson {
        let mut lesson = Lesson::default();
        for place in 0..self.batch {
            let mut rng = Rng::new(&[self.seed, 0x5eed, step as u64, place as u64]);
            if place < self.with_labels {
                let order = &self.labelled_order[step * self.with_labels..][..self.with_labels];
                let opinions = self.signals.map(|signals| signals.labelled.as_slice());
                self.push(&mut lesson, self.labelled, order[place] as usize, opinions, true, &mut rng);
            } else {
                let places = self.batch - self.with_labels;
                let order = &self.transfer_order[step * places..][..places];
                let opinions = self.signals.map(|signals| signals.transfer.as_slice());
                let index = order[place - self.with_labels] as usize;
                self.push(&mut lesson, self.transfer, index, opinions, false, &mut rng);
            }
        }
        lesson
    }

    /// Adds a picture of a set.
    fn push(
        &self,
        lesson: &mut Lesson,
        set: &Set,
        index: usize,
        opinions: Option<&[Opinion]>,
        known: bool,
        rng: &mut Rng,
    ) {
        let views = self.recipe.distil.views;
        let view = if views == 0 { 0 } else { rng.below(views) };
        let opinion = opinions.and_then(|opinions| opinions.get(index * views.max(1) + view));
        // A picture that cannot be read gives way to the next that can, always the same one.
        let mut sample_of = |make: &dyn Fn(usize) -> Result<Sample, DataError>| {
            let next = (0..set.len()).map(|ahead| make((index + ahead) % set.len()));
            for (tries, sample) in next.enumerate() {
                if let Ok(sample) = sample {
                    lesson.replaced += usize::from(tries > 0);
                    return (sample, tries == 0);
                }
            }
            (self.blank(), false)
        };
        let recipe = self.recipe;
        let stream = rng.clone();
        let augmented = |index| set.augmented(recipe, index, &mut stream.clone());
        let viewed = |index| set.view(recipe, index, view);
        let (sample, answer, known) = match opinion {
            None => (sample_of(&augmented).0, None, known),
            // The teacher's boxes are of the picture as it is, and move with it.
            Some(Opinion::Boxes(boxes)) if !known => {
                let sure = boxes.iter().filter(|label| label.score >= recipe.distil.score).copied();
                let labels: Vec<Label> = sure.collect();
                let taught = |index| set.augmented_with(recipe, index, Some(&labels), &mut stream.clone());
                let (sample, is_it) = sample_of(&taught);
                (sample, None, is_it)
            }
            Some(Opinion::Boxes(_)) => (sample_of(&augmented).0, None, true),
            // What it says of every cell holds for the very picture that it saw, turned at most.
            Some(Opinion::Answer(answer)) if !answer.boxes.is_empty() => {
                let (sample, is_it) = sample_of(&viewed);
                let turn = if recipe.augment.turns { Turn::random(rng) } else { Turn::default() };
                let turn = turn.fitting([sample.height, sample.width]);
                let sample = recipe.augment.recoloured(turn.sample(&sample), rng);
                (sample, is_it.then(|| answer.turned(self.network, turn)), known)
            }
            Some(Opinion::Answer(answer)) => {
                let (sample, is_it) = if views > 0 { sample_of(&viewed) } else { sample_of(&augmented) };
                (sample, is_it.then(|| answer.clone()), known)
            }
        };
        lesson.labels.push(self.labels(&sample, known));
        lesson.pictures.extend(picture(&sample));
        if self.signals.is_some() {
            lesson.teacher.extend(answer);
        }
    }

    /// What stands for a picture where none can be read.
    fn blank(&self) -> Sample {
        let shape = self.network.input();
        let pixels = vec![0; shape.len()];
        Sample { channels: shape.channels, ..Sample::rgb(shape.width, shape.height, pixels) }
    }

    fn labels(&self, sample: &Sample, known: bool) -> Labels {
        match (known, self.network.levels().is_empty()) {
            (false, _) => Labels::Hidden,
            (true, false) => Labels::Boxes(sample.boxes.iter().filter(|label| !label.ignored).copied().collect()),
            (true, true) => sample.shares(self.network.head.classes()).map_or(Labels::Hidden, Labels::Classes),
        }
    }
}
