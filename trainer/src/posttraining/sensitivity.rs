//! What rounding each tensor does to the end of the model, and which tensors are better left in floats for it.
//!
//! One tensor after another is rounded alone, the ones that share its scale with it, and the error of the last layers' results is
//! measured. Those that do most harm stay in floats, as long as the layers that then compute in floats, too, are a small share of the work.

use std::collections::{HashMap, HashSet};

use retort::tensor::Port;

use super::borders::Borders;
use super::graph::{Links, OnnxGraph};
use super::layer::Layer;
use super::watch::{Show, watch};
use super::write::{Extent, qdq, rounded_name};
use crate::quantise::Scale;

/// Pictures that are looked at.
const PICTURES: usize = 4;

/// What it costs to leave anything in floats, as a share of the work: borders between bytes and floats are not free.
const FREE: f64 = 1e-3;

/// How much longer a multiply-accumulate takes in floats than in bytes, in times of the latter.
const SLOWER: f64 = 3.0;

/// What it costs to write and read an element as a float, and to round it behind that, in multiply-accumulates of bytes: 0.4 ns
/// where these are 160 to a nanosecond (UltraFace RFB on a processor with AVX-512 VNNI).
const MOVING: f64 = 64.0;

/// A tensor, and what rounding it alone does.
#[derive(Clone, Debug, PartialEq)]
pub struct Harm {
    /// Its place among the borders; it stands for all that share its scale.
    pub place: usize,
    /// Squared error of the last layers' results over their variance, the mean over those layers.
    pub noise: f64,
}

/// One group of tensors.
struct Alone<'a> {
    borders: &'a Borders,
    place: usize,
}

impl Extent for Alone<'_> {
    fn tensor(&self, place: usize) -> bool {
        self.borders.scale_of[place] == self.place
    }

    fn layer(&self, _: usize) -> bool {
        false
    }
}

/// All but some groups of tensors, and the layers that have all they need for it.
pub struct Without<'a> {
    borders: &'a Borders,
    left_out: HashSet<usize>,
}

impl<'a> Without<'a> {
    /// All but the groups of these places.
    pub fn new(borders: &'a Borders, left_out: HashSet<usize>) -> Without<'a> {
        Without { borders, left_out }
    }
}

impl Extent for Without<'_> {
    fn tensor(&self, place: usize) -> bool {
        !self.left_out.contains(&self.borders.scale_of[place])
    }

    fn layer(&self, place: usize) -> bool {
        // With floats for an input, integers for weights would only be worse floats.
        self.borders.place(&self.borders.layers[place].input).is_some_and(|input| self.tensor(input))
    }
}

/// The results of the layers that no other layer computes with.
pub fn last_results(graph: &OnnxGraph, layers: &[Layer]) -> Vec<String> {
    let links = graph.links();
    let nodes: HashSet<usize> = layers.iter().map(|layer| layer.node).collect();
    let is_last = |name: &str| {
        let mut open = vec![name.to_owned()];
        let mut seen = HashSet::new();
        while let Some(name) = open.pop() {
            for &reader in links.readers(&name) {
                if nodes.contains(&reader) {
                    return false;
                }
                if seen.insert(reader) {
                    open.extend(graph.nodes()[reader].output.iter().cloned());
                }
            }
        }
        true
    };
    layers.iter().map(|layer| layer.name.clone()).filter(|name| is_last(name)).collect()
}

/// What rounding each group of tensors does, the most harmful first.
///
/// # Errors
/// What the runtime says of the model.
pub fn rank(
    graph: &OnnxGraph,
    borders: &Borders,
    scales: &[Scale],
    sizes: &HashMap<String, usize>,
    show: Show<'_>,
) -> Result<Vec<Harm>, retort::Error> {
    let show = Show { pictures: &show.pictures[..show.pictures.len().min(PICTURES)], ..show };
    let names = last_results(graph, &borders.layers);
    let run = |model: &OnnxGraph| results(model, &names, sizes, show);
    let float = run(graph)?;
    let mut ranked = Vec::new();
    for place in (0..borders.rounded.len()).filter(|&place| borders.scale_of[place] == place) {
        let rounded = run(&qdq(graph, borders, scales, &[], &Alone { borders, place }))?;
        ranked.push(Harm { place, noise: mean_noise(&float, &rounded) });
    }
    ranked.sort_by(|a, b| b.noise.total_cmp(&a.noise));
    Ok(ranked)
}

/// What a tensor holds, and what each of its elements weighs.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// The last axis fastest, picture by picture.
    pub values: Vec<f32>,
    /// Beside them.
    pub weights: Vec<f32>,
}

/// What a model computes at some tensors.
///
/// # Errors
/// What the runtime says of the model.
pub fn results(
    model: &OnnxGraph,
    names: &[String],
    sizes: &HashMap<String, usize>,
    show: Show<'_>,
) -> Result<HashMap<String, Results>, retort::Error> {
    let names: Vec<(String, usize)> = names.iter().map(|name| (name.clone(), sizes[name])).collect();
    let mut all: HashMap<String, Results> = HashMap::new();
    watch(model, &names, show, &mut |picture, place, port, values| {
        let seen = all.entry(names[place].0.clone()).or_default();
        in_file_order(port, values, &mut seen.values);
        seen.weights.extend(weights(show, picture, port));
    })?;
    Ok(all)
}

/// What each element of a tensor weighs in a picture, the last axis fastest.
fn weights(show: Show<'_>, picture: usize, port: &Port) -> Vec<f32> {
    let all = port.shape.iter().product();
    match (&port.shape[..], show.focus) {
        (&[batch, channels, rows, columns], Some(focus)) => {
            focus.weights(picture, rows, columns).repeat(batch * channels)
        }
        _ => vec![1.0; all],
    }
}

/// Squared error over variance, the mean over tensors.
pub fn mean_noise(float: &HashMap<String, Results>, rounded: &HashMap<String, Results>) -> f64 {
    let noises =
        float.iter().map(|(name, float)| rounded.get(name).map_or(1.0, |rounded| noise(float, &rounded.values)));
    noises.sum::<f64>() / float.len().max(1) as f64
}

/// The error of a whole integer model: that of its last layers' results, over their variance.
///
/// # Errors
/// What the runtime says of the models.
pub fn error(
    graph: &OnnxGraph,
    integer: &OnnxGraph,
    borders: &Borders,
    sizes: &HashMap<String, usize>,
    show: Show<'_>,
) -> Result<f64, retort::Error> {
    let names = last_results(graph, &borders.layers);
    let [float, rounded] = [graph, integer].map(|model| results(model, &names, sizes, show));
    Ok(mean_noise(&float?, &rounded?))
}

/// Squared error over variance.
fn noise(float: &Results, rounded: &[f32]) -> f64 {
    let weighed =
        || float.values.iter().zip(&float.weights).map(|(value, weight)| (f64::from(*value), f64::from(*weight)));
    let total: f64 = weighed().map(|(_, weight)| weight).sum();
    let mean = weighed().map(|(value, weight)| value * weight).sum::<f64>() / total.max(f64::MIN_POSITIVE);
    let variance: f64 = weighed().map(|(value, weight)| weight * (value - mean).powi(2)).sum();
    let error: f64 = weighed().zip(rounded).map(|((a, weight), b)| weight * (a - f64::from(*b)).powi(2)).sum();
    error / variance.max(f64::MIN_POSITIVE)
}

/// What a group of tensors has to do for it to be left in floats.
#[derive(Clone, Copy, Debug)]
pub struct Worth {
    /// Its share of the harm of all that is still rounded, at the least.
    pub harm: f64,
    /// That share over the share of the time that it costs, at the least.
    pub for_time: f64,
}

/// Groups of tensors to leave in floats while at most a `share` of the work is done in floats for it: one after another that which
/// does most harm for what it costs, as long as it is worth it. Where the share is 0, there are none, though some may cost no work.
pub fn worst(costs: &Costs<'_>, ranked: &[Harm], share: f64, worth: Worth) -> Vec<usize> {
    if share <= 0.0 {
        return Vec::new();
    }
    let mut left_out = HashSet::new();
    let mut chosen = Vec::new();
    let mut spent = 0.0;
    loop {
        let open = ranked.iter().filter(|harm| !chosen.contains(&harm.place));
        let all: f64 = open.clone().map(|harm| harm.noise).sum();
        let tries = open.filter(|harm| harm.noise > 0.0 && harm.noise >= worth.harm * all).filter_map(|harm| {
            left_out.insert(harm.place);
            let work = costs.in_floats(&left_out);
            let time = SLOWER * work + costs.of_moving(&left_out);
            left_out.remove(&harm.place);
            let price = time - spent + FREE;
            (work <= share && harm.noise >= worth.for_time * price * all)
                .then(|| (harm.place, time, harm.noise / price))
        });
        let Some((place, time, _)) = tries.max_by(|a, b| a.2.total_cmp(&b.2)) else { return chosen };
        left_out.insert(place);
        chosen.push(place);
        spent = time;
    }
}

/// What it costs to leave tensors in floats.
pub struct Costs<'a> {
    graph: &'a OnnxGraph,
    links: Links,
    borders: &'a Borders,
    sizes: &'a HashMap<String, usize>,
    /// Multiply-accumulates of each layer.
    work: Vec<u64>,
}

impl<'a> Costs<'a> {
    /// For a graph whose tensors have these numbers of elements.
    pub fn new(graph: &'a OnnxGraph, borders: &'a Borders, sizes: &'a HashMap<String, usize>) -> Costs<'a> {
        let size = |layer: &Layer| sizes.get(&layer.name).copied().unwrap_or(0);
        let work = borders.layers.iter().map(|layer| size(layer) as u64 * layer.taps as u64).collect();
        Costs { graph, links: graph.links(), borders, sizes, work }
    }

    fn all_work(&self) -> f64 {
        self.work.iter().sum::<u64>().max(1) as f64
    }

    /// Share of the work that is done in floats where these groups of tensors are: that of the layers that take one of them. What
    /// makes them multiplies bytes and gives floats, but for depthwise convolutions, which the runtime computes in floats then.
    pub fn in_floats(&self, left_out: &HashSet<usize>) -> f64 {
        let Costs { borders, links, .. } = self;
        let out = |name: &str| borders.place(name).is_some_and(|place| left_out.contains(&borders.scale_of[place]));
        let layers = borders.layers.iter().zip(&self.work).filter(|(layer, _)| {
            let clamped = || links.only_reader(&layer.name).map(|reader| self.graph.nodes()[reader].output[0].as_str());
            let result = || borders.place(&layer.name).map(|_| layer.name.as_str()).or_else(clamped);
            out(&layer.input) || layer.is_depthwise() && result().is_some_and(out)
        });
        layers.map(|(_, work)| *work).sum::<u64>() as f64 / self.all_work()
    }

    /// The time that it costs to move these groups of tensors as floats, as a share of that of all the work in integers.
    fn of_moving(&self, left_out: &HashSet<usize>) -> f64 {
        let tensors = self.borders.rounded.iter().zip(&self.borders.scale_of);
        let moved = tensors.filter(|(_, place)| left_out.contains(place)).map(|(name, _)| self.sizes[name] as f64);
        moved.sum::<f64>() * MOVING / self.all_work()
    }
}

/// The error of each rounded tensor in an integer model, over its variance.
///
/// # Errors
/// What the runtime says of the models.
pub fn noises(
    graph: &OnnxGraph,
    integer: &OnnxGraph,
    borders: &Borders,
    sizes: &HashMap<String, usize>,
    left_out: &HashSet<usize>,
    show: Show<'_>,
) -> Result<HashMap<String, f64>, retort::Error> {
    let links = graph.links();
    let show = Show { pictures: &show.pictures[..show.pictures.len().min(PICTURES)], ..show };
    let rounded = borders.rounded.iter().zip(&borders.scale_of);
    let names: Vec<&String> = rounded.filter(|(_, place)| !left_out.contains(place)).map(|(name, _)| name).collect();
    let float: Vec<(String, usize)> = names.iter().map(|name| ((*name).clone(), sizes[*name])).collect();
    let integers: Vec<(String, usize)> = names
        .iter()
        .map(|name| (if links.leaves(name) { (*name).clone() } else { rounded_name(name) }, sizes[*name]))
        .collect();
    let mut values = vec![Results::default(); names.len()];
    watch(graph, &float, show, &mut |picture, place, port, all| {
        in_file_order(port, all, &mut values[place].values);
        values[place].weights.extend(weights(show, picture, port));
    })?;
    let mut rounded = vec![Vec::new(); names.len()];
    watch(integer, &integers, show, &mut |_, place, port, all| in_file_order(port, all, &mut rounded[place]))?;
    let all = names.iter().zip(values.iter().zip(&rounded));
    Ok(all.map(|(name, (values, rounded))| ((*name).clone(), noise(values, rounded))).collect())
}

/// Adds a tensor's values, the last axis fastest, whatever their order in memory.
pub(super) fn in_file_order(port: &Port, values: &[f32], to: &mut Vec<f32>) {
    let strides = port.strides();
    let mut index = vec![0; port.shape.len()];
    for _ in 0..values.len() {
        to.push(values[index.iter().zip(&strides).map(|(index, stride)| index * stride).sum::<usize>()]);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < port.shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}
