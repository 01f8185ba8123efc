//! The running average of the weights, which generalises better than the last ones (Polyak and Juditsky 1992).
//!
//! It has moments of its own: those of the weights it averages would normalise what it does not compute. They are averaged
//! alike, or measured anew on batches that the average itself has seen ([`measure`]).

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::lesson::Lesson;
use crate::nets::{Moments, TrainingPass, Weights};

/// Moves the average towards the weights, moments included, after `step` steps (counted from 0). `share` is what it keeps;
/// it keeps less at first, so that it forgets where training began.
pub fn blend(average: &mut Weights, weights: &Weights, share: f32, step: usize) {
    let keep = share.min((1.0 + step as f32) / (10.0 + step as f32));
    let arrays: Vec<_> = average.arrays_mut().zip(weights.arrays()).collect();
    arrays.into_par_iter().for_each(|(average, values)| {
        for (average, value) in average.iter_mut().zip(values) {
            *average = keep * *average + (1.0 - keep) * value;
        }
    });
}

/// Sets the running moments to those of all values in `lessons` together.
pub fn measure(weights: &mut Weights, lessons: impl Iterator<Item = Lesson>) {
    let device = Device::flex();
    let mut totals: Vec<Total> = weights.moments.iter().map(|m| Total::new(m.mean.len())).collect();
    for lesson in lessons {
        let shape = weights.network.input();
        let shape = [lesson.count(), shape.height, shape.width, shape.channels];
        let pictures = Tensor::from_data(TensorData::new(lesson.pictures, shape), &device);
        let mut pass = TrainingPass::new(weights, &device, None);
        pass.run(&weights.network, pictures);
        for (total, (moments, count)) in totals.iter_mut().zip(pass.finish(weights)) {
            total.add(&moments, count);
        }
    }
    for (moments, total) in weights.moments.iter_mut().zip(totals).filter(|(_, total)| total.count > 1.0) {
        *moments = total.moments();
    }
}

/// Sums over batches, in f64.
struct Total {
    count: f64,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Total {
    fn new(channels: usize) -> Total {
        Total { count: 0.0, sum: vec![0.0; channels], squares: vec![0.0; channels] }
    }

    fn add(&mut self, batch: &Moments, count: usize) {
        let n = count as f64;
        self.count += n;
        for (channel, (&mean, &variance)) in batch.mean.iter().zip(&batch.variance).enumerate() {
            let (mean, variance) = (f64::from(mean), f64::from(variance));
            self.sum[channel] += n * mean;
            self.squares[channel] += n * (variance + mean * mean);
        }
    }

    /// Mean and unbiased variance.
    fn moments(&self) -> Moments {
        let mean: Vec<f64> = self.sum.iter().map(|sum| sum / self.count).collect();
        let unbias = self.count / (self.count - 1.0);
        let variance = self.squares.iter().zip(&mean);
        let variance = variance.map(|(squares, mean)| ((squares / self.count - mean * mean).max(0.0) * unbias) as f32);
        Moments { variance: variance.collect(), mean: mean.iter().map(|&mean| mean as f32).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::examples::detector;

    #[test]
    fn the_average_has_moments_of_its_own() {
        let mut weights = Weights::random(&detector(32, 1), 1);
        let mut average = weights.clone();
        weights.moments[0].mean[0] = 5.0;
        weights.parameters[0].values[0] = 3.0;
        assert_eq!(average.moments[0].mean[0], 0.0, "observing the weights must not change the average");
        let old = average.parameters[0].values[0];
        blend(&mut average, &weights, 0.75, 1000);
        assert!((average.moments[0].mean[0] - 1.25).abs() < 1e-6);
        assert!((average.parameters[0].values[0] - (0.75 * old + 0.75)).abs() < 1e-6);
        // At the first step it keeps a tenth only.
        let mut young = Weights::random(&detector(32, 1), 1);
        blend(&mut young, &weights, 0.75, 0);
        assert!((young.moments[0].mean[0] - 4.5).abs() < 1e-6);
    }

    #[test]
    fn moments_of_batches_are_those_of_their_values_together() {
        let moments = |values: &[f32]| {
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
            Moments { mean: vec![mean], variance: vec![variance] }
        };
        let mut total = Total::new(1);
        total.add(&moments(&[1.0, 2.0, 6.0]), 3);
        total.add(&moments(&[-4.0]), 1);
        let together = total.moments();
        assert!((together.mean[0] - 1.25).abs() < 1e-6);
        // Squares 1 + 4 + 36 + 16 = 57; (57 − 4 · 1.25²) / 3.
        assert!((together.variance[0] - 50.75 / 3.0).abs() < 1e-4);
    }
}
