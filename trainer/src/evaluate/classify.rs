//! Figures of classifiers: how often they are right, on what, and how well they know it.

use serde::{Deserialize, Serialize};

use super::calibration::Reliability;
use super::confusion::Confusion;
use super::statistics::{Interval, wilson};

/// The least probability whose logarithm is taken, so that one confident mistake of a quantised network, whose least
/// probability is 0, does not make the mean infinite. It is the spacing of `f32` at 1, as in scikit-learn's `log_loss`.
pub(super) const LEAST_PROBABILITY: f64 = f32::EPSILON as f64;

/// Probabilities of every class for a number of pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probabilities {
    /// Number of classes.
    pub classes: usize,
    /// `[pictures, classes]`, each row with the sum 1.
    pub rows: Vec<f32>,
}

impl Probabilities {
    /// The softmax of logits `[pictures, classes]`.
    pub fn of_logits(classes: usize, logits: &[f32]) -> Probabilities {
        let mut rows = Vec::with_capacity(logits.len());
        for row in logits.chunks_exact(classes.max(1)) {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers = || row.iter().map(|&logit| f64::from(logit - most).exp());
            let sum: f64 = powers().sum();
            rows.extend(powers().map(|power| (power / sum) as f32));
        }
        Probabilities { classes, rows }
    }

    /// Picture by picture.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.rows.chunks_exact(self.classes.max(1))
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.rows.len() / self.classes.max(1)
    }

    /// Whether there is no picture.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The likeliest class; of equals the first.
pub fn likeliest(row: &[f32]) -> usize {
    let better = |best: usize, next: usize| if row[next] > row[best] { next } else { best };
    (0..row.len()).reduce(better).unwrap_or(0)
}

/// How many classes are likelier; of equals the first is.
fn rank(row: &[f32], class: usize) -> usize {
    let own = row.get(class).copied().unwrap_or(f32::NEG_INFINITY);
    row.iter().enumerate().filter(|&(other, &p)| p > own || (p == own && other < class)).count()
}

/// How one class fares, each from 0 to 1; none where there is nothing to divide by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Pictures of the class.
    pub pictures: u64,
    /// Share of answers "this class" that are right.
    pub precision: Option<f64>,
    /// Share of the class's pictures that are answered right: its accuracy.
    pub recall: Option<f64>,
    /// The harmonic mean of the two.
    pub f1: Option<f64>,
}

/// What a classifier is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Labelled pictures.
    pub pictures: usize,
    /// Share of pictures whose likeliest class is right, with its 95 % interval (Wilson).
    pub top1: Option<Interval>,
    /// Share of pictures whose class is among the five likeliest, likewise.
    pub top5: Option<Interval>,
    /// The mean of the classes' F1, of those that occur.
    pub macro_f1: Option<f64>,
    /// Mean of -ln of the right class's probability, in nats; none without pictures.
    pub nll: Option<f64>,
    /// Mean over pictures of the sum over classes of (probability - truth)², from 0 to 2 (Brier 1950).
    pub brier: Option<f64>,
    /// Confidence against accuracy.
    pub reliability: Reliability,
    /// By class.
    pub classes: Vec<ClassScores>,
    /// By true class and answer.
    pub confusion: Confusion,
}

impl Classification {
    /// The figures for pictures whose true classes are `truths`, in the order of `answers`.
    pub fn new(answers: &Probabilities, truths: &[usize]) -> Classification {
        let mut confusion = Confusion::new(answers.classes);
        let (mut first, mut fifth, mut nll, mut brier) = (0, 0, 0.0, 0.0);
        let mut confidences = Vec::with_capacity(truths.len());
        for (row, &truth) in answers.iter().zip(truths) {
            let answer = likeliest(row);
            let rank = rank(row, truth);
            confusion.add(truth, answer);
            first += usize::from(rank == 0);
            fifth += usize::from(rank < 5);
            confidences.push((f64::from(row.get(answer).copied().unwrap_or(0.0)), rank == 0));
            let right = row.get(truth).copied().map_or(0.0, f64::from);
            nll -= right.max(LEAST_PROBABILITY).ln();
            // Σ (p - y)² with y = 1 for the truth alone.
            brier += row.iter().map(|&p| f64::from(p).powi(2)).sum::<f64>() - 2.0 * right + 1.0;
        }
        let pictures = confidences.len();
        let mean = |sum: f64| (pictures > 0).then(|| sum / pictures as f64);
        let classes: Vec<ClassScores> = (0..answers.classes).map(|class| scores(&confusion, class)).collect();
        let f1: Vec<f64> = classes.iter().filter(|class| class.pictures > 0).filter_map(|class| class.f1).collect();
        Classification {
            pictures,
            top1: wilson(first, pictures),
            top5: wilson(fifth, pictures),
            macro_f1: (!f1.is_empty()).then(|| f1.iter().sum::<f64>() / f1.len() as f64),
            nll: mean(nll),
            brier: mean(brier),
            reliability: Reliability::new(&confidences),
            classes,
            confusion,
        }
    }
}

fn scores(confusion: &Confusion, class: usize) -> ClassScores {
    let (hits, pictures, answers) = (confusion.at(class, class), confusion.of_truth(class), confusion.of_answer(class));
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    ClassScores {
        pictures,
        precision: share(hits, answers),
        recall: share(hits, pictures),
        f1: share(2 * hits, pictures + answers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_four_pictures() {
        #[rustfmt::skip]
        let rows = vec![
            0.7, 0.2, 0.1,
            0.1, 0.6, 0.3,
            0.5, 0.4, 0.1,
            0.25, 0.25, 0.5,
        ];
        let c = Classification::new(&Probabilities { classes: 3, rows }, &[0, 1, 1, 0]);
        assert_eq!((c.top1.map(|i| i.value), c.top5.map(|i| i.value)), (Some(0.5), Some(1.0)));
        assert_eq!(c.confusion.counts, [1, 0, 1, 1, 1, 0, 0, 0, 0]);
        let near = |value: Option<f64>, expected: f64| assert!((value.unwrap() - expected).abs() < 1e-7, "{value:?}");
        near(c.nll, -(0.7f64.ln() + 0.6f64.ln() + 0.4f64.ln() + 0.25f64.ln()) / 4.0);
        near(c.brier, (0.14 + 0.26 + 0.62 + 0.875) / 4.0);
        // Class 0: one of two found, one of two answers right. Class 2 never occurs and is answered once.
        near(c.classes[0].f1, 0.5);
        assert_eq!((c.classes[2].precision, c.classes[2].recall), (Some(0.0), None));
        near(c.macro_f1, (0.5 + 2.0 / 3.0) / 2.0);
    }

    #[test]
    fn of_equal_probabilities_the_first_class_is_the_answer() {
        let even = Probabilities { classes: 7, rows: vec![1.0 / 7.0; 21] };
        let c = Classification::new(&even, &[0, 4, 5]);
        assert_eq!((c.top1.map(|i| i.value), c.top5.map(|i| i.value)), (Some(1.0 / 3.0), Some(2.0 / 3.0)));
    }

    #[test]
    fn a_certain_mistake_stays_finite_and_logits_become_probabilities() {
        let p = Probabilities::of_logits(2, &[1000.0, 0.0, 0.0, 0.0]);
        assert_eq!(p.rows, [1.0, 0.0, 0.5, 0.5]);
        assert!(Classification::new(&p, &[1, 0]).nll.is_some_and(|nll| nll > 8.0 && nll.is_finite()));
        let none = Classification::new(&Probabilities::default(), &[]);
        assert_eq!((none.pictures, none.top1, none.nll), (0, None, None));
    }
}
