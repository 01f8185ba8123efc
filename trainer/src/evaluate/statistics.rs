//! How far a figure can be trusted: intervals of shares, means and differences.

use serde::{Deserialize, Serialize};

use crate::data::Rng;

/// The quantile of the normal distribution that bounds 95 % in the middle.
pub const NORMAL_95: f64 = 1.959_963_984_540_054;

/// A figure and what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The 95 % interval of a share (Wilson 1927), which stays within 0 and 1 and holds for few cases too; none of no
/// cases.
pub fn wilson(hits: usize, cases: usize) -> Option<Interval> {
    if cases == 0 {
        return None;
    }
    let (n, z2) = (cases as f64, NORMAL_95 * NORMAL_95);
    let share = hits as f64 / n;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = NORMAL_95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Some(Interval { value: share, low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

/// The 95 % percentile interval of a figure over `cases` drawn again with replacement (Efron 1979). `figure` takes how
/// often each case was drawn, and may have no answer for some draws, which are left out.
pub fn bootstrap(
    cases: usize,
    draws: usize,
    seed: u64,
    figure: impl Fn(&[u32]) -> Option<f64> + Sync,
) -> Option<Interval> {
    use rayon::prelude::*;
    let value = figure(&vec![1; cases])?;
    let draw = |number: u64| {
        let mut rng = Rng::new(&[seed, number]);
        let mut counts = vec![0; cases];
        (0..cases).for_each(|_| counts[rng.below(cases)] += 1);
        figure(&counts)
    };
    let mut figures: Vec<f64> = (0..draws as u64).into_par_iter().filter_map(draw).collect();
    figures.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * figures.len() as f64).floor() as usize;
        figures.get(index.min(figures.len().saturating_sub(1))).copied()
    };
    Some(Interval { value, low: at(0.025)?, high: at(0.975)? })
}

/// The mean over seeds and its 95 % interval by Student's t; the ends are the mean itself where there is one value,
/// which shows no spread. None of no values.
pub fn mean_interval(values: &[f64]) -> Option<Interval> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.is_empty() {
        return None;
    }
    let margin = margin(values).unwrap_or(0.0);
    Some(Interval { value: mean, low: mean - margin, high: mean + margin })
}

/// Half the width of the 95 % interval of the mean by Student's t; none of fewer than two values.
pub fn margin(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    (values.len() >= 2).then(|| student_t_95(values.len() - 1) * standard_deviation(values) / n.sqrt())
}

/// Differences of the same seeds in the same order, their mean and its interval.
pub fn paired_difference(a: &[f64], b: &[f64]) -> Option<Interval> {
    mean_interval(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
}

/// Of a sample: the squares' sum is divided by one less than the count. 0 of fewer than two values.
pub fn standard_deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// The quantile of Student's t that bounds 95 % in the middle; of 0 degrees of freedom infinite.
pub fn student_t_95(degrees: usize) -> f64 {
    if degrees == 0 {
        return f64::INFINITY;
    }
    // The share outside ±t falls as t rises, so the quantile is found by halving.
    let (mut low, mut high) = (1.0, 16.0);
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if outside(middle, degrees as f64) > 0.05 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The probability that |t| is greater: the regularised incomplete beta function at ν/(ν + t²) with ν/2 and 1/2
/// (Abramowitz and Stegun 26.5.27 and 26.7.1).
fn outside(t: f64, degrees: f64) -> f64 {
    let (a, b) = (0.5 * degrees, 0.5);
    let x = degrees / (degrees + t * t);
    let scale = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    // The continued fraction converges fast below this bound, and the function is symmetric about it.
    if x < (a + 1.0) / (a + b + 2.0) {
        scale * beta_fraction(a, b, x) / a
    } else {
        1.0 - scale * beta_fraction(b, a, 1.0 - x) / b
    }
}

/// The continued fraction of the incomplete beta function (26.5.8), from its start on (Lentz 1976).
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        for coefficient in [even, odd] {
            d = 1.0 / away(1.0 + coefficient * d);
            c = away(1.0 + coefficient / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// The logarithm of Γ for positive arguments (Stirling's series, A&S 6.1.41, after the recurrence).
fn ln_gamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 12.0 {
        shift += x.ln();
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, expected) in
            [(1, 12.706_205), (2, 4.302_653), (3, 3.182_446), (9, 2.262_157), (30, 2.042_272), (1000, 1.962_339)]
        {
            assert!((student_t_95(degrees) - expected).abs() < 1e-6, "{degrees}: {}", student_t_95(degrees));
        }
    }

    #[test]
    fn wilson_stays_within_bounds() {
        // 8 of 10: Newcombe 1998 gives 0.4902 to 0.9433.
        let interval = wilson(8, 10).expect("cases");
        assert!((interval.low - 0.490_162).abs() < 1e-6 && (interval.high - 0.943_318).abs() < 1e-6, "{interval:?}");
        let none = wilson(0, 5).expect("cases");
        assert!(none.low == 0.0 && none.high > 0.4 && none.high < 0.45);
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn intervals_of_means_and_differences() {
        // Differences 10, 11, 9: standard deviation 1, so the margin is 4.3027/√3.
        let interval = paired_difference(&[40.0, 41.0, 42.0], &[30.0, 30.0, 33.0]).expect("values");
        assert!((interval.high - interval.value - 4.302_653 / 3f64.sqrt()).abs() < 1e-6);
        assert_eq!(mean_interval(&[3.0]), Some(Interval { value: 3.0, low: 3.0, high: 3.0 }));
        assert_eq!((mean_interval(&[]), margin(&[3.0])), (None, None));
    }

    #[test]
    fn the_bootstrap_agrees_with_theory_and_itself() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let mean = |counts: &[u32]| {
            Some(values.iter().zip(counts).map(|(v, &c)| v * f64::from(c)).sum::<f64>() / values.len() as f64)
        };
        let interval = bootstrap(values.len(), 1000, 3, mean).expect("values");
        // The standard error of a share of one half is 0.5/√400.
        assert!((interval.high - interval.low - 2.0 * NORMAL_95 * 0.025).abs() < 0.01, "{interval:?}");
        assert_eq!(bootstrap(values.len(), 1000, 3, mean), Some(interval));
    }
}
