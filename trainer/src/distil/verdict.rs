//! What the figures allow one to say.

use serde::{Deserialize, Serialize};

use super::measure::Figures;
use crate::evaluate::statistics::margin;

/// A comparison of the two arms over the seeds, in AP from 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Distilled minus control, seed by seed.
    pub differences: Vec<f64>,
    /// Their mean.
    pub gain: f64,
    /// Half the width of the 95 % interval of the mean (Student's t); none with fewer than two seeds.
    pub margin: Option<f64>,
    /// The largest difference between seeds of one arm.
    pub spread: f64,
    /// Whether every distilled student beats every control and the interval excludes zero.
    pub gained: bool,
    /// The same in words.
    pub words: String,
}

impl Verdict {
    /// Compares figures of the same seeds in the same order. `what` names the figure, such as "AP of the int8 file".
    pub fn new(what: &str, distilled: &[f64], control: &[f64]) -> Verdict {
        Verdict::of("Distillation", what, distilled, control)
    }

    /// Compares figures with and without something, `subject` by name.
    pub fn of(subject: &str, what: &str, distilled: &[f64], control: &[f64]) -> Verdict {
        let differences: Vec<f64> = distilled.iter().zip(control).map(|(d, c)| d - c).collect();
        let count = differences.len() as f64;
        let gain = differences.iter().sum::<f64>() / count.max(1.0);
        let margin = margin(&differences);
        let range = |values: &[f64]| {
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            high - values.iter().copied().fold(f64::INFINITY, f64::min)
        };
        let spread = if differences.is_empty() { 0.0 } else { range(distilled).max(range(control)) };
        let apart = distilled.iter().all(|d| control.iter().all(|c| d > c));
        let below = distilled.iter().all(|d| control.iter().all(|c| d < c));
        let gained = margin.is_some_and(|margin| gain > margin) && apart && gain > spread;
        let within = margin.map(|margin| format!(" ± {margin:.1} (95 %)")).unwrap_or_default();
        let words = if gained {
            format!(
                "{subject} gains {gain:.1}{within} points of {what} over {} seeds; one arm's seeds lie at most \
                 {spread:.1} apart.",
                differences.len()
            )
        } else if margin.is_some_and(|margin| -gain > margin) && below && -gain > spread {
            format!(
                "{subject} costs {:.1}{within} points of {what} over {} seeds; one arm's seeds lie at most {spread:.1} \
                 apart. What it taught does not serve this student.",
                -gain,
                differences.len()
            )
        } else if margin.is_none() {
            format!("One seed shows no spread, so no gain is claimed: {gain:+.1} points of {what}.")
        } else {
            format!(
                "No gain is claimed inside the noise: {subject} makes {gain:+.1}{within} points of {what} over {} \
                 seeds, whose spread is {spread:.1}.",
                differences.len()
            )
        };
        Verdict { differences, gain, margin, spread, gained, words }
    }

    /// Whether the interval lies below zero.
    pub fn harmed(&self) -> bool {
        self.margin.is_some_and(|margin| self.gain < -margin)
    }

    /// The same as the words, for a cell of a table.
    pub fn word(&self) -> &'static str {
        match self {
            _ if self.gained => "gains",
            _ if self.harmed() => "harms",
            Verdict { margin: None, .. } => "one seed",
            _ => "inside the noise",
        }
    }
}

/// What can be said of students that nobody could teach without a teacher, since there are no labels: how they stand to it.
/// `unjudged` says that the teacher's own boxes are what they are measured by.
pub fn standing(what: &str, students: &[f64], teacher: Option<&Figures>, unjudged: bool) -> String {
    let mean = students.iter().sum::<f64>() / students.len().max(1) as f64;
    let within = margin(students).map(|margin| format!(" ± {margin:.1} (95 %)")).unwrap_or_default();
    let reach = match students.len() {
        1 => "The student reaches".to_owned(),
        count => format!("Over {count} seeds, the student reaches"),
    };
    let end = match teacher {
        _ if unjudged => "measured by the teacher's own boxes, for want of labels".to_owned(),
        Some(teacher) => format!("its teacher {:.1}", teacher.main()),
        None => "measured on labels that nobody learned from".to_owned(),
    };
    format!("{reach} {mean:.1}{within} points of {what}, {end}. Without labels to learn from there is no control arm.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_gain_is_claimed_with_its_interval() {
        let v = Verdict::new("AP", &[40.0, 41.0, 42.0], &[30.0, 30.0, 33.0]);
        assert!(v.gained && v.words.starts_with("Distillation gains 10.0"), "{}", v.words);
        // Differences 10, 11, 9: standard deviation 1, so the margin is 4.303/√3.
        assert!((v.margin.expect("three seeds") - 4.303 / 3f64.sqrt()).abs() < 1e-3);
        assert_eq!(v.spread, 3.0);
    }

    #[test]
    fn a_clear_loss_is_called_one() {
        let v = Verdict::of("The assistant", "AP", &[30.0, 30.0, 33.0], &[40.0, 41.0, 42.0]);
        assert!(!v.gained && v.words.starts_with("The assistant costs 10.0"), "{}", v.words);
        assert!(v.harmed() && v.word() == "harms");
        assert!(!Verdict::new("AP", &[40.0, 44.0], &[41.0, 45.0]).words.contains("costs"));
    }

    #[test]
    fn without_a_control_the_student_stands_beside_its_teacher() {
        let alone = standing("AP (int8)", &[40.0], None, true);
        assert!(
            alone.starts_with("The student reaches 40.0 points of AP (int8), measured by the teacher's own"),
            "{alone}"
        );
        let three = standing("AP (int8)", &[40.0, 41.0, 42.0], None, false);
        assert!(three.starts_with("Over 3 seeds, the student reaches 41.0 ± 2.5 (95 %) points"), "{three}");
    }

    #[test]
    fn noise_is_not_a_gain() {
        assert!(!Verdict::new("AP", &[40.0, 44.0, 42.0], &[41.0, 40.0, 43.0]).gained);
        let one = Verdict::new("AP", &[50.0], &[40.0]);
        assert!(!one.gained && one.word() == "one seed");
        assert!(Verdict::new("AP", &[40.0, 44.0], &[41.0, 40.0]).words.contains("inside the noise"));
    }
}
