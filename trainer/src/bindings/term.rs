//! What a tie adds to the loss in one step.

use burn::tensor::{Tensor, TensorData, activation};
use retort_train_ops as ops;

use super::tie::{Tie, regressor};
use super::{Binding, Kind, Loss};
use crate::data::{Label, Rng};
use crate::evaluate::likeliest;
use crate::losses::feature::{self, ContextBlock, FocalGlobal, Generator};
use crate::losses::response::{self, Decoupled, Dist, Kd};
use crate::losses::{LossError, Outputs, cross_entropy, detection_loss, relation, soft_targets};
use crate::nets::{Answer, FixedHeads, Role, TrainingPass};

/// What losses may look at.
pub struct Scene<'a> {
    /// Values of all the student's nodes.
    pub values: &'a [Tensor<4>],
    /// The student's logits; none of a detector.
    pub logits: Option<Tensor<2>>,
    /// The teacher's logits.
    pub teacher: Option<Tensor<2>>,
    /// What the teacher says of each picture; empty without a teacher.
    pub answers: &'a [Answer],
    /// What the teacher computes at the taps.
    pub features: &'a [Tensor<4>],
    /// Targets of a classifier's labels, 0 in the rows of pictures whose labels nobody may look at, and 1 or 0 for each row.
    pub targets: (&'a [f32], &'a [f32]),
    /// The boxes in each picture, in pixels, as far as they are known.
    pub boxes: &'a [Vec<Label>],
    /// Logits of the running average.
    pub average: Option<Tensor<2>>,
    /// What the student said the last time, and 1 or 0 for each picture.
    pub past: Option<(Tensor<2>, Vec<f32>)>,
    /// Names what is random in this step.
    pub seed: &'a [u64],
}

impl Tie {
    /// Its share of the loss, not yet weighted.
    ///
    /// # Errors
    /// A [`LossError`] where a batch is too small for it.
    pub fn term(&self, scene: &Scene<'_>, pass: &TrainingPass) -> Result<Option<Tensor<1>>, LossError> {
        let b = &self.binding;
        Ok(match b.loss.kind() {
            Kind::Answers => match (&scene.logits, &scene.teacher) {
                (Some(z), Some(v)) => Some(self.answers(z.clone(), v.clone(), scene)?),
                _ => None,
            },
            Kind::Maps | Kind::Relations => {
                let tapped = self.students.first().zip(self.teacher.as_ref());
                let Some((&tap, &(_, feature))) = tapped else { return Ok(None) };
                let Some(teacher) = scene.features.get(feature) else { return Ok(None) };
                let student = scene.values[tap].clone();
                Some(match b.loss.kind() {
                    Kind::Maps => self.maps(student, teacher.clone(), scene, pass)?,
                    _ => self.relations(pooled(student), pooled(teacher.clone()))?,
                })
            }
            Kind::Heads => self.heads.as_ref().and_then(|heads| self.crossed(heads, scene, pass)),
            Kind::Own => self.own(scene, pass)?,
        })
    }

    fn answers(&self, z: Tensor<2>, v: Tensor<2>, scene: &Scene<'_>) -> Result<Tensor<1>, LossError> {
        let &Binding { temperature, standardise, alpha, beta, .. } = &self.binding;
        match self.binding.loss {
            Loss::Dkd => {
                let targets = target_classes(&v, scene.targets);
                response::decoupled(z, v, &targets, Decoupled { alpha, beta, temperature, standardise })
            }
            Loss::Dist => response::dist(z, v, Dist { inter: alpha, intra: beta, temperature }),
            _ => response::kd(z, v, Kd { temperature, standardise }),
        }
    }

    fn maps(
        &self,
        student: Tensor<4>,
        teacher: Tensor<4>,
        scene: &Scene<'_>,
        pass: &TrainingPass,
    ) -> Result<Tensor<1>, LossError> {
        let b = &self.binding;
        let student = self.regressed(0, student, pass);
        match b.loss {
            Loss::At => feature::attention(student, teacher),
            Loss::Cwd => feature::channels(student, teacher, b.temperature),
            Loss::Pkd => feature::pearson(student, teacher),
            Loss::Mgd => {
                let [rows, columns] = feature::common_size(b.loss.name(), student.dims(), teacher.dims())?;
                let batch = student.dims()[0];
                let mut seed = scene.seed.to_vec();
                seed.push(0x36d + self.place as u64);
                let mut rng = Rng::new(&seed);
                let seen = (0..batch * rows * columns).map(|_| f32::from(u8::from(!rng.chance(b.mask))));
                let mask = TensorData::new(seen.collect::<Vec<f32>>(), [batch, rows, columns, 1]);
                let mask = Tensor::from_data(mask, &student.device());
                let [first, second] = ["generator1", "generator2"].map(|what| self.layer(what, pass));
                let generator = Generator { weights: [first.0, second.0], biases: [first.1, second.1] };
                feature::masked(student, teacher, mask, &generator)
            }
            Loss::Fgd => {
                let size = feature::common_size(b.loss.name(), student.dims(), teacher.dims())?;
                let block = |side: &str| {
                    let name = |what: &str| self.name(&format!("{side}.{what}"));
                    let (squeeze, squeeze_bias) = self.layer(&format!("{side}.squeeze"), pass);
                    let (expand, expand_bias) = self.layer(&format!("{side}.expand"), pass);
                    ContextBlock {
                        attention: pass.leaf(&name("attention"), Role::Weight),
                        squeeze,
                        squeeze_bias,
                        scale: pass.leaf(&name("norm"), Role::Gamma),
                        shift: pass.leaf(&name("norm"), Role::Beta),
                        expand,
                        expand_bias,
                    }
                };
                let blocks = [block("student"), block("teacher")];
                let options = FocalGlobal { temperature: b.temperature, ..FocalGlobal::default() };
                feature::focal_global(student, teacher, &self.cells(scene.boxes, size), &blocks, options)
            }
            _ => feature::hint(student, teacher),
        }
    }

    /// Boxes in pixels of the picture as boxes in cells of a map.
    fn cells(&self, boxes: &[Vec<Label>], [rows, columns]: [usize; 2]) -> Vec<Vec<[f32; 4]>> {
        let scale = [columns as f32 / self.picture[1] as f32, rows as f32 / self.picture[0] as f32];
        let cell = |label: &Label| std::array::from_fn(|edge| label.bounds[edge] * scale[edge % 2]);
        boxes.iter().map(|labels| labels.iter().map(cell).collect()).collect()
    }

    fn layer(&self, what: &str, pass: &TrainingPass) -> (Tensor<2>, Tensor<2>) {
        let name = self.name(what);
        (pass.leaf(&name, Role::Weight), pass.leaf(&name, Role::Bias))
    }

    /// A fully connected layer on flat values.
    fn linear(&self, what: &str, x: Tensor<2>, activation: ops::Activation, pass: &TrainingPass) -> Tensor<2> {
        let (weight, bias) = self.layer(what, pass);
        let outputs = weight.dims()[1];
        ops::linear(x, weight, Some(bias.reshape([outputs])), activation)
    }

    /// The student's map, one of several, with the teacher's channels.
    fn regressed(&self, place: usize, map: Tensor<4>, pass: &TrainingPass) -> Tensor<4> {
        let what = regressor(place);
        if !self.aids.iter().any(|aid| aid.layer == self.name(&what)) {
            return map;
        }
        let [batch, rows, columns, channels] = map.dims();
        let flat = map.reshape([batch * rows * columns, channels]);
        let flat = self.linear(&what, flat, ops::Activation::None, pass);
        let outputs = flat.dims()[1];
        flat.reshape([batch, rows, columns, outputs])
    }

    /// How far what the teacher's heads say of the student's maps is from what the teacher says of the picture: classes in every
    /// cell, boxes weighted by how sure the teacher is (Wang et al. 2024, CrossKD, equations 4 and 5).
    fn crossed(&self, heads: &FixedHeads, scene: &Scene<'_>, pass: &TrainingPass) -> Option<Tensor<1>> {
        let &Binding { alpha, beta, temperature, .. } = &self.binding;
        if scene.answers.is_empty() {
            return None;
        }
        let taps = self.students.iter().enumerate();
        let maps: Vec<_> = taps.map(|(place, &tap)| self.regressed(place, scene.values[tap].clone(), pass)).collect();
        let said = Outputs::joined(heads.network(), heads.read(&maps).into_iter());
        let targets = soft_targets(heads.network(), scene.answers, temperature);
        let loss = detection_loss(&said, &targets, temperature);
        Some(loss.classes * alpha + loss.boxes * beta)
    }

    fn relations(&self, student: Tensor<2>, teacher: Tensor<2>) -> Result<Tensor<1>, LossError> {
        match self.binding.loss {
            Loss::RkdD => relation::distance(student, teacher),
            Loss::RkdA => relation::angle(student, teacher),
            _ => relation::similarity(student, teacher),
        }
    }

    fn own(&self, scene: &Scene<'_>, pass: &TrainingPass) -> Result<Option<Tensor<1>>, LossError> {
        let b = &self.binding;
        let Some(z) = scene.logits.clone() else { return Ok(None) };
        Ok(match b.loss {
            Loss::MeanTeacher => match &scene.average {
                Some(average) => Some(self.answers(z, average.clone(), scene)?),
                None => None,
            },
            Loss::Past => scene.past.clone().map(|(said, known)| past(z, said, &known)),
            _ => self.early(z, scene, pass)?,
        })
    }

    /// The loss of early exits: labels, the last layer's answers, the last layer's features (Zhang et al. 2019, equation 4).
    fn early(&self, z: Tensor<2>, scene: &Scene<'_>, pass: &TrainingPass) -> Result<Option<Tensor<1>>, LossError> {
        let b = &self.binding;
        let (targets, known) = scene.targets;
        let mut sum: Option<Tensor<1>> = None;
        let last = self.last.map(|last| pooled(scene.values[last].clone()).detach());
        for (exit, &tap) in self.students.iter().enumerate() {
            let name = format!("exit{exit}");
            let features = self.linear(&name, pooled(scene.values[tap].clone()), ops::Activation::Relu, pass);
            let logits = self.linear(&format!("{name}.logits"), features.clone(), ops::Activation::None, pass);
            let options = Kd { temperature: b.temperature, standardise: false };
            let mut term = response::kd(logits.clone(), z.clone().detach(), options)? * b.alpha;
            if known.iter().any(|&known| known > 0.0) {
                term = term + cross_entropy(logits, targets, known) * (1.0 - b.alpha);
            }
            if let Some(last) = &last {
                term = term + (features - last.clone()).powi_scalar(2).mean() * b.beta;
            }
            sum = Some(match sum {
                Some(sum) => sum + term,
                None => term,
            });
        }
        Ok(sum)
    }
}

/// Cross-entropy with what was said before, over the pictures of which something is known.
fn past(z: Tensor<2>, said: Tensor<2>, known: &[f32]) -> Tensor<1> {
    let [batch, _] = z.dims();
    let device = z.device();
    let total = known.iter().sum::<f32>().max(1.0);
    let known = Tensor::<2>::from_data(TensorData::new(known.to_vec(), [batch, 1]), &device);
    (activation::log_softmax(z, 1) * said * known).sum().neg() / total
}

/// The mean of a map over its rows and columns.
fn pooled(map: Tensor<4>) -> Tensor<2> {
    ops::global_average_pool(map)
}

/// The class of each picture: its label's, or where nobody may look the one that the teacher holds likeliest.
fn target_classes(teacher: &Tensor<2>, (targets, known): (&[f32], &[f32])) -> Vec<usize> {
    let [_, classes] = teacher.dims();
    let said = teacher.to_data().try_into_vec::<f32>().unwrap_or_default();
    let rows = said.chunks_exact(classes).enumerate();
    let row = |(picture, said): (usize, &[f32])| match known.get(picture) {
        Some(&known) if known > 0.0 => likeliest(&targets[picture * classes..(picture + 1) * classes]),
        _ => likeliest(said),
    };
    rows.map(row).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn what_was_said_before_is_a_target_where_something_was() {
        let device = Device::flex().autodiff();
        let tensor = |values: [f32; 4]| Tensor::<2>::from_data(TensorData::new(values.to_vec(), [2, 2]), &device);
        // softmax(0, ln 3) = (1/4, 3/4); nothing is known of the second picture.
        let z = tensor([0.0, 3f32.ln(), 4.0, 1.0]).require_grad();
        let loss = past(z.clone(), tensor([0.5, 0.5, 0.9, 0.1]), &[1.0, 0.0]);
        let expected = 0.5 * (4f32.ln() + (4.0f32 / 3.0).ln());
        assert!((loss.clone().into_scalar::<f32>() - expected).abs() < 1e-6);
        let slope = z.grad(&loss.backward()).expect("a leaf").into_data();
        let slope = slope.as_slice::<f32>().expect("floats").to_vec();
        // softmax − target.
        assert!(slope.iter().zip([-0.25, 0.25, 0.0, 0.0]).all(|(got, right)| (got - right).abs() < 1e-6), "{slope:?}");
    }
}
