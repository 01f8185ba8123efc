//! The teacher's mistakes one by one, and whether a student makes the same.

use rayon::prelude::*;

use crate::evaluate::coco::overlap;
use crate::evaluate::{IOU, Judged, Pairs, Probabilities, likeliest, pair};

/// What was taken for what: numbers of classes, or none for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// What is there; none where a detector sees something in nothing.
    pub truth: Option<usize>,
    /// What it was taken for; none where an object is missed.
    pub answer: Option<usize>,
}

/// A mistake of the teacher's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Number of the picture.
    pub picture: usize,
    /// What was taken for what.
    pub pair: Pair,
}

/// A classifier's: pictures whose likeliest class is wrong.
#[derive(Clone, Debug, Default)]
pub struct ClassMistakes {
    mistakes: Vec<Mistake>,
}

impl ClassMistakes {
    /// From the teacher's probabilities and the truth of the same pictures.
    pub fn new(teacher: &Probabilities, truths: &[usize]) -> ClassMistakes {
        let answers = teacher.iter().map(likeliest).zip(truths).enumerate();
        let wrong = answers.filter(|(_, (answer, truth))| answer != *truth).map(|(picture, (answer, &truth))| {
            Mistake { picture, pair: Pair { truth: Some(truth), answer: Some(answer) } }
        });
        ClassMistakes { mistakes: wrong.collect() }
    }

    /// Picture by picture.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// For each, whether the student gives the same wrong answer.
    pub fn shared(&self, student: &Probabilities) -> Vec<bool> {
        let answers: Vec<usize> = student.iter().map(likeliest).collect();
        let same = |mistake: &Mistake| answers.get(mistake.picture).copied() == mistake.pair.answer;
        self.mistakes.iter().map(same).collect()
    }
}

/// Where a detector's mistake is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// At an object, by its number: missed, or taken for another class.
    Object(usize),
    /// At a box around nothing.
    Box([f64; 4]),
}

/// A detector's: objects that it misses or takes for another class, and boxes around nothing, at IoU .50.
#[derive(Clone, Debug, Default)]
pub struct ObjectMistakes {
    mistakes: Vec<Mistake>,
    places: Vec<Place>,
}

impl ObjectMistakes {
    /// From what the teacher found from `score` on and what is there.
    pub fn new(teacher: &[Judged], score: f64) -> ObjectMistakes {
        let mut all = ObjectMistakes::default();
        for (number, picture) in teacher.iter().enumerate() {
            let mut add = |truth: Option<usize>, answer: Option<usize>, place: Place| {
                all.mistakes.push(Mistake { picture: number, pair: Pair { truth, answer } });
                all.places.push(place);
            };
            let class = |index: usize| Some(picture.found[index].class);
            let truth = |index: usize| Some(picture.truths[index].class);
            let Pairs { pairs, spurious, missed } = pair(picture, score, IOU);
            for (found, object) in pairs {
                if class(found) != truth(object) {
                    add(truth(object), class(found), Place::Object(object));
                }
            }
            missed.into_iter().for_each(|object| add(truth(object), None, Place::Object(object)));
            spurious.into_iter().for_each(|f| add(None, class(f), Place::Box(picture.found[f].bbox)));
        }
        all
    }

    /// Picture by picture.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// For each, whether the student misses the same object, takes it for the same class, or has a box of that class around
    /// nothing that overlaps the teacher's by .50. `student` is what it found in the same pictures, from `score` on.
    pub fn shared(&self, student: &[Judged], score: f64) -> Vec<bool> {
        let paired: Vec<Pairs> = student.par_iter().map(|picture| pair(picture, score, IOU)).collect();
        let same = |(mistake, place): (&Mistake, &Place)| {
            let (Some(picture), Some(pairs)) = (student.get(mistake.picture), paired.get(mistake.picture)) else {
                return false;
            };
            let class = |index: usize| Some(picture.found[index].class);
            match (place, mistake.pair.answer) {
                (Place::Object(object), None) => pairs.missed.contains(object),
                (Place::Object(object), answer) => pairs.pairs.iter().any(|&(f, o)| o == *object && class(f) == answer),
                (Place::Box(bbox), answer) => {
                    (pairs.spurious.iter()).any(|&f| class(f) == answer && overlap(&picture.found[f].bbox, bbox) >= IOU)
                }
            }
        };
        self.mistakes.iter().zip(&self.places).map(same).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Found, Truth};

    #[test]
    fn a_classifier_shares_a_mistake_only_by_the_same_wrong_answer() {
        let of = |answers: &[usize]| Probabilities {
            classes: 3,
            rows: answers.iter().flat_map(|&answer| (0..3).map(move |c| if c == answer { 0.8 } else { 0.1 })).collect(),
        };
        let teacher = ClassMistakes::new(&of(&[0, 1, 1, 2]), &[0, 0, 0, 0]);
        let pairs: Vec<_> = teacher.mistakes().iter().map(|m| (m.picture, m.pair.answer)).collect();
        assert_eq!(pairs, [(1, Some(1)), (2, Some(1)), (3, Some(2))]);
        // The same, another wrong answer, and the right one.
        assert_eq!(teacher.shared(&of(&[1, 1, 2, 0])), [true, false, false]);
    }

    #[test]
    fn a_detector_shares_misses_confusions_and_ghosts() {
        let at = |left: f64| [left, 0.0, 10.0, 10.0];
        let found = |class, left, score| Found { class, score, bbox: at(left) };
        let truths = vec![Truth::new(0, at(0.0)), Truth::new(0, at(30.0)), Truth::new(1, at(60.0))];
        // Misses the first, takes the second for class 1, finds the third, and sees a ghost.
        let teacher = Judged {
            found: vec![found(1, 30.0, 0.9), found(1, 60.0, 0.9), found(0, 100.0, 0.9), found(0, 0.0, 0.2)],
            truths: truths.clone(),
        };
        let mistakes = ObjectMistakes::new(&[teacher], 0.5);
        let pairs: Vec<_> = mistakes.mistakes().iter().map(|m| (m.pair.truth, m.pair.answer)).collect();
        assert_eq!(pairs, [(Some(0), Some(1)), (Some(0), None), (None, Some(0))]);
        let shared = |found: Vec<Found>| mistakes.shared(&[Judged { found, truths: truths.clone() }], 0.5);
        assert_eq!(shared(vec![found(1, 31.0, 0.9), found(0, 102.0, 0.6)]), [true, true, true]);
        // Right about the second, finds the first, and its ghosts are elsewhere and of another class.
        let better = vec![found(0, 30.0, 0.9), found(0, 1.0, 0.9), found(0, 106.0, 0.9), found(1, 100.0, 0.9)];
        assert_eq!(shared(better), [false, false, false]);
        assert_eq!(mistakes.shared(&[], 0.5), [false; 3]);
    }
}
