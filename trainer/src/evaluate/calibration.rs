//! Whether confidence means what it says: of answers given with 80 %, 80 % should be right.

use serde::{Deserialize, Serialize};

/// Bins of the expected calibration error (Guo et al., ICML 2017).
pub const BINS: usize = 15;

/// Answers of about the same confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Confidences above this, and for the first bin from this on.
    pub low: f64,
    /// Up to this.
    pub high: f64,
    /// Answers.
    pub count: usize,
    /// Their mean confidence; the middle of the bin where there is none.
    pub confidence: f64,
    /// Share of them that is right; 0 where there is none.
    pub accuracy: f64,
}

/// A reliability diagram and what is read off it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// [`BINS`] bins of equal width.
    pub bins: Vec<Bin>,
    /// Expected calibration error: the mean of |accuracy - confidence| over answers, by bins of equal width.
    pub ece: Option<f64>,
    /// The same by bins of equal numbers of answers (Nixon et al. 2019), which few confident answers do not hide in.
    pub adaptive_ece: Option<f64>,
    /// The greatest |accuracy - confidence| of a bin of equal width.
    pub mce: Option<f64>,
    /// Mean confidence minus accuracy: above 0 the answers are too sure.
    pub overconfidence: Option<f64>,
}

impl Reliability {
    /// From pairs of confidence, 0 to 1, and whether the answer is right.
    pub fn new(answers: &[(f64, bool)]) -> Reliability {
        let mut parts: Vec<Vec<(f64, bool)>> = vec![Vec::new(); BINS];
        for &answer in answers {
            // Bins are open below: (0, 1/15], (1/15, 2/15], … with 0 in the first.
            let bin = ((answer.0 * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            parts[bin].push(answer);
        }
        let edge = |index: usize| index as f64 / BINS as f64;
        let bins: Vec<Bin> = parts.iter().enumerate().map(|(i, part)| Bin::new(edge(i), edge(i + 1), part)).collect();
        let mut sorted = answers.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let cut = |index: usize| index * sorted.len() / BINS;
        let even: Vec<Bin> = (0..BINS).map(|i| Bin::new(0.0, 1.0, &sorted[cut(i)..cut(i + 1)])).collect();
        let count = answers.len();
        let expected = |bins: &[Bin]| {
            let sum: f64 = bins.iter().map(|bin| bin.count as f64 * bin.gap()).sum();
            (count > 0).then(|| sum / count as f64)
        };
        let filled = bins.iter().filter(|bin| bin.count > 0);
        let over: f64 = answers.iter().map(|&(confidence, right)| confidence - f64::from(u8::from(right))).sum();
        Reliability {
            ece: expected(&bins),
            adaptive_ece: expected(&even),
            mce: filled.map(Bin::gap).reduce(f64::max),
            overconfidence: (count > 0).then(|| over / count as f64),
            bins,
        }
    }
}

impl Bin {
    fn new(low: f64, high: f64, answers: &[(f64, bool)]) -> Bin {
        let count = answers.len();
        let over = |sum: f64, none: f64| if count > 0 { sum / count as f64 } else { none };
        Bin {
            low,
            high,
            count,
            confidence: over(answers.iter().map(|answer| answer.0).sum(), 0.5 * (low + high)),
            accuracy: over(answers.iter().filter(|answer| answer.1).count() as f64, 0.0),
        }
    }

    fn gap(&self) -> f64 {
        if self.count > 0 { (self.accuracy - self.confidence).abs() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_known_answers() {
        // Two bins: 0.9 twice, right once, off by 0.4; 0.6 once and right, off by 0.4; all weighted: 0.4.
        let r = Reliability::new(&[(0.9, true), (0.9, false), (0.6, true)]);
        assert!((r.ece.unwrap() - 0.4).abs() < 1e-12, "{:?}", r.ece);
        assert!((r.mce.unwrap() - 0.4).abs() < 1e-12);
        assert!((r.overconfidence.unwrap() - (2.4 - 2.0) / 3.0).abs() < 1e-12);
        // Each answer has a bin of its own: 0.1, 0.9 and 0.4.
        assert!((r.adaptive_ece.unwrap() - 1.4 / 3.0).abs() < 1e-12, "{:?}", r.adaptive_ece);
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        let r = Reliability::new(&[(0.0, false), (0.2, true), (0.201, true), (1.0, true)]);
        let counts: Vec<usize> = r.bins.iter().map(|bin| bin.count).collect();
        assert_eq!((counts[0], counts[2], counts[3], counts[14]), (1, 1, 1, 1));
        assert_eq!(Reliability::new(&[]).ece, None);
    }
}
