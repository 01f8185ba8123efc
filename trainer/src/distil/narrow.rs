//! Narrowing the student of a run: which of its channels go, and the recipe under which what is left is taught on.
//!
//! The student is pruned as the float model that it would be exported as ([`pruning`](crate::pruning)), and its weights follow: each layer
//! keeps what is left of it, normalisation included. What the fitting to the pictures has changed goes into the layer's weights, and its
//! normalisation is set to what the layer now puts out, so that the network in training computes what the pruned model does.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::ExperimentError;
use super::experiment::network;
use super::lessons::Signals;
use super::pictures::Pictures;
use super::results::Arm;
use super::teaching::{ANSWERS, hear, measured_teacher};
use super::trainings::{Bench, Task};
use crate::data::Sample;
use crate::export::{Description, contract, encode, float_model};
use crate::nets::{Bias, EPSILON, Folded, Moments, Network, Role, Weights};
use crate::posttraining::importance::{Channels, Moments as Seen};
use crate::posttraining::layer::Layer;
use crate::posttraining::watch::{Show, watch};
use crate::pruning::{Options, Pruned, Saliency, prune};
use crate::recipe::{Assistant, Recipe};
use crate::report::{Bars, RunFolder};
use crate::train::{Place, load, save};

/// The weights that a pruned student begins with, in its run folder.
pub(super) const PRUNED: &str = "pruned.weights";
/// The pruned student before it is taught on.
const UNTAUGHT: &str = "pruned-f32.onnx";
/// Lessons that gradients are taken of.
const LESSONS: usize = 64;

/// How a run's student is narrowed.
#[derive(Clone, Debug)]
pub struct Narrowing {
    /// How far, and by what.
    pub options: Options,
    /// Whether channels are judged by the gradients of the run's losses, instead of as the options say.
    pub by_gradients: bool,
    /// Pictures that are looked at.
    pub pictures: usize,
    /// Where gradients are computed.
    pub place: Place,
}

/// The arm whose student a run kept.
///
/// # Errors
/// Where the folder has no student's weights.
pub fn kept_arm(run: &Path, recipe: &Recipe) -> Result<Arm, ExperimentError> {
    let seed = recipe.seeds[0];
    let there = |arm: &Arm| run.join(Task::checkpoint(arm.name(), seed)).exists();
    let arm = [Arm::Distilled, Arm::Control].into_iter().find(there);
    arm.ok_or_else(|| ExperimentError::NoStudent { path: run.to_owned(), seed })
}

/// Prunes the student of the run in `from`, whose recipe is `recipe`, and puts its weights into `folder`; the recipe under which it is
/// taught on, which has its channels, and what was pruned.
///
/// # Errors
/// Those of reading the run, of its teacher where gradients are wanted, and of pruning.
pub fn narrow(
    recipe: &Recipe,
    from: &Path,
    folder: &RunFolder,
    bars: &Bars,
    narrowing: &Narrowing,
) -> Result<(Recipe, Pruned), ExperimentError> {
    let arm = kept_arm(from, recipe)?;
    let whole = load(&from.join(Task::checkpoint(arm.name(), recipe.seeds[0])))?;
    let pictures = Pictures::open(recipe, bars)?;
    let student = network(recipe, "student", pictures.classes.len())?;
    if whole.network != student {
        return Err(ExperimentError::OtherStudent { path: from.to_owned() });
    }
    copy_answers(from, folder);
    let mut recipe = recipe.clone();
    recipe.again.from = from.display().to_string();
    let recipe = Arc::new(recipe);
    let bench = Bench { recipe: &recipe, folder, bars, pictures: &pictures, place: narrowing.place };
    let mut options = narrowing.options.clone();
    if narrowing.by_gradients {
        options.saliency = Saliency::Given(bench.gradients(&whole, arm)?);
    }
    let folded = Folded::new(&whole);
    let described = contract(&recipe, &whole.network, &pictures.classes, Description::default());
    let bytes = encode(float_model(&folded, &recipe.name), described.to_metadata());
    let samples = shown(&pictures, &recipe, narrowing.pictures);
    let show = Show { image: &described.image, pictures: &samples, focus: None };
    let pruned = prune(&bytes, show, &options, &ties(&whole.network), &|text| bars.say(text))?;
    let narrow = fitted(&whole, &pruned, show)?;
    std::fs::write(folder.file(UNTAUGHT), pruned.encode()).map_err(|source| folder.failed(UNTAUGHT, source))?;
    save(&narrow, &folder.file(PRUNED))?;
    let mut next = (*recipe).clone();
    // A student that was pruned before has channels of its own already.
    next.student.channels.extend(channels(&whole.network, &narrow.network));
    // Those that stood between were made for the wider student.
    (next.distil.assistant, next.distil.assistants) = (Assistant::None, Vec::new());
    Ok((next, pruned))
}

/// What the teacher said before need not be asked again.
fn copy_answers(from: &Path, folder: &RunFolder) {
    let (old, new) = (from.join(ANSWERS), folder.file(ANSWERS));
    let Ok(entries) = std::fs::read_dir(old) else { return };
    if std::fs::create_dir_all(&new).is_err() {
        return;
    }
    for entry in entries.flatten() {
        // What cannot be copied is asked for.
        let _ = std::fs::copy(entry.path(), new.join(entry.file_name()));
    }
}

/// Pictures to look at, spread over those that the student learned from.
fn shown(pictures: &Pictures, recipe: &Recipe, most: usize) -> Vec<Sample> {
    let set = if pictures.transfer.is_empty() { &pictures.labelled } else { &pictures.transfer };
    let count = most.min(set.len());
    (0..count).filter_map(|place| set.fitted(recipe, place * set.len() / count).ok()).collect()
}

/// Layers whose input is added to what they make while they are trained keep the same of both.
fn ties(network: &Network) -> Vec<(String, String)> {
    let nodes = network.nodes.iter().filter(|node| node.convolution().is_some_and(|conv| conv.has_identity()));
    nodes.map(|node| (network.nodes[node.inputs[0]].name.clone(), node.name.clone())).collect()
}

/// The layers that have become narrower.
fn channels(whole: &Network, narrow: &Network) -> BTreeMap<String, usize> {
    let pairs = whole.convolutions().zip(narrow.convolutions());
    let own = pairs.filter(|((_, conv), _)| !conv.depthwise).filter(|((_, old), (_, new))| old.outputs != new.outputs);
    own.map(|((node, _), (_, conv))| (node.name.clone(), conv.outputs)).collect()
}

/// The weights that are left, with what fitting has made of them.
fn fitted(whole: &Weights, pruned: &Pruned, show: Show<'_>) -> Result<Weights, ExperimentError> {
    let free =
        |name: &String| whole.network.node(name).and_then(|node| node.convolution()).is_some_and(|c| !c.depthwise);
    let answers: Vec<&String> = whole.network.answers().iter().map(|place| &whole.network.nodes[*place].name).collect();
    let left = pruned.left.iter().filter(|(name, _)| free(name) && !answers.contains(name));
    let left = left.map(|(name, places)| (name.clone(), places.clone())).collect();
    let narrow = whole.narrowed(&left);
    let mut narrow = narrow.map_err(|source| ExperimentError::Narrow { source })?;
    let plain = narrow.network.convolutions().all(|(_, conv)| !conv.branches);
    if pruned.fitted > 0 && plain {
        settle(&mut narrow, pruned, show)?;
    }
    Ok(narrow)
}

/// Moves fitted weights and biases of the pruned model into weights with normalisations: with s = γ/√(σ² + ε), weights are those of the
/// model over s, μ and σ those of their sums on the pictures, β the mean of what the layer puts out, and γ such that s stays.
fn settle(narrow: &mut Weights, pruned: &Pruned, show: Show<'_>) -> Result<(), ExperimentError> {
    let graph = pruned.graph();
    let layers: HashMap<String, Layer> = (0..graph.nodes().len())
        .filter_map(|index| Layer::of(graph, index))
        .filter_map(|layer| Some((layer.weight.strip_suffix(".weight")?.to_owned(), layer)))
        .collect();
    let convolutions: Vec<(String, Bias)> =
        narrow.network.convolutions().map(|(node, conv)| (node.name.clone(), conv.bias)).collect();
    let names: Vec<(String, usize)> = convolutions
        .iter()
        .filter_map(|(name, _)| Some((layers.get(name)?.name.clone(), narrow.network.node(name)?.shape.len())))
        .collect();
    let mut seen: HashMap<String, Seen> = HashMap::new();
    watch(graph, &names, show, &mut |_, place, port, values| {
        seen.entry(names[place].0.clone()).or_default().watch(Channels::of(port, false), values);
    })?;
    let folded = Folded::new(narrow);
    let mut place = 0;
    for (name, bias) in convolutions {
        let (Some(layer), Some(own)) = (layers.get(&name), folded.layer(&name)) else { continue };
        let (weight, biases) = layer.parameters(graph);
        let conv = &own.convolution;
        let inputs = if conv.depthwise { 1 } else { conv.inputs };
        // From outputs first, as in the file, to outputs last.
        let taps = conv.kernel[0] * conv.kernel[1];
        let at = |row: usize, output: usize| weight[output * layer.taps + row % inputs * taps + row / inputs];
        let rows = conv.fan_in();
        let scales: Vec<f32> = match bias {
            Bias::Plain => vec![1.0; conv.outputs],
            Bias::Normalised => {
                let of = narrow.values(&name, Role::Gamma).iter().zip(&narrow.moments[place].variance);
                of.map(|(gamma, variance)| (f64::from(*gamma) / (f64::from(*variance) + EPSILON).sqrt()) as f32)
                    .map(|scale| if scale.abs() < 1e-6 { 1.0 } else { scale })
                    .collect()
            }
        };
        let mut set = |role: Role, values: Vec<f32>| {
            let own = narrow.parameters.iter_mut().find(|p| p.layer == name && p.role == role);
            own.into_iter().for_each(|parameter| parameter.values.clone_from(&values));
        };
        let of_weight = (0..rows).flat_map(|row| (0..conv.outputs).map(move |output| (row, output)));
        set(Role::Weight, of_weight.map(|(row, output)| at(row, output) / scales[output]).collect());
        if bias == Bias::Plain {
            set(Role::Bias, biases);
            continue;
        }
        if let Some((mean, variance)) = seen.get(&layer.name).map(|moments| moments.mean_and_variance()) {
            let deviations = variance.iter().zip(&scales).map(|(variance, scale)| variance / (scale * scale));
            let variances: Vec<f32> = deviations.collect();
            let gamma = scales.iter().zip(&variances);
            set(Role::Gamma, gamma.map(|(s, v)| (f64::from(*s) * (f64::from(*v) + EPSILON).sqrt()) as f32).collect());
            set(Role::Beta, mean.clone());
            let sums =
                mean.iter().zip(&biases).zip(&scales).map(|((mean, bias), scale)| (mean - bias) / scale).collect();
            narrow.moments[place] = Moments { mean: sums, variance: variances };
        }
        place += 1;
    }
    Ok(())
}

impl Bench<'_> {
    /// How much the losses of the recipe hang on each output of each layer of a student of an arm.
    fn gradients(&self, weights: &Weights, arm: Arm) -> Result<HashMap<String, Vec<f64>>, ExperimentError> {
        let signals: Option<Signals> = match arm {
            Arm::Control => None,
            _ => {
                let (teacher, _) = measured_teacher(self, &weights.network)?;
                Some(hear(self, teacher, &weights.network)?)
            }
        };
        let task = self.student_task(arm.name(), self.recipe.seeds[0], &weights.network, signals.as_ref());
        self.looked_at(&task, weights, LESSONS)
    }
}

/// Whether a folder is one of a pruned student that is to be taught on, or has been.
pub fn is_narrowed(folder: &Path) -> bool {
    folder.join(PRUNED).exists()
}

/// Where the weights of the pruned student lie in a run folder.
pub(super) fn start(folder: &RunFolder) -> Option<PathBuf> {
    Some(folder.file(PRUNED)).filter(|path| path.exists())
}

/// Where the pruned student lies as it was before it was taught on.
pub(super) fn untaught(folder: &RunFolder) -> Option<PathBuf> {
    Some(folder.file(UNTAUGHT)).filter(|path| path.exists())
}
