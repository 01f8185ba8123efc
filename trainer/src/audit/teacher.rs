//! The teacher on labelled pictures, before its word is taken.

use serde::{Deserialize, Serialize};

use super::quality::Quality;
use super::slices::{Slice, terciles, worse};
use super::{DRAWS, SEED};
use crate::evaluate::coco::{Evaluation, Redraw, Size};
use crate::evaluate::likeliest;
use crate::evaluate::statistics::{Interval, bootstrap, wilson};
use crate::evaluate::{Classification, Confusion, IOU, Judged, Probabilities, Reliability, detection_confusion};

/// Confusions that are listed.
const CONFUSIONS: usize = 10;

/// What an audit states of the whole and of its parts, each from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Share of pictures whose likeliest class is right; Wilson intervals over pictures.
    Accuracy,
    /// COCO's average precision over IoU .50:.05:.95; bootstrap intervals over pictures.
    Ap,
}

impl Measure {
    /// What tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Accuracy => "accuracy",
            Measure::Ap => "AP",
        }
    }
}

/// One class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassAudit {
    /// Its name.
    pub class: String,
    /// Pictures of it, or objects.
    pub cases: usize,
    /// The figure with its 95 % interval.
    pub figure: Option<Interval>,
    /// Whether it is worse than the whole beyond the noise.
    pub worse: bool,
}

/// One thing taken for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confused {
    /// What it is; none for nothing, where a detector sees something.
    pub truth: Option<String>,
    /// What it is taken for; none for nothing, where an object is missed.
    pub answer: Option<String>,
    /// How often.
    pub count: u64,
    /// Of how many of `truth`; none where that is nothing.
    pub of: Option<u64>,
}

/// How good a teacher is, and at what it is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// What is stated.
    pub measure: Measure,
    /// Pictures.
    pub pictures: usize,
    /// Objects that count, for detectors.
    pub objects: Option<usize>,
    /// The figure over all, with its 95 % interval.
    pub whole: Option<Interval>,
    /// By class, those that occur.
    pub classes: Vec<ClassAudit>,
    /// By brightness and blur, for detectors also by number of objects and their size.
    pub slices: Vec<Slice>,
    /// Confidence against share of right answers; for detectors, scores against detections that are right at IoU .50.
    pub reliability: Reliability,
    /// For detectors the score from which confusions are counted.
    pub score: Option<f64>,
    /// The commonest confusions, the commonest first.
    pub confusions: Vec<Confused>,
}

/// What pictures are parted by, the value of each, and the names of the three parts.
struct Property {
    by: &'static str,
    unit: &'static str,
    values: Vec<f64>,
    names: [&'static str; 3],
}

impl Property {
    fn of(qualities: &[Quality]) -> [Property; 2] {
        [
            Property {
                by: "brightness",
                unit: "mean luma, 0 to 1",
                values: qualities.iter().map(|quality| quality.brightness).collect(),
                names: ["dark", "middling", "bright"],
            },
            Property {
                by: "sharpness",
                unit: "variance of the Laplacian",
                values: qualities.iter().map(|quality| quality.sharpness).collect(),
                names: ["blurred", "middling", "sharp"],
            },
        ]
    }

    /// Each part with what `figure` says of it, given which pictures are in; none where all are alike.
    fn slices(
        &self,
        whole: Option<Interval>,
        figure: impl Fn(&[bool]) -> (Option<usize>, Option<Interval>),
    ) -> Vec<Slice> {
        let parts = terciles(&self.values);
        if parts.iter().all(|&part| part == 0) {
            return Vec::new();
        }
        let slice = |part: usize| {
            let within: Vec<bool> = parts.iter().map(|&other| other == part).collect();
            let values = || self.values.iter().zip(&within).filter(|(_, within)| **within).map(|(value, _)| *value);
            let range = [values().reduce(f64::min)?, values().reduce(f64::max)?];
            let pictures = values().count();
            let (objects, figure) = figure(&within);
            let worse = worse(figure, whole, pictures);
            Some(Slice {
                by: self.by.into(),
                unit: self.unit.into(),
                name: self.names[part].into(),
                range,
                pictures,
                objects,
                figure,
                worse,
            })
        };
        (0..3).filter_map(slice).collect()
    }
}

fn named(classes: &[String], class: usize) -> Option<String> {
    classes.get(class).cloned()
}

/// Those that occur most, by name; a number beyond the names is nothing.
fn confusions(confusion: &Confusion, classes: &[String]) -> Vec<Confused> {
    let all = confusion.mistakes().into_iter().take(CONFUSIONS);
    all.map(|(truth, answer, count)| Confused {
        truth: named(classes, truth),
        answer: named(classes, answer),
        count,
        of: (truth < classes.len()).then(|| confusion.of_truth(truth)),
    })
    .collect()
}

impl Audit {
    /// Of a classifier, from its probabilities and the truth of the same pictures.
    pub fn of_classifier(
        answers: &Probabilities,
        truths: &[usize],
        qualities: &[Quality],
        classes: &[String],
    ) -> Audit {
        let c = Classification::new(answers, truths);
        let right: Vec<bool> = answers.iter().zip(truths).map(|(row, truth)| likeliest(row) == *truth).collect();
        let of_class = |(number, class): (usize, &String)| {
            let (hits, cases) = (c.confusion.at(number, number) as usize, c.confusion.of_truth(number) as usize);
            let figure = wilson(hits, cases);
            (cases > 0).then(|| ClassAudit { class: class.clone(), cases, figure, worse: worse(figure, c.top1, cases) })
        };
        let share = |within: &[bool]| {
            let hits = right.iter().zip(within).filter(|(right, within)| **right && **within).count();
            (None, wilson(hits, within.iter().filter(|within| **within).count()))
        };
        Audit {
            measure: Measure::Accuracy,
            pictures: c.pictures,
            objects: None,
            whole: c.top1,
            classes: classes.iter().enumerate().filter_map(of_class).collect(),
            slices: Property::of(qualities).iter().flat_map(|property| property.slices(c.top1, share)).collect(),
            confusions: confusions(&c.confusion, classes),
            reliability: c.reliability,
            score: None,
        }
    }

    /// Of a detector, from what it found and what is there; `score` is the threshold that its word is taken from.
    pub fn of_detector(pictures: &[Judged], qualities: &[Quality], score: f64, classes: &[String]) -> Audit {
        let count = pictures.len();
        let redraw = Redraw::new(pictures, classes.len());
        let interval = |figure: &(dyn Fn(&[u32]) -> Option<f64> + Sync)| bootstrap(count, DRAWS, SEED, figure);
        let whole = interval(&|times| redraw.ap(Size::All, times));
        let once = vec![1; count];
        let objects = |size: Size, times: &[u32]| -> usize {
            (0..classes.len()).map(|class| redraw.objects(class, size, times)).sum()
        };
        let of_class = |(number, class): (usize, &String)| {
            let cases = redraw.objects(number, Size::All, &once);
            let figure = interval(&|times| redraw.class_ap(number, Size::All, times));
            figure.map(|_| ClassAudit { class: class.clone(), cases, figure, worse: worse(figure, whole, cases) })
        };
        // A part is drawn from itself: other pictures are not there.
        let of_part = |within: &[bool]| {
            let members: Vec<usize> = (0..count).filter(|&picture| within[picture]).collect();
            let spread = |drawn: &[u32]| {
                let mut times = vec![0; count];
                members.iter().zip(drawn).for_each(|(&picture, &drawn)| times[picture] = drawn);
                times
            };
            let figure = bootstrap(members.len(), DRAWS, SEED, |drawn| redraw.ap(Size::All, &spread(drawn)));
            (Some(objects(Size::All, &spread(&vec![1; members.len()]))), figure)
        };
        let crowding = Property {
            by: "objects in the picture",
            unit: "",
            values: pictures
                .iter()
                .map(|picture| picture.truths.iter().filter(|truth| counts(truth)).count() as f64)
                .collect(),
            names: ["few", "middling", "many"],
        };
        let properties = Property::of(qualities);
        let properties = properties.iter().chain([&crowding]);
        let mut slices: Vec<Slice> = properties.flat_map(|property| property.slices(whole, of_part)).collect();
        for (size, name) in [(Size::Small, "small"), (Size::Medium, "medium"), (Size::Large, "large")] {
            let [least, greatest] = size.range().map(f64::sqrt);
            let sized = |truth: &&crate::evaluate::Truth| {
                counts(truth) && (size.range()[0]..=size.range()[1]).contains(&truth.area)
            };
            let sides = || pictures.iter().flat_map(|picture| &picture.truths).filter(sized).map(|t| t.area.sqrt());
            let (Some(low), Some(high)) = (sides().reduce(f64::min), sides().reduce(f64::max)) else { continue };
            let with = pictures.iter().filter(|picture| picture.truths.iter().any(|truth| sized(&truth))).count();
            let figure = interval(&|times| redraw.ap(size, times));
            slices.push(Slice {
                by: "size of the object".into(),
                unit: "√area in pixels".into(),
                name: name.into(),
                range: [low.max(least), high.min(greatest)],
                pictures: with,
                objects: Some(objects(size, &once)),
                figure,
                worse: worse(figure, whole, with),
            });
        }
        let confusion = detection_confusion(pictures, classes.len(), score, IOU);
        Audit {
            measure: Measure::Ap,
            pictures: count,
            objects: Some(objects(Size::All, &once)),
            whole,
            classes: classes.iter().enumerate().filter_map(of_class).collect(),
            slices,
            reliability: Reliability::new(&Evaluation::new(pictures, classes.len()).confidences(0)),
            score: Some(score),
            confusions: confusions(&confusion, classes),
        }
    }
}

fn counts(truth: &crate::evaluate::Truth) -> bool {
    !truth.crowd && !truth.ignored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Found, Truth};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_classifier_that_is_blind_in_the_dark_is_found_out() {
        // Ninety pictures in three lights; in the dark, class 1 is always taken for class 0.
        let (mut rows, mut truths, mut qualities) = (Vec::new(), Vec::new(), Vec::new());
        for picture in 0..90 {
            let (truth, light) = (picture % 2, picture / 30);
            let answer = if light == 0 { 0 } else { truth };
            rows.extend(if answer == 0 { [0.9, 0.1] } else { [0.1, 0.9] });
            truths.push(truth);
            qualities.push(Quality { brightness: 0.1 + 0.3 * light as f64, sharpness: 5.0 });
        }
        let answers = Probabilities { classes: 2, rows };
        let audit = Audit::of_classifier(&answers, &truths, &qualities, &names(&["cat", "dog"]));
        assert_eq!(audit.whole.map(|whole| whole.value), Some(75.0 / 90.0));
        let lights: Vec<_> = audit.slices.iter().map(|s| (&*s.name, s.pictures, s.worse)).collect();
        assert_eq!(
            lights,
            [("dark", 30, true), ("middling", 30, false), ("bright", 30, false)],
            "all are equally sharp"
        );
        assert_eq!(audit.slices[0].figure.map(|figure| figure.value), Some(0.5));
        let confused = Confused { truth: Some("dog".into()), answer: Some("cat".into()), count: 15, of: Some(45) };
        assert_eq!(audit.confusions, [confused]);
        assert_eq!(audit.classes[1].figure.map(|figure| figure.value), Some(30.0 / 45.0));
        assert!((audit.reliability.ece.expect("answers") - (0.9 - 75.0 / 90.0)).abs() < 1e-6);
    }

    #[test]
    fn a_detector_that_misses_what_is_small_is_found_out() {
        // Forty pictures, each with a large object, which is found, and a small one, which is not.
        let (large, small) = ([0.0, 0.0, 60.0, 60.0], [80.0, 80.0, 10.0, 10.0]);
        let picture = Judged {
            found: vec![Found { class: 0, score: 0.9, bbox: large }],
            truths: vec![Truth::new(0, large), Truth::new(0, small)],
        };
        let qualities: Vec<Quality> = (0..40).map(|i| Quality { brightness: f64::from(i), sharpness: 1.0 }).collect();
        let audit = Audit::of_detector(&vec![picture; 40], &qualities, 0.5, &names(&["cup"]));
        // Precision 1 up to a recall of one half, which 51 of COCO's 101 recalls reach.
        assert!((audit.whole.expect("objects").value - 51.0 / 101.0).abs() < 1e-9);
        let flagged: Vec<_> = audit.slices.iter().filter(|slice| slice.worse).map(|slice| &*slice.name).collect();
        assert_eq!(flagged, ["small"]);
        let small = audit.slices.iter().find(|slice| slice.name == "small").expect("there");
        assert_eq!((small.pictures, small.objects, small.range), (40, Some(40), [10.0, 10.0]));
        assert_eq!(audit.confusions, [Confused { truth: Some("cup".into()), answer: None, count: 40, of: Some(80) }]);
        assert_eq!((audit.pictures, audit.objects), (40, Some(80)));
        let parts: usize = audit.slices.iter().filter(|s| s.by == "brightness").map(|slice| slice.pictures).sum();
        assert_eq!(parts, 40);
    }

    #[test]
    fn nothing_gives_an_empty_audit() {
        let none = Audit::of_detector(&[], &[], 0.5, &names(&["cup"]));
        assert_eq!((none.whole, none.classes.len(), none.slices.len()), (None, 0, 0));
        let none = Audit::of_classifier(&Probabilities::default(), &[], &[], &[]);
        assert_eq!((none.whole, none.pictures), (None, 0));
    }
}
