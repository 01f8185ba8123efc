//! Assistants: networks between a teacher and a student too small for it (Mirzadeh et al. 2020).
//!
//! Each learns from the one above it. Whether one helps depends on the gap and on the data, and it costs a training, so
//! `distil.assistant = "auto"` tries it out first: briefly, with the same seeds both ways, judged by validation pictures, and keeps it
//! only where the 95 % interval of the seeds' differences lies above zero.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::ExperimentError;
use super::experiment::learn;
use super::lessons::Signals;
use super::measure::Figures;
use super::pictures::{PictureError, Pictures};
use super::results::Arm;
use super::teaching::hear;
use super::trainings::Bench;
use crate::evaluate::statistics::paired_difference;
use crate::export::{Description, float_model};
use crate::nets::{Folded, Network, Shape};
use crate::recipe::{Assistant, Optimisation, Recipe};
use crate::teacher::{OwnTeacher, Teacher};

/// A gap of fewer times the multiply-accumulates needs nobody in between.
const NARROW: f64 = 4.0;
/// Widths that an assistant may have, as multiples of the student's, in steps of this.
const STEP: f32 = 0.125;
const WIDEST: f32 = 16.0;
/// The width to try between the student and a teacher of unknown size, of whom only answers are known.
const BEFORE_THE_UNKNOWN: f32 = 3.0;

/// One assistant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Assisting {
    /// Its width as a multiple of the student's.
    pub scale: f32,
    /// Its multiply-accumulates.
    pub macs: usize,
    /// What its f32 file is worth on the test pictures.
    pub figures: Figures,
}

/// What trying an assistant out showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Multiply-accumulates of the teacher, 0 where nobody knows, and of the student.
    pub macs: [u64; 2],
    /// The assistant's width as a multiple of the student's.
    pub scale: f32,
    /// Share of the training that was done.
    pub share: f32,
    /// Validation figures of students taught by the teacher itself, seed by seed, from 0 to 100.
    pub direct: Vec<f64>,
    /// Of students taught through the assistant.
    pub assisted: Vec<f64>,
    /// Whether the assistant is put in.
    pub helps: bool,
    /// The same in words.
    pub words: String,
}

impl Probe {
    /// Whether the assistant helps, by the students' figures: the differences of the same seeds must lie above zero.
    fn judge(&mut self) {
        let gain = paired_difference(&self.assisted, &self.direct);
        self.helps = gain.is_some_and(|gain| gain.low > 0.0);
        let (gain, margin) = gain.map_or((0.0, 0.0), |gain| (gain.value, gain.high - gain.value));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        self.words = format!(
            "{} assistant of {:.2} times the student's width: after {:.0} % of the training, students taught through it reach \
             {:.2}, directly {:.2} on the validation pictures ({} seeds); {gain:+.2} ± {margin:.2} (95 %) is {} the noise",
            if self.helps { "An" } else { "No" },
            self.scale,
            100.0 * self.share,
            mean(&self.assisted),
            mean(&self.direct),
            self.direct.len(),
            if self.helps { "beyond" } else { "inside" }
        );
    }
}

/// Who stands between teacher and student.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Assistants {
    /// From the teacher down; empty where there is none.
    pub chain: Vec<Assisting>,
    /// How it was decided, where it was left to the recipe.
    pub probe: Option<Probe>,
}

/// Trains the assistants that the recipe wants, or that help; what the student hears of the last of them. None where the teacher
/// teaches himself.
///
/// # Errors
/// As an experiment.
pub(super) fn assist(
    bench: &Bench<'_>,
    teacher: &Arc<Teacher>,
    student: &Network,
    resume: bool,
) -> Result<(Assistants, Option<Signals>), ExperimentError> {
    let distil = &bench.recipe.distil;
    let mut assistants = Assistants::default();
    let scales = match distil.assistant {
        Assistant::None => return Ok((assistants, None)),
        Assistant::Chain => distil.assistants.clone(),
        Assistant::Auto => {
            let probe = probe(bench, teacher, student, resume)?;
            bench.bars.say(&probe.words);
            let scales = if probe.helps { vec![probe.scale] } else { Vec::new() };
            assistants.probe = Some(probe);
            scales
        }
    };
    if scales.is_empty() {
        return Ok((assistants, None));
    }
    let (chain, signals) = train(bench, teacher, student, &scales)?;
    assistants.chain = chain;
    Ok((assistants, Some(signals)))
}

/// Trains one after another. Boxes of a teacher who gives nothing else remain what labels would be, all the way down: what an
/// assistant says of every cell comes beside them (Son et al. 2021, who let all those above teach).
fn train(
    bench: &Bench<'_>,
    teacher: &Arc<Teacher>,
    student: &Network,
    scales: &[f32],
) -> Result<(Vec<Assisting>, Signals), ExperimentError> {
    let mut above = teacher.clone();
    let mut chain = Vec::new();
    let mut boxes = Vec::new();
    for (place, &scale) in scales.iter().enumerate() {
        let network = wider(bench.recipe, student, scale)?;
        let mut signals = hear(bench, above, &network)?;
        if place == 0 {
            boxes.clone_from(&signals.boxes);
        } else {
            signals.boxes.clone_from(&boxes);
        }
        let name = format!("assistant{}", place + 1);
        let task = bench.student_task(&name, bench.recipe.data.seed, &network, Some(&signals));
        let weights = bench.train(&task)?;
        let path = bench.folder.file(&format!("{name}.onnx"));
        let folded = Folded::new(&weights);
        bench.write(float_model(&folded, &name), &network, Description::default(), &path)?;
        let figures = bench.measured(&name, task.seed, "f32", &path)?;
        chain.push(Assisting { scale, macs: network.macs(), figures });
        above = Arc::new(Teacher::Own(Box::new(OwnTeacher::open(&path, &folded)?)));
    }
    Ok((chain, Signals { boxes, ..hear(bench, above, student)? }))
}

/// The student's network with other widths.
fn wider(recipe: &Recipe, student: &Network, scale: f32) -> Result<Network, ExperimentError> {
    let architecture = recipe.student.widened(scale);
    let Shape { width, height, .. } = student.input();
    let built = architecture.build(student.input(), student.head.classes());
    built.map_err(|source| ExperimentError::Network { key: "distil.assistants", width, height, source })
}

/// The width at which the assistant stands in the middle: its multiply-accumulates are the geometric mean of both ends'.
fn middle(recipe: &Recipe, student: &Network, teacher: u64) -> Result<f32, ExperimentError> {
    let wanted = (teacher as f64 * student.macs() as f64).sqrt();
    let mut best = (f64::INFINITY, 1.0);
    for step in 1..=((WIDEST - 1.0) / STEP) as usize {
        let scale = 1.0 + step as f32 * STEP;
        let macs = wider(recipe, student, scale)?.macs() as f64;
        let distance = (macs / wanted).ln().abs();
        if distance < best.0 {
            best = (distance, scale);
        }
    }
    Ok(best.1)
}

/// Tries out an assistant in the middle of the gap.
fn probe(bench: &Bench<'_>, teacher: &Arc<Teacher>, student: &Network, resume: bool) -> Result<Probe, ExperimentError> {
    let recipe = bench.recipe;
    let macs = [teacher.macs(), student.macs() as u64];
    let share = recipe.distil.probe;
    let gap = (macs[0] > 0).then(|| macs[0] as f64 / macs[1].max(1) as f64);
    let mut probe =
        Probe { macs, scale: 1.0, share, direct: Vec::new(), assisted: Vec::new(), helps: false, words: String::new() };
    if let Some(gap) = gap.filter(|&gap| gap < NARROW) {
        probe.words =
            format!("No assistant: the teacher computes {gap:.1} times as much as the student, which is no gap");
        return Ok(probe);
    }
    if recipe.seeds.len() < 2 {
        probe.words = "No assistant: one seed shows no spread, so that no trial could tell whether it helps".to_owned();
        return Ok(probe);
    }
    if bench.pictures.validation.is_empty() {
        return Err(PictureError::Nothing {
            purpose: "to try an assistant out on",
            remedy: "name a set with data.validation, or set data.holdout",
        }
        .into());
    }
    probe.scale = match (recipe.distil.assistants.first(), gap) {
        (Some(&scale), _) => scale,
        (None, Some(_)) => middle(recipe, student, macs[0])?,
        (None, None) => BEFORE_THE_UNKNOWN,
    };
    let short = |o: &Optimisation| Optimisation {
        epochs: (o.epochs as f32 * share).ceil() as usize,
        steps: (o.steps as f32 * share).ceil() as usize,
        warmup: (o.warmup as f32 * share).ceil() as usize,
        ..o.clone()
    };
    let mut brief = Recipe::clone(recipe);
    brief.learning = short(&recipe.learning);
    // Students are compared as they are in floats.
    (brief.quantise.epochs, brief.quantise.steps) = (0, 0);
    let brief = Arc::new(brief);
    let folder = bench.within("probe", resume)?;
    // Choosing by test pictures would flatter what is chosen.
    let pictures = Pictures { test: bench.pictures.validation.clone(), ..bench.pictures.clone() };
    let bench = Bench { recipe: &brief, folder: &folder, pictures: &pictures, ..*bench };
    let direct = hear(&bench, teacher.clone(), student)?;
    let (_, assisted) = train(&bench, teacher, student, &[probe.scale])?;
    let students = learn(&bench, student, &[(Arm::Direct, Some(&direct)), (Arm::Distilled, Some(&assisted))])?;
    let of = |arm: Arm| students.iter().filter(move |student| student.arm == arm).map(|student| student.float.main());
    probe.direct = of(Arm::Direct).collect();
    probe.assisted = of(Arm::Distilled).collect();
    probe.judge();
    Ok(probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_judged_by_the_differences_of_the_same_seeds() {
        let words = String::new();
        let judged = |direct: &[f64], assisted: &[f64]| {
            let (direct, assisted) = (direct.to_vec(), assisted.to_vec());
            let mut probe =
                Probe { macs: [0, 1], scale: 2.0, share: 0.5, direct, assisted, helps: false, words: words.clone() };
            probe.judge();
            (probe.helps, probe.words)
        };
        // Seeds that differ more than the arms do.
        let (helps, words) = judged(&[20.0, 24.0, 28.0], &[22.0, 26.5, 30.0]);
        assert!(
            helps && words.starts_with("An assistant") && words.contains("+2.17 ± 0.72 (95 %) is beyond"),
            "{words}"
        );
        let (helps, words) = judged(&[20.0, 24.0, 28.0], &[22.0, 23.0, 30.0]);
        assert!(!helps && words.starts_with("No assistant") && words.contains("inside the noise"), "{words}");
        assert!(!judged(&[28.0, 26.5, 30.0], &[20.0, 19.0, 22.0]).0);
    }
}
