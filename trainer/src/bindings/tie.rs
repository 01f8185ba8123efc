//! A binding whose ends are known: the trained layers that it needs beside the student's, and its share of the loss.

use burn::tensor::{Tensor, TensorData, activation};
use retort_train_ops as ops;

use super::{AUTO, Binding, Kind, Loss, taps};
use crate::data::{Label, Rng};
use crate::losses::feature::{self, ContextBlock, FocalGlobal, Generator};
use crate::losses::response::{self, Decoupled, Dist, Kd};
use crate::losses::{LossError, cross_entropy, relation};
use crate::nets::{Network, Parameter, Role, TrainingPass};
use crate::teacher::Tap;

/// Why a binding cannot be.
#[derive(Debug, thiserror::Error)]
#[error("distil.bindings[{place}] ({}): {problem}", loss.name())]
pub struct TieError {
    /// Which of them, counted from 0.
    pub place: usize,
    /// Its loss.
    pub loss: Loss,
    /// What is wrong, and what would do.
    pub problem: String,
}

/// A trained array that helps a loss and is not part of the student.
#[derive(Clone, Debug, PartialEq)]
pub struct Aid {
    layer: String,
    role: Role,
    shape: [usize; 2],
    /// What all its values are at first; random where none is named.
    start: Option<f32>,
}

/// A binding whose ends are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Tie {
    /// What the recipe says.
    pub binding: Binding,
    place: usize,
    /// The student's tap; for early exits all of them.
    students: Vec<usize>,
    /// The student's layer before the logits, for early exits.
    last: Option<usize>,
    /// Rows and columns of the student's picture.
    picture: [usize; 2],
    /// The teacher's tap and which of a lesson's features it is.
    teacher: Option<(Tap, usize)>,
    aids: Vec<Aid>,
}

/// What losses may look at.
pub struct Scene<'a> {
    /// Values of all the student's nodes.
    pub values: &'a [Tensor<4>],
    /// The student's logits; none of a detector.
    pub logits: Option<Tensor<2>>,
    /// The teacher's logits.
    pub teacher: Option<Tensor<2>>,
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
    /// Ties a binding of a recipe, `place` in its list, to a student and to a teacher with these taps (none for a teacher that
    /// is known by its answers only, or where there is none).
    ///
    /// # Errors
    /// A [`TieError`] with what would do.
    pub fn new(place: usize, binding: &Binding, student: &Network, teacher: &[Tap]) -> Result<Tie, TieError> {
        let loss = binding.loss;
        let refuse = |problem: String| TieError { place, loss, problem };
        let classifies = student.levels().is_empty();
        if !classifies && matches!(loss.kind(), Kind::Answers | Kind::Own) {
            return Err(refuse(
                "is for classifiers; a detector's answers are taught by distil.classes and distil.boxes".into(),
            ));
        }
        let shape = student.input();
        let mut tie = Tie {
            binding: binding.clone(),
            place,
            students: Vec::new(),
            last: taps::embedding(student),
            picture: [shape.height, shape.width],
            teacher: None,
            aids: Vec::new(),
        };
        match loss.kind() {
            Kind::Answers => {
                if loss == Loss::Dkd && student.head.classes() < 3 {
                    return Err(refuse(
                        "tells the target from the other classes, of which there is but one; use kd".into(),
                    ));
                }
            }
            Kind::Own if loss == Loss::Exits => tie.exits(student).map_err(refuse)?,
            Kind::Own => {}
            Kind::Maps | Kind::Relations => {
                let tap = student_tap(&binding.student, student).map_err(refuse)?;
                let partner = teacher_tap(&binding.teacher, student, tap, teacher).map_err(refuse)?;
                tie.check(student, tap, &teacher[partner]).map_err(refuse)?;
                tie.students.push(tap);
                tie.teacher = Some((teacher[partner].clone(), usize::MAX));
                tie.help(student, tap);
            }
        }
        Ok(tie)
    }

    /// The teacher's tap, if it needs one.
    pub fn tap(&self) -> Option<&Tap> {
        self.teacher.as_ref().map(|(tap, _)| tap)
    }

    /// Says which of a lesson's features is the tap's.
    pub fn found_at(&mut self, place: usize) {
        if let Some((_, feature)) = &mut self.teacher {
            *feature = place;
        }
    }

    /// The binding in words: what is tied to what.
    pub fn words(&self, student: &Network) -> String {
        let names: Vec<&str> = self.students.iter().map(|&tap| student.nodes[tap].name.as_str()).collect();
        let own = |tap: usize| student.nodes[tap].shape;
        let mut words = self.binding.loss.name().to_owned();
        if let [tap] = self.students[..] {
            let s = own(tap);
            words += &format!(": student {} ({}×{}×{})", names[0], s.height, s.width, s.channels);
        } else if !names.is_empty() {
            words += &format!(": {}", names.join(", "));
        }
        if let Some((tap, _)) = &self.teacher {
            let [rows, columns, channels] = tap.shape;
            words += &format!(", teacher {} ({rows}×{columns}×{channels})", tap.name);
        }
        words
    }

    fn check(&self, student: &Network, tap: usize, teacher: &Tap) -> Result<(), String> {
        let s = student.nodes[tap].shape;
        let [rows, columns, _] = teacher.shape;
        if self.binding.loss.kind() == Kind::Relations {
            return Ok(());
        }
        let whole = |a: usize, b: usize| a.is_multiple_of(b) || b.is_multiple_of(a);
        if !whole(rows, s.height) || !whole(columns, s.width) {
            return Err(format!(
                "the student's {} is {}×{} cells, the teacher's {} {rows}×{columns}; one must be a whole multiple of the \
                 other. Name other taps; `retort-train plan --taps` lists them",
                student.nodes[tap].name, s.height, s.width, teacher.name
            ));
        }
        Ok(())
    }

    fn name(&self, what: &str) -> String {
        format!("binding{}.{what}", self.place)
    }

    fn aid(&mut self, what: &str, role: Role, shape: [usize; 2], start: Option<f32>) {
        let layer = self.name(what);
        self.aids.push(Aid { layer, role, shape, start });
    }

    /// A fully connected layer.
    fn dense(&mut self, what: &str, inputs: usize, outputs: usize, start: Option<f32>) {
        self.aid(what, Role::Weight, [inputs, outputs], start);
        self.aid(what, Role::Bias, [1, outputs], Some(0.0));
    }

    /// Early exits at the end of every stage but the last.
    fn exits(&mut self, student: &Network) -> Result<(), String> {
        let mut ends = taps::ends(student);
        ends.pop();
        if self.binding.student != AUTO {
            ends = vec![student_tap(&self.binding.student, student)?];
        }
        let Some(last) = self.last.filter(|_| !ends.is_empty()) else {
            return Err("there is no stage before the last one".into());
        };
        let width = student.nodes[last].shape.channels;
        for (exit, &end) in ends.iter().enumerate() {
            self.dense(&format!("exit{exit}"), student.nodes[end].shape.channels, width, None);
            self.dense(&format!("exit{exit}.logits"), width, student.head.classes(), None);
        }
        self.students = ends;
        Ok(())
    }

    /// The layers that bring the student's map to the teacher's channels, and what else the loss trains.
    fn help(&mut self, student: &Network, tap: usize) {
        let Some((teacher, _)) = &self.teacher else { return };
        let (own, channels) = (student.nodes[tap].shape.channels, teacher.shape[2]);
        let loss = self.binding.loss;
        if self.binding.loss.kind() == Kind::Maps && loss != Loss::At && (own != channels || loss == Loss::Fitnet) {
            self.dense("regressor", own, channels, None);
        }
        match loss {
            Loss::Mgd => {
                for what in ["generator1", "generator2"] {
                    self.dense(what, 9 * channels, channels, None);
                }
            }
            Loss::Fgd => {
                for side in ["student", "teacher"] {
                    let hidden = (channels / 2).max(1);
                    self.aid(&format!("{side}.attention"), Role::Weight, [channels, 1], None);
                    self.dense(&format!("{side}.squeeze"), channels, hidden, None);
                    self.aid(&format!("{side}.norm"), Role::Gamma, [1, hidden], Some(1.0));
                    self.aid(&format!("{side}.norm"), Role::Beta, [1, hidden], Some(0.0));
                    // At first the blocks add nothing.
                    self.dense(&format!("{side}.expand"), hidden, channels, Some(0.0));
                }
            }
            _ => {}
        }
    }

    /// The trained layers, with first values named by a seed (He et al. 2015, by fan-in).
    pub fn aids(&self, seed: u64) -> Vec<Parameter> {
        let mut rng = Rng::new(&[seed, 0xa1d, self.place as u64]);
        let fresh = |aid: &Aid| {
            let [rows, columns] = aid.shape;
            let deviation = (1.0 / rows as f32).sqrt();
            let mut value = || aid.start.unwrap_or_else(|| rng.normal() * deviation);
            let values = (0..rows * columns).map(|_| value()).collect();
            Parameter { layer: aid.layer.clone(), role: aid.role, shape: aid.shape, values }
        };
        self.aids.iter().map(fresh).collect()
    }

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
        let student = match self.aids.first() {
            Some(aid) if aid.layer == self.name("regressor") => self.regressed(student, pass),
            _ => student,
        };
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

    /// The student's map with the teacher's channels.
    fn regressed(&self, map: Tensor<4>, pass: &TrainingPass) -> Tensor<4> {
        let [batch, rows, columns, channels] = map.dims();
        let flat = map.reshape([batch * rows * columns, channels]);
        let flat = self.linear("regressor", flat, ops::Activation::None, pass);
        let outputs = flat.dims()[1];
        flat.reshape([batch, rows, columns, outputs])
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

fn likeliest(row: &[f32]) -> usize {
    crate::evaluate::likeliest(row)
}

fn student_tap(name: &str, student: &Network) -> Result<usize, String> {
    let ends = || {
        let names: Vec<&str> = taps::ends(student).iter().map(|&tap| student.nodes[tap].name.as_str()).collect();
        names.join(", ")
    };
    if name == AUTO {
        return taps::deepest(student).ok_or_else(|| "the student has no layer to tap".into());
    }
    let found = student.nodes.iter().position(|node| node.name == name);
    found.ok_or_else(|| format!("the student has no layer `{name}`; its stages end at {}", ends()))
}

fn teacher_tap(name: &str, student: &Network, tap: usize, teacher: &[Tap]) -> Result<usize, String> {
    if teacher.is_empty() {
        return Err("looks into the teacher, of whom only answers are known; use kd, dkd or dist".into());
    }
    if name == AUTO {
        let shape = student.nodes[tap].shape;
        let own = || format!("{}, {}×{}", student.nodes[tap].name, shape.height, shape.width);
        return taps::partner(shape.height, shape.width, teacher)
            .ok_or_else(|| format!("the teacher has no map that fits the student's ({}); name one", own()));
    }
    let found = teacher.iter().position(|tap| tap.name == name);
    found.ok_or_else(|| format!("the teacher has no tensor `{name}`; `retort-train plan --taps` lists those it has"))
}
