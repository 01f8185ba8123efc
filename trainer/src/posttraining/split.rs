//! Channels of very different ranges get bytes of their own: convolutions are split by output channels.
//!
//! One scale for a tensor whose channels differ a hundredfold leaves the small ones next to nothing, and before a depthwise
//! convolution, which brings them to one size again, they count as much as the large ones. So the convolution that makes such a tensor, the
//! activation behind it and the depthwise convolution that reads it are split into a few of each, by the ranges of their channels, and
//! joined behind. Every part is a plain operator with one scale for each tensor, which every runtime computes in integers.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;

use super::borders::Borders;
use super::formula::Formulas;
use super::graph::{Floats, Links, OnnxGraph};
use super::importance::{Moments, costs};
use super::layer::Layer;
use crate::export::onnx::{int as int_attribute, node};

/// Most parts of a convolution.
const PARTS: usize = 8;
/// What rounding a tensor may do to the model's results before it is split, relative to their variance.
const TOLERABLE: f64 = 5e-4;
/// What it is to do afterwards, if that many parts are enough.
const AIM: f64 = 1e-4;
/// So many times the least error is as good as that.
const NEARLY: f64 = 1.1;
/// The most that may be left of the error for a split to be worth its work.
const WORTH: f64 = 0.7;
/// Variance of the error of rounding, in squares of a step.
const ROUNDING: f64 = 1.0 / 12.0;

/// A place to split at: what makes the tensor, and what reads it.
struct Site {
    maker: Layer,
    reader: Layer,
    /// The nodes in between, in their order.
    between: Vec<usize>,
    /// What the reader takes.
    tensor: String,
    /// The nodes of the activation behind the reader, in their order, and what they make of its result.
    behind: Vec<usize>,
    result: String,
    /// The dense convolutions that alone read that, whose weights can follow another order of its channels.
    dense: Vec<Layer>,
    /// Channels of each part.
    parts: Vec<Vec<usize>>,
}

impl Site {
    /// All nodes that are split.
    fn nodes(&self) -> impl Iterator<Item = usize> + '_ {
        let front = std::iter::once(self.maker.node).chain(self.between.iter().copied());
        front.chain([self.reader.node]).chain(self.behind.iter().copied())
    }

    /// Channels in the order of the parts.
    fn order(&self) -> Vec<usize> {
        self.parts.iter().flatten().copied().collect()
    }
}

/// Splits where that helps, by what rounding each tensor does to the model's results; returns the names of what was split.
pub fn split(
    graph: &mut OnnxGraph,
    formulas: &Formulas,
    borders: &Borders,
    moments: &HashMap<String, Moments>,
    harm: &dyn Fn(&str) -> f64,
) -> Vec<String> {
    let links = graph.links();
    let sites: Vec<Site> = borders
        .layers
        .iter()
        .filter_map(|reader| site(graph, &links, formulas, borders, moments, harm, reader))
        .collect();
    let mut replaced: HashMap<usize, Vec<NodeProto>> = HashMap::new();
    // Before anything is copied into parts.
    sites.iter().for_each(|site| site.dense.iter().for_each(|reader| reorder(graph, reader, &site.order())));
    for site in &sites {
        // All parts stand where the last of the whole stood: whatever they take is there by then.
        let parts = write(graph, site);
        let nodes: Vec<usize> = site.nodes().collect();
        let last = nodes.iter().copied().max().unwrap_or_default();
        nodes.iter().for_each(|&node| drop(replaced.insert(node, Vec::new())));
        replaced.insert(last, parts);
    }
    graph.replace_nodes(replaced);
    graph.drop_unread();
    sites.into_iter().map(|site| site.tensor).collect()
}

/// Whether and how to split before a layer.
fn site(
    graph: &OnnxGraph,
    links: &Links,
    formulas: &Formulas,
    borders: &Borders,
    moments: &HashMap<String, Moments>,
    harm: &dyn Fn(&str) -> f64,
    reader: &Layer,
) -> Option<Site> {
    let tensor = &reader.input;
    if !reader.is_depthwise() || links.only_reader(tensor).is_none() {
        return None;
    }
    let root = formulas.root(tensor);
    // Back over the activation to the convolution.
    let mut between = Vec::new();
    let mut open = vec![tensor.as_str()];
    let mut first = root;
    while let Some(name) = open.pop() {
        let index = links.producer(name)?;
        if borders.layers.iter().any(|layer| layer.node == index) {
            first = name;
            continue;
        }
        if !between.contains(&index) {
            between.push(index);
            open.extend(
                graph.nodes()[index].input.iter().filter(|input| !graph.is_constant(input)).map(String::as_str),
            );
        }
    }
    between.sort_unstable();
    let maker = borders.layers.iter().find(|layer| layer.name == first)?.clone();
    let inside = |name: &str| {
        links.readers(name).iter().all(|reader_of| between.contains(reader_of) || *reader_of == reader.node)
    };
    let element_wise = between.iter().all(|&index| {
        let output = &graph.nodes()[index].output[0];
        (formulas.root(output) == root || *output == root) && inside(output) && !links.leaves(output)
    });
    let dense = maker.groups == 1 && maker.is_convolution() && maker.outputs == reader.outputs;
    if !element_wise || !inside(&maker.name) || !dense || links.leaves(&maker.name) {
        return None;
    }
    let costs = costs(graph, reader, moments)?;
    let harm = harm(tensor).max(harm(&maker.name)).max(harm(root));
    let parts = divide(&moments.get(tensor)?.reach, &costs, harm)?;
    let (behind, result) = activation(graph, links, formulas, reader);
    let dense = dense_readers(links, borders, &result);
    Some(Site { maker, reader: reader.clone(), between, tensor: tensor.clone(), behind, result, dense, parts })
}

/// The nodes that make an activation of a layer's result, if nothing else looks at the result, and what they make; otherwise none, and
/// the result itself.
fn activation(graph: &OnnxGraph, links: &Links, formulas: &Formulas, layer: &Layer) -> (Vec<usize>, String) {
    let plain = (Vec::new(), layer.name.clone());
    let of_result = |index: usize| {
        let output = &graph.nodes()[index].output[0];
        let clamp = links.only_reader(&layer.name) == Some(index) && formulas.is_absorbed(&layer.name);
        clamp || formulas.is_function_of(output, &layer.name)
    };
    let mut nodes = Vec::new();
    let mut results = Vec::new();
    let mut open = vec![layer.name.as_str()];
    while let Some(name) = open.pop() {
        let readers = links.readers(name);
        let inside = readers.iter().filter(|&&reader| of_result(reader)).count();
        if inside == readers.len() && !links.leaves(name) {
            for &reader in readers {
                if !nodes.contains(&reader) {
                    nodes.push(reader);
                    open.push(&graph.nodes()[reader].output[0]);
                }
            }
        } else if inside > 0 || results.len() == 1 {
            return plain;
        } else {
            results.push(name);
        }
    }
    nodes.sort_unstable();
    match results[..] {
        [result] if !nodes.is_empty() => (nodes, result.to_owned()),
        _ => plain,
    }
}

/// The readers of a tensor, if all are dense convolutions and nothing else looks at it; otherwise none.
fn dense_readers(links: &Links, borders: &Borders, tensor: &str) -> Vec<Layer> {
    let layer = |&reader: &usize| {
        let of_node = borders.layers.iter().find(|layer| layer.node == reader);
        of_node.filter(|layer| layer.is_convolution() && layer.groups == 1 && layer.input == tensor).cloned()
    };
    let readers = if links.leaves(tensor) { None } else { links.readers(tensor).iter().map(layer).collect() };
    readers.unwrap_or_default()
}

/// Gives the input channels of a dense convolution another order.
fn reorder(graph: &mut OnnxGraph, layer: &Layer, order: &[usize]) {
    let Some(all) = graph.floats(&layer.weight) else { return };
    let each: usize = all.shape.iter().skip(2).product();
    let outputs = all.values.chunks_exact(each * order.len());
    let values = outputs.flat_map(|output| order.iter().flat_map(move |&input| &output[input * each..][..each]));
    let values = values.copied().collect();
    graph.set_floats(&layer.weight, &Floats { values, ..all });
}

/// Channels in as few parts as bring what rounding does to the model's results, now `harm`, down to the aim; none where it is tolerable as
/// it is.
fn divide(reach: &[f32], costs: &[f64], harm: f64) -> Option<Vec<Vec<usize>>> {
    let mut order: Vec<usize> = (0..reach.len()).collect();
    order.sort_by(|&a, &b| reach[a].total_cmp(&reach[b]));
    let count = order.len();
    // Sums of costs of the first so many channels.
    let mut sums = vec![0.0];
    order.iter().for_each(|&channel| sums.push(sums[sums.len() - 1] + costs[channel]));
    let cost = |from: usize, to: usize| {
        let step = f64::from(reach[order[to - 1]]) / 255.0;
        step * step * ROUNDING * (sums[to] - sums[from])
    };
    if harm <= TOLERABLE {
        return None;
    }
    // What an error here does there.
    let gain = harm / cost(0, count).max(f64::MIN_POSITIVE);
    // least[parts][to]: the least cost of the first `to` channels in so many parts, and where the last of them begins.
    let mut least = vec![(0..=count).map(|to| (if to == 0 { 0.0 } else { cost(0, to) }, 0)).collect::<Vec<_>>()];
    for parts in 1..PARTS.min(count) {
        let before = &least[parts - 1];
        let best = |to: usize| {
            let tries = (parts..to).map(|from| (before[from].0 + cost(from, to), from));
            tries.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0))
        };
        least.push((0..=count).map(best).collect());
    }
    let enough = least.iter().position(|least| least[count].0 * gain <= AIM).unwrap_or(least.len() - 1);
    // As few as do nearly as well, and none where even that is no help: channels of one range have nothing to gain.
    let enough = (0..=enough).find(|&parts| least[parts][count].0 <= NEARLY * least[enough][count].0).unwrap_or(enough);
    if least[enough][count].0 > WORTH * least[0][count].0 {
        return None;
    }
    let (mut cuts, mut to) = (Vec::new(), count);
    for parts in (0..=enough).rev() {
        let from = least[parts][to].1;
        let mut part = order[from..to].to_vec();
        part.sort_unstable();
        cuts.push(part);
        to = from;
    }
    cuts.reverse();
    (cuts.len() > 1).then_some(cuts)
}

/// The nodes of all parts, and what joins them.
fn write(graph: &mut OnnxGraph, site: &Site) -> Vec<NodeProto> {
    let mut nodes = Vec::new();
    let mut joined = Vec::new();
    for (number, channels) in site.parts.iter().enumerate() {
        let named = |name: &str| format!("{name}.part{number}");
        let made: Vec<String> = site.nodes().map(|index| graph.nodes()[index].output[0].clone()).collect();
        for index in site.nodes() {
            let mut node = graph.nodes()[index].clone();
            node.name = named(&node.output[0]);
            node.output[0] = named(&node.output[0]);
            for input in &mut node.input {
                if made.contains(input) {
                    *input = named(input);
                }
            }
            if index == site.maker.node || index == site.reader.node {
                narrow(graph, &mut node, channels, &named);
            }
            if index == site.reader.node {
                set_groups(&mut node, channels.len());
            }
            nodes.push(node);
        }
        joined.push(named(&site.result));
    }
    let order = site.order();
    let names: Vec<&str> = joined.iter().map(String::as_str).collect();
    let output = &site.result;
    if !site.dense.is_empty() {
        nodes.push(node("Concat", output, &names, vec![int_attribute("axis", 1)]));
        return nodes;
    }
    let sorted = format!("{output}.by_range");
    nodes.push(node("Concat", &sorted, &names, vec![int_attribute("axis", 1)]));
    // Back into the order that whoever reads it knows.
    let mut places = vec![0i64; order.len()];
    order.iter().enumerate().for_each(|(place, &channel)| places[channel] = place as i64);
    let indices = graph.set_integers(&format!("{output}.order"), &places);
    nodes.push(node("Gather", output, &[&sorted, &indices], vec![int_attribute("axis", 1)]));
    nodes
}

/// Gives a convolution the weights and biases of some of its output channels, as constants of other names.
pub fn narrow(graph: &mut OnnxGraph, node: &mut NodeProto, channels: &[usize], named: &dyn Fn(&str) -> String) {
    for input in node.input.iter_mut().skip(1) {
        if let Some(part) = graph.floats(input).map(|all| rows(&all, channels)) {
            *input = graph.set_floats(&named(input), &part);
        }
    }
}

/// Makes a convolution one of so many groups.
pub fn set_groups(node: &mut NodeProto, groups: usize) {
    node.attribute.retain(|attribute| attribute.name != "group");
    node.attribute.push(int_attribute("group", groups as i64));
}

/// Some of a constant's rows.
fn rows(all: &Floats, rows: &[usize]) -> Floats {
    let each = all.values.len() / all.shape.first().copied().unwrap_or(1).max(1);
    let values = rows.iter().flat_map(|&row| all.values[row * each..][..each].iter().copied()).collect();
    let mut shape = all.shape.clone();
    shape[0] = rows.len();
    Floats { shape, values }
}
