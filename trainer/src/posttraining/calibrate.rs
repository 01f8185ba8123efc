//! Shows pictures to the float model, and finds a range for everything that is rounded.

use std::collections::{HashMap, HashSet};

use retort::contract::ImageSpec;

use super::borders::Borders;
use super::formula::{Formulas, Map};
use super::graph::OnnxGraph;
use super::importance::{Channels, Moments, Use, uses};
use super::layer::Form;
use super::range::{Found, Method, find};
use super::sensitivity::last_results;
use super::watch::{Show, watch};
use crate::quantise::{Observer, Scale};

/// How much further than was seen the range of answers goes. The largest of them are what the model is sure of: rare, and not to be
/// told from one another if they were clamped.
const ROOM: f32 = 1.1;
/// Values of a tensor that are looked at in one picture, about.
const SAMPLES: usize = 1 << 15;

/// A range for each rounded tensor.
pub fn calibrate(
    graph: &OnnxGraph,
    formulas: &Formulas,
    borders: &Borders,
    moments: &HashMap<String, Moments>,
    sizes: &HashMap<String, usize>,
    show: Show<'_>,
) -> Result<Vec<Found>, retort::Error> {
    let uses = borders.rounded.iter().map(|tensor| uses(graph, formulas, borders, moments, tensor));
    let uses: Vec<Vec<Use>> = uses.collect();
    let seen = observe(graph, borders, &uses, sizes, show)?;
    Ok(ranges(graph, borders, &uses, &seen, show.image))
}

/// Variances of the channels of all that is rounded, and of what every layer makes.
pub fn moments(
    graph: &OnnxGraph,
    borders: &Borders,
    sizes: &HashMap<String, usize>,
    show: Show<'_>,
) -> Result<HashMap<String, Moments>, retort::Error> {
    let layers = borders.layers.iter().map(|layer| &layer.name);
    let mut names: Vec<&String> = borders.rounded.iter().chain(layers).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<(String, usize)> = names.into_iter().map(|name| (name.clone(), sizes[name])).collect();
    let products: HashSet<&str> = borders
        .layers
        .iter()
        .filter(|layer| matches!(layer.form, Form::Product { .. }))
        .flat_map(|layer| [layer.name.as_str(), layer.input.as_str()])
        .collect();
    let mut all = vec![Moments::default(); names.len()];
    watch(graph, &names, show, &mut |_, place, port, values| {
        all[place].watch(Channels::of(port, products.contains(names[place].0.as_str())), values);
    })?;
    Ok(names.into_iter().map(|(name, _)| name).zip(all).collect())
}

/// What was seen of each rounded tensor, use by use, in even pictures and in odd ones.
fn observe(
    graph: &OnnxGraph,
    borders: &Borders,
    uses: &[Vec<Use>],
    sizes: &HashMap<String, usize>,
    show: Show<'_>,
) -> Result<Vec<Vec<[Observer; 2]>>, retort::Error> {
    let names: Vec<(String, usize)> = borders.rounded.iter().map(|name| (name.clone(), sizes[name])).collect();
    let mut seen: Vec<Vec<[Observer; 2]>> =
        uses.iter().map(|uses| vec![[Observer::default(), Observer::default()]; uses.len()]).collect();
    let half = show.pictures.len().div_ceil(2) as f64;
    watch(graph, &names, show, &mut |picture, place, port, values| {
        for (using, seen) in uses[place].iter().zip(&mut seen[place]) {
            // Costs of products go with the last axis.
            let last = using.costs.len() != *port.shape.get(1).unwrap_or(&1);
            let channels = Channels::of(port, last);
            let step = coprime(values.len() / SAMPLES + 1, using.costs.len());
            let share = using.costs.len() as f64 * step as f64 / values.len() as f64 / half;
            let focus = show.focus.filter(|_| !last).and_then(|focus| focus.of_tensor(picture, port));
            for at in (picture % step..values.len()).step_by(step) {
                let cost = using.costs.get(channels.at(at)).copied().unwrap_or(0.0);
                let weight = focus.as_ref().map_or(1.0, |focus| f64::from(focus.at(at)));
                seen[picture % 2].weigh(values[at], cost * share * weight);
            }
            for value in values {
                seen[picture % 2].weigh(*value, 0.0);
            }
        }
    })?;
    Ok(seen)
}

/// The least number from `least` on that has no divisor in common with `other`, so that steps of it go through all channels.
fn coprime(least: usize, other: usize) -> usize {
    let divisor = |mut a: usize, mut b: usize| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (least.max(1)..).find(|&step| divisor(step, other.max(1)) == 1).unwrap_or(1)
}

/// A range for each rounded tensor; those that share a scale have the one of the first.
fn ranges(
    graph: &OnnxGraph,
    borders: &Borders,
    uses: &[Vec<Use>],
    seen: &[Vec<[Observer; 2]>],
    image: &ImageSpec,
) -> Vec<Found> {
    let answers = last_results(graph, &borders.layers);
    let mut found: Vec<Option<Found>> = vec![None; borders.rounded.len()];
    for first in 0..borders.rounded.len() {
        if borders.scale_of[first] != first {
            found[first] = found[borders.scale_of[first]];
            continue;
        }
        let members: Vec<usize> = (first..borders.rounded.len()).filter(|&m| borders.scale_of[m] == first).collect();
        let known = members.iter().any(|&member| graph.inputs().any(|input| input == borders.rounded[member]));
        if known {
            found[first] = Some(Found { scale: of_pictures(image), method: Method::Known, noise: 0.0 });
            continue;
        }
        let all = |half: usize| -> Vec<&Observer> {
            members.iter().flat_map(|&member| seen[member].iter().map(move |seen| &seen[half])).collect()
        };
        if members.iter().any(|&member| answers.contains(&borders.rounded[member])) {
            let seen = all(0).into_iter().chain(all(1)).map(|seen| seen.range(1.0));
            let (low, high) = seen.fold((0.0f32, 0.0f32), |(low, high), (a, b)| (low.min(a), high.max(b)));
            let scale = Scale::spanning(ROOM * low, ROOM * high);
            found[first] = Some(Found { scale, method: Method::MinMax, noise: 0.0 });
            continue;
        }
        let maps: Vec<Map> = members.iter().flat_map(|&member| uses[member].iter().map(|u| u.map.clone())).collect();
        found[first] = Some(find(&all(0), &all(1), &maps));
    }
    found.into_iter().flatten().collect()
}

/// What the bytes of pictures become.
fn of_pictures(image: &ImageSpec) -> Scale {
    let ends = image.mean.iter().zip(&image.std).map(|(mean, std)| ((0.0 - mean) / std, (255.0 - mean) / std));
    let (low, high) = ends.fold((0.0f32, 0.0f32), |(low, high), (a, b)| (low.min(a.min(b)), high.max(a.max(b))));
    Scale::spanning(low, high)
}
