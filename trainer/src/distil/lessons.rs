//! What each step of a training shows: which pictures, how they are augmented, and what may be known about them.
//!
//! Both arms of an experiment start from the same weights, take the same number of steps on batches of the same size with
//! the same schedule, and have the same labelled pictures. The control sees only those. The distilled student sees some of
//! them in each batch, fills the rest with pictures whose labels nobody looks at, if there are any, and hears the teacher's
//! opinion of all.

use std::sync::Arc;

use super::live::Live;
use super::pictures::Set;
use crate::bindings::Tie;
use crate::data::{Augmentation, DataError, Label, Rng, Sample, Turn, Walk};
use crate::nets::{Answer, Network};
use crate::recipe::{Optimisation, Recipe};
use crate::train::{Labels, Lesson};

/// What the teacher says about two sets.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Raw answers about the labelled pictures, picture by picture, view by view; empty without any.
    pub labelled: Vec<Answer>,
    /// About the others.
    pub transfer: Vec<Answer>,
    /// Boxes that stand in for labels of the others, picture by picture, from a teacher who gives nothing but boxes; empty without any.
    pub boxes: Vec<Vec<Label>>,
    /// A teacher who looks at every picture as the student sees it, if one does.
    pub live: Option<Arc<Live>>,
    /// What else ties the student to its teacher or to itself.
    pub ties: Vec<Tie>,
}

/// A set, and what is known about it.
struct Subject {
    set: Set,
    /// Whether its labels may be looked at.
    known: bool,
    /// The teacher's answers, view by view; empty without any.
    answers: Vec<Answer>,
    /// Pictures in each batch.
    places: usize,
    /// Which picture each place of each batch shows, written down beforehand so that any thread can make any lesson.
    order: Vec<u32>,
    /// Place of its first picture among all pictures.
    first: usize,
}

/// All lessons of one training.
pub struct Course {
    recipe: Arc<Recipe>,
    network: Arc<Network>,
    seed: u64,
    subjects: [Subject; 2],
    live: Option<Arc<Live>>,
    /// How pictures are changed at the end, and the step from which on they are.
    settled: (Augmentation, usize),
}

impl Course {
    /// The lessons of `steps` steps. Without `signals` all places hold labelled pictures.
    pub fn new(
        recipe: &Arc<Recipe>,
        network: &Network,
        optimisation: &Optimisation,
        steps: usize,
        seed: u64,
        labelled: &Set,
        transfer: &Set,
        signals: Option<&Signals>,
    ) -> Course {
        let batch = optimisation.batch;
        let (places, others) = match signals {
            Some(_) if !transfer.is_empty() => {
                let labelled = if labelled.is_empty() { 0 } else { recipe.distil.labelled.min(batch) };
                (labelled, batch - labelled)
            }
            _ => (batch, 0),
        };
        let subject = |set: Set, known: bool, answers: Option<&Vec<Answer>>, places: usize, salt: u64, first| {
            let mut walk = Walk::new(set.len(), Rng::new(&[seed, salt]));
            let order = (0..steps * places).map(|_| walk.step() as u32).collect();
            Subject { set, known, answers: answers.cloned().unwrap_or_default(), places, order, first }
        };
        let boxes = signals.map(|signals| &signals.boxes).filter(|boxes| !boxes.is_empty());
        let judged = boxes.map_or_else(|| transfer.clone(), |boxes| transfer.relabelled(boxes.clone()));
        let first = labelled.len();
        let subjects = [
            subject(labelled.clone(), true, signals.map(|signals| &signals.labelled), places, 0x1ab, 0),
            subject(judged, boxes.is_some(), signals.map(|signals| &signals.transfer), others, 0x7a5, first),
        ];
        let live = signals.and_then(|signals| signals.live.clone());
        let settled = (recipe.augment.settled(), steps - (recipe.augment.settle * steps as f32).round() as usize);
        Course { recipe: recipe.clone(), network: Arc::new(network.clone()), seed, subjects, live, settled }
    }

    /// The lesson of a step, which depends on nothing else.
    pub fn lesson(&self, step: usize) -> Lesson {
        let mut lesson = Lesson::default();
        let mut seen = Vec::new();
        let augment = if step < self.settled.1 { &self.recipe.augment } else { &self.settled.0 };
        for (which, subject) in self.subjects.iter().enumerate() {
            for place in 0..subject.places {
                let mut rng = Rng::new(&[self.seed, 0x5eed, which as u64, step as u64, place as u64]);
                let index = subject.order[step * subject.places + place] as usize;
                let sample = self.push(&mut lesson, subject, index, augment, &mut rng);
                seen.extend(sample.filter(|_| self.live.is_some()));
            }
        }
        if let Some(live) = &self.live {
            match live.look(&seen) {
                Ok(look) => {
                    lesson.features = look.features;
                    if !look.answers.is_empty() {
                        lesson.teacher = look.answers;
                    }
                }
                Err(error) => lesson.trouble = Some(format!("{}", Chain(&error))),
            }
        }
        lesson
    }

    /// Adds a picture; also returns it.
    fn push(
        &self,
        lesson: &mut Lesson,
        subject: &Subject,
        index: usize,
        augment: &Augmentation,
        rng: &mut Rng,
    ) -> Option<Sample> {
        let views = self.recipe.distil.views;
        let view = if views == 0 { 0 } else { rng.below(views) };
        // A picture that cannot be read gives way to the next that can, always the same one.
        let count = subject.set.len();
        let tries = (0..count).map(|ahead| (index + ahead) % count);
        for (ahead, index) in tries.enumerate() {
            let answer = subject.answers.get(index * views.max(1) + view);
            let mut rng = rng.clone();
            let Ok((sample, answer)) = self.show(subject, (index, view), answer, augment, &mut rng) else { continue };
            lesson.replaced += usize::from(ahead > 0);
            lesson.labels.push(self.labels(&sample, subject.known));
            lesson.pictures.extend(sample.values());
            lesson.teacher.extend(answer);
            lesson.places.push(subject.first + index);
            return Some(sample);
        }
        None
    }

    /// A picture as the student sees it, and what the teacher says about it.
    fn show(
        &self,
        subject: &Subject,
        (index, view): (usize, usize),
        answer: Option<&Answer>,
        augment: &Augmentation,
        rng: &mut Rng,
    ) -> Result<(Sample, Option<Answer>), DataError> {
        let recipe = &*self.recipe;
        let Some(answer) = answer else { return Ok((subject.set.augmented(augment, recipe, index, rng)?, None)) };
        if answer.boxes.is_empty() {
            let sample = match recipe.distil.views {
                0 => subject.set.augmented(augment, recipe, index, rng)?,
                _ => subject.set.view(recipe, index, view)?,
            };
            return Ok((sample, Some(answer.clone())));
        }
        // What is said of every cell holds for the very picture that the teacher saw, turned at most.
        let sample = subject.set.view(recipe, index, view)?;
        let turn = if rng.chance(recipe.augment.turn) { Turn::random(rng) } else { Turn::default() };
        let turn = turn.fitting([sample.height, sample.width]);
        let turned = vec![Arc::new(turn.sample(&sample))];
        let sample = recipe.augment.unmoved().apply(&turned, 0, &recipe.target(), rng)?;
        Ok((sample, Some(answer.turned(&self.network, turn))))
    }

    fn labels(&self, sample: &Sample, known: bool) -> Labels {
        match (known, self.network.levels().is_empty()) {
            (false, _) => Labels::Hidden,
            (true, false) => Labels::Boxes(sample.boxes.clone()),
            (true, true) => sample.class_shares(self.network.head.classes()).map_or(Labels::Hidden, Labels::Classes),
        }
    }
}

/// An error with all that caused it, after colons.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |error| error.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::examples;

    #[test]
    fn boxes_stand_in_for_labels_beside_what_is_said_of_every_cell() {
        let network = examples::detector(64, 2);
        let recipe = Recipe::resolve(None, &["data.width=64".into(), "data.height=64".into()]).expect("a recipe");
        let picture = Set::drawn(vec![Sample::rgb(64, 64, vec![0; 3 * 64 * 64])]);
        let points = network.points();
        let said = vec![Answer { classes: vec![-3.0; 2 * points], boxes: vec![1.0; points * network.box_numbers()] }];
        let boxes = vec![vec![Label::new(1, [8.0, 8.0, 40.0, 40.0])]];
        let lesson = |transfer: &[Answer], boxes: &[Vec<Label>]| {
            let signals = Signals { transfer: transfer.to_vec(), boxes: boxes.to_vec(), ..Signals::default() };
            let none = Set::default();
            let recipe = Arc::new(recipe.clone());
            Course::new(&recipe, &network, &recipe.learning, 1, 7, &none, &picture, Some(&signals)).lesson(0)
        };
        let seen = |lesson: &Lesson| {
            let known = lesson.labels.iter().all(|labels| matches!(labels, Labels::Boxes(boxes) if boxes.len() == 1));
            (known, lesson.teacher.len())
        };
        let batch = recipe.learning.batch;
        assert_eq!(seen(&lesson(&said, &boxes)), (true, batch));
        assert_eq!(seen(&lesson(&[], &boxes)), (true, 0));
        let hidden = lesson(&said, &[]);
        assert!(hidden.labels.iter().all(|labels| *labels == Labels::Hidden));
        assert_eq!(hidden.teacher.len(), batch);
    }
}
