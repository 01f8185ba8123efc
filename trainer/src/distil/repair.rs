//! Missing-class repair: classes that the student never saw, or saw too often, get their due by their biases alone.
//!
//! A student whose transfer set has no picture of a class still learns about it from what the teacher says of others, but
//! learns as well that it hardly ever occurs (Hinton et al. 2015, section 3). Hinton raises its bias by hand, by what serves
//! the test pictures best. Here nothing is chosen by hand: how often each class occurs where the student will work is
//! supposed to be known, and the biases are those with which the student's mean probability of a class over pictures without
//! labels is that share. It is the fixed point of the maximum-likelihood correction of priors (Saerens, Latinne and
//! Decaestecker 2002, equation 2.9), solved for biases.

use serde::{Deserialize, Serialize};

use super::measure::percent;
use crate::data::Sample;
use crate::evaluate::likeliest;
use crate::losses::softmax;
use crate::nets::{Folded, Head, Parameter, Role, Weights, predict};

/// Rounds after which the biases have long settled.
const ROUNDS: usize = 200;
/// No bias moves further than this in one round.
const STRIDE: f64 = 2.0;
/// What the oracle tries: from nothing to this, both ways, in tenths.
const REACH: i32 = 120;

/// Which classes are repaired, and to what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repair {
    /// Names of the classes whose biases move; `all` for every class; empty for no repair.
    pub classes: Vec<String>,
    /// The share of each class where the student will work, in the order of the classes; empty if all are equally frequent.
    pub priors: Vec<f64>,
    /// Pictures of the validation part whose labels nobody looks at.
    pub pictures: usize,
}

/// Figures of a network on the test pictures, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Right {
    /// Share of all pictures that are named rightly.
    pub all: f64,
    /// Share of those of the repaired classes.
    pub repaired: f64,
    /// Pictures named wrongly.
    pub errors: usize,
}

/// What a repair did to the f32 network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repaired {
    /// What was added to the biases, class by class.
    pub biases: Vec<f64>,
    /// Before.
    pub before: Right,
    /// After.
    pub after: Right,
    /// The one number that, added to the repaired classes' biases alike, serves the test pictures best, and what comes of it:
    /// a bound that nobody can reach without their labels.
    pub oracle: (f64, Right),
}

/// The classes by number; none where nothing is to be repaired.
///
/// # Errors
/// The name that is no class.
pub fn chosen(repair: &Repair, classes: &[String]) -> Result<Vec<usize>, String> {
    if repair.classes == ["all"] {
        return Ok((0..classes.len()).collect());
    }
    let find = |name: &String| classes.iter().position(|class| class == name).ok_or_else(|| name.clone());
    repair.classes.iter().map(find).collect()
}

/// What to add to the biases of `free` classes so that the mean of softmax over `logits`, `classes` numbers a picture, is
/// their share in `priors` (which add up to 1).
pub fn biases(logits: &[f32], classes: usize, priors: &[f64], free: &[usize]) -> Vec<f64> {
    let mut biases = vec![0.0f64; classes];
    for _ in 0..ROUNDS {
        let mut mean = vec![0.0f64; classes];
        for row in logits.chunks_exact(classes) {
            let moved: Vec<f32> = row.iter().zip(&biases).map(|(z, bias)| z + *bias as f32).collect();
            mean.iter_mut().zip(softmax(&moved, 1.0)).for_each(|(sum, p)| *sum += f64::from(p));
        }
        let pictures = (logits.len() / classes).max(1) as f64;
        for &class in free {
            let step = (priors[class].max(1e-9) / (mean[class] / pictures).max(1e-12)).ln();
            biases[class] += step.clamp(-STRIDE, STRIDE);
        }
    }
    // Softmax does not see what all biases have in common.
    if free.len() == classes {
        let common = biases.iter().sum::<f64>() / classes as f64;
        biases.iter_mut().for_each(|bias| *bias -= common);
    }
    biases
}

/// Repairs a classifier by unlabelled pictures, and says what that does to test pictures.
pub fn repair(
    weights: &mut Weights,
    free: &[usize],
    priors: &[f64],
    pictures: &[&Sample],
    test: &[&Sample],
) -> Repaired {
    let classes = weights.network.head.classes();
    let even = vec![1.0 / classes as f64; classes];
    let priors = if priors.is_empty() { &even } else { priors };
    let folded = Folded::new(weights);
    let logits = |samples: &[&Sample]| -> Vec<f32> {
        predict(&folded, samples, |_| ()).into_iter().flat_map(|answer| answer.classes).collect()
    };
    let moved = biases(&logits(pictures), classes, priors, free);
    let answers = logits(test);
    let truths: Vec<Option<usize>> = test.iter().map(|sample| sample.class).collect();
    let right = |biases: &[f64]| right(&answers, biases, &truths, free);
    let common = |by: f64| -> Vec<f64> { (0..classes).map(|c| if free.contains(&c) { by } else { 0.0 }).collect() };
    let tried = (-REACH..=REACH).map(|tenths| f64::from(tenths) / 10.0).map(|by| (by, right(&common(by))));
    // Of equals the smallest move.
    let best = tried.min_by(|(a, x), (b, y)| x.errors.cmp(&y.errors).then(a.abs().total_cmp(&b.abs())));
    let before = right(&vec![0.0; classes]);
    let repaired =
        Repaired { before, after: right(&moved), oracle: best.unwrap_or((0.0, before)), biases: moved.clone() };
    if let Head::Classes { logits, .. } = weights.network.head {
        let layer = &weights.network.nodes[logits].name;
        let offset = |p: &&mut Parameter| p.layer == *layer && matches!(p.role, Role::Bias | Role::Beta);
        if let Some(parameter) = weights.parameters.iter_mut().find(offset) {
            parameter.values.iter_mut().zip(&moved).for_each(|(value, bias)| *value += *bias as f32);
        }
    }
    repaired
}

fn right(logits: &[f32], biases: &[f64], truths: &[Option<usize>], free: &[usize]) -> Right {
    let mut counts = [[0usize; 2]; 2];
    for (row, truth) in logits.chunks_exact(biases.len()).zip(truths) {
        let Some(truth) = *truth else { continue };
        let moved: Vec<f32> = row.iter().zip(biases).map(|(z, bias)| z + *bias as f32).collect();
        let hit = usize::from(likeliest(&moved) == truth);
        counts[0][hit] += 1;
        counts[1][hit] += usize::from(free.contains(&truth));
    }
    let share = |[wrong, hit]: [usize; 2]| percent(Some(hit as f64 / (wrong + hit).max(1) as f64));
    let repaired = [counts[1][0], counts[1][1]];
    Right { all: share(counts[0]), repaired: share(repaired), errors: counts[0][0] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::examples::perceptron;

    #[test]
    fn biases_bring_the_mean_probability_to_the_prior() {
        // Two pictures, two classes; by symmetry the second class needs what undoes the shift of 3.
        let logits = [1.0f32, -3.0, -1.0, -1.0 - 3.0 + 2.0 + 1.0];
        let moved = biases(&logits, 2, &[0.5, 0.5], &[1]);
        let mean = logits.chunks_exact(2).map(|row| f64::from(softmax(&[row[0], row[1] + moved[1] as f32], 1.0)[1]));
        assert!((mean.sum::<f64>() / 2.0 - 0.5).abs() < 1e-5, "{moved:?}");
        assert_eq!(moved[0], 0.0, "classes that are not repaired stay");
        // One picture: softmax(0 + b, 0) = 1/4 needs b = −ln 3.
        let moved = biases(&[0.0, 0.0], 2, &[0.25, 0.75], &[0]);
        assert!((moved[0] + 3f64.ln()).abs() < 1e-5, "{moved:?}");
        // All classes free: only differences count, and they add up to nothing.
        let moved = biases(&[0.0, 0.0], 2, &[0.25, 0.75], &[0, 1]);
        assert!((moved[1] - moved[0] - 3f64.ln()).abs() < 1e-5 && (moved[0] + moved[1]).abs() < 1e-9);
    }

    #[test]
    fn a_class_whose_bias_was_pushed_down_comes_back() {
        let network = perceptron(3);
        let mut weights = Weights::random(&network, 3);
        let shape = network.input();
        let sample = |seed: usize| Sample {
            width: shape.width,
            height: shape.height,
            channels: shape.channels,
            pixels: (0..shape.len()).map(|i| ((i * 53 + seed * 97 + seed * i) % 251) as u8).collect(),
            ..Sample::default()
        };
        let mut samples: Vec<Sample> = (0..60).map(sample).collect();
        // Truth is what the network says before its bias is pushed down.
        let folded = Folded::new(&weights);
        for sample in &mut samples {
            sample.class = Some(likeliest(&predict(&folded, &[sample], |_| ())[0].classes));
        }
        let mut shares = [0.0f64; 3];
        samples.iter().for_each(|sample| shares[sample.class.unwrap_or(0)] += 1.0 / 60.0);
        let least = (0..3).max_by(|&a, &b| shares[a].total_cmp(&shares[b])).expect("three");
        let bias = weights.parameters.iter_mut().rfind(|p| p.role == Role::Bias).expect("the last layer's");
        bias.values[least] -= 8.0;
        let refs: Vec<&Sample> = samples.iter().collect();
        let repaired = repair(&mut weights, &[least], &shares, &refs, &refs);
        assert_eq!(repaired.before.repaired, 0.0);
        assert!(repaired.after.repaired > 50.0, "{repaired:?}");
        assert!(repaired.oracle.1.errors <= repaired.after.errors);
        // The biases are in the weights now.
        let again = repair(&mut weights, &[least], &shares, &refs, &refs);
        assert!(again.before.repaired > 50.0 && again.biases[least].abs() < 1.0, "{again:?}");
        assert_eq!(chosen(&Repair { classes: vec!["x".into()], priors: vec![], pictures: 1 }, &[]), Err("x".into()));
    }
}
