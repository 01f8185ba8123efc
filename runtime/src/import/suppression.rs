//! Graphs that end in a suppression of overlapping boxes are cut before it.
//!
//! How many boxes NonMaxSuppression leaves depends on the picture, so nothing behind it has a fixed shape. What it takes
//! has: boxes `[1, N, 4]` and scores `[1, C, N]`. Retort suppresses by itself; so where outputs depend on such a node,
//! its two inputs become outputs in their place, the scores turned to `[1, N, C]`.
//!
//! Exporters often keep the best few candidates only before they suppress, to spare work that Retort does not have: TopK
//! finds their places, and a Gather takes them from boxes and from scores. The cut is then better made before that. Both
//! inputs are followed back through nodes that only [move](moves) numbers, and through Gathers at places that a TopK
//! found. If the same TopKs lie on both ways, the nearest tensors behind the last of them that have the shapes `[1, N, 4]`
//! and `[1, N, C]` are all candidates, row by row, and the cut is there. If not, it is at the suppression itself.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use super::lineage::{Lineage, is_standard, moves};
use super::literal::Literal;
use super::node::Value;
use super::{ImportError, Importer, label};
use crate::contract::Cut;

/// The names of the outputs that a cut makes.
const BOXES: &str = "boxes";
const SCORES: &str = "scores";

/// What the importer lists as an output.
pub(super) struct Output {
    /// The value that it has.
    pub tensor: String,
    /// The tensor of the file that this is, or is a turned one of.
    pub source: String,
    /// The name it gets.
    pub name: String,
}

impl Output {
    fn own(name: &str) -> Self {
        Output { tensor: name.into(), source: name.into(), name: name.into() }
    }
}

/// A node that suppresses, on which outputs depend.
struct Suppression<'a> {
    node: &'a NodeProto,
    boxes: &'a str,
    scores: &'a str,
    kept: Vec<&'a str>,
    replaced: Vec<&'a str>,
}

impl<'a> Suppression<'a> {
    /// The only one, if there is one: with several, nobody knows whose boxes are meant.
    fn find(graph: &'a GraphProto, lineage: &Lineage<'a>) -> Option<Self> {
        let names = || graph.output.iter().map(|output| output.name.as_str());
        let suppresses = |node: &NodeProto| is_standard(node) && node.op_type == "NonMaxSuppression";
        let needed = lineage.needed(names());
        let mut found = (0..graph.node.len()).filter(|&index| needed[index] && suppresses(&graph.node[index]));
        let (Some(index), None) = (found.next(), found.next()) else { return None };
        let node = &graph.node[index];
        let [boxes, scores, ..] = &node.input[..] else { return None };
        let (replaced, kept) = names().partition(|name| lineage.needed([*name])[index]);
        Some(Suppression { node, boxes, scores, kept, replaced })
    }
}

impl Importer<'_> {
    /// Imports the nodes that the outputs need, without a suppression and what follows it, and says what the outputs are
    /// and where the graph was cut.
    pub(super) fn nodes(&mut self, graph: &GraphProto) -> Result<(Vec<Output>, Option<Cut>), ImportError> {
        let lineage = Lineage::new(graph);
        let Some(found) = Suppression::find(graph, &lineage) else {
            for index in 0..graph.node.len() {
                self.node(&graph.node, index)?;
            }
            return Ok((graph.output.iter().map(|output| Output::own(&output.name)).collect(), None));
        };
        let mut done = vec![false; graph.node.len()];
        self.those(graph, lineage.needed(found.kept.iter().copied()), &mut done)?;
        let mut ends = None;
        if let Some([boxes, scores]) = before_selection(&lineage, &found) {
            let nearest = boxes.iter().chain(&scores).copied();
            self.those(graph, lineage.needed(nearest), &mut done)?;
            ends = self.pair(&boxes, &scores);
        }
        let selection = ends.is_some();
        let (boxes, scores) = match ends {
            Some((boxes, scores)) => (Output::own(boxes), Output::own(scores)),
            None => {
                self.those(graph, lineage.needed([found.boxes, found.scores]), &mut done)?;
                let tensor = self.candidates_first(&found)?;
                (Output::own(found.boxes), Output { tensor, ..Output::own(found.scores) })
            }
        };
        let mut outputs: Vec<Output> = found.kept.iter().map(|name| Output::own(name)).collect();
        let mut add = |mut output: Output, wanted: &str| {
            if outputs.iter().all(|other| other.name != wanted) {
                output.name = wanted.to_owned();
            }
            let name = output.name.clone();
            outputs.push(output);
            name
        };
        let cut = Cut {
            boxes: add(boxes, BOXES),
            scores: add(scores, SCORES),
            node: label(found.node).to_owned(),
            replaced: found.replaced.iter().map(|&name| name.to_owned()).collect(),
            centred: found.node.attribute.iter().any(|a| a.name == "center_point_box" && a.i == 1),
            selection,
            iou: found.node.input.get(3).and_then(|name| number(graph, &lineage, name)),
        };
        Ok((outputs, Some(cut)))
    }

    /// Imports these of the nodes, apart from those that are done.
    fn those(&mut self, graph: &GraphProto, needed: Vec<bool>, done: &mut [bool]) -> Result<(), ImportError> {
        for index in (0..graph.node.len()).filter(|&index| needed[index]) {
            if !std::mem::replace(&mut done[index], true) {
                self.node(&graph.node, index)?;
            }
        }
        Ok(())
    }

    /// The nearest boxes and scores of as many candidates.
    fn pair<'n>(&self, boxes: &[&'n str], scores: &[&'n str]) -> Option<(&'n str, &'n str)> {
        let shape = |name: &str| self.values.get(name).map(Value::shape);
        let candidates = |name: &str| match shape(name) {
            Some(&[1, candidates, 4]) => Some(candidates),
            _ => None,
        };
        let (boxes, candidates) = boxes.iter().find_map(|name| Some((*name, candidates(name)?)))?;
        let fits =
            |name: &str| matches!(shape(name), Some(&[1, rows, columns]) if rows == candidates && columns != rows);
        Some((boxes, scores.iter().copied().find(|name| fits(name))?))
    }

    /// The scores that a suppression takes, turned from `[1, C, N]` to `[1, N, C]`.
    fn candidates_first(&mut self, found: &Suppression<'_>) -> Result<String, ImportError> {
        let fresh = |name: &String| !self.values.contains_key(name);
        let mut names = (0..).map(|n| format!("{}.candidates_first.{n}", found.scores));
        let output = names.find(fresh).unwrap_or_default();
        let turn = AttributeProto {
            name: "perm".into(),
            r#type: AttributeType::Ints.into(),
            ints: vec![0, 2, 1],
            ..Default::default()
        };
        let turned = NodeProto {
            name: label(found.node).to_owned(),
            op_type: "Transpose".into(),
            input: vec![found.scores.to_owned()],
            output: vec![output.clone()],
            attribute: vec![turn],
            ..Default::default()
        };
        self.node(&[turned], 0)?;
        Ok(output)
    }
}

/// The tensors, boxes and scores, from which the suppression's candidates were selected, the nearest first.
fn before_selection<'a>(lineage: &Lineage<'a>, found: &Suppression<'a>) -> Option<[Vec<&'a str>; 2]> {
    let (boxes, scores) = (way_back(lineage, found.boxes), way_back(lineage, found.scores));
    let same = !boxes.selections.is_empty() && boxes.selections == scores.selections;
    same.then_some([boxes.tensors, scores.tensors])
}

/// A tensor followed back.
struct WayBack<'a> {
    /// The tensors behind the last selection.
    tensors: Vec<&'a str>,
    /// What the TopKs made that selected, the nearest first.
    selections: Vec<&'a str>,
}

fn way_back<'a>(lineage: &Lineage<'a>, tensor: &'a str) -> WayBack<'a> {
    let mut way = WayBack { tensors: vec![tensor], selections: Vec::new() };
    let mut seen = vec![tensor];
    let mut current = tensor;
    while let Some(node) = lineage.maker(current) {
        if !moves(node) {
            let Some(places) = places(lineage, node) else { break };
            way.selections.push(places);
            way.tensors.clear();
        }
        let Some(before) = node.input.first() else { break };
        if seen.contains(&before.as_str()) {
            break;
        }
        seen.push(before);
        way.tensors.push(before);
        current = before;
    }
    way
}

/// Where a node takes candidates at places that a TopK found: what that TopK made.
fn places<'a>(lineage: &Lineage<'a>, node: &'a NodeProto) -> Option<&'a str> {
    if !is_standard(node) || !matches!(node.op_type.as_str(), "Gather" | "GatherElements" | "GatherND") {
        return None;
    }
    // Places are moved, and offset by those of earlier pictures of a batch, on their way.
    let mut open = vec![node.input.get(1)?.as_str()];
    let mut seen: Vec<&str> = Vec::new();
    while let Some(tensor) = open.pop() {
        if seen.contains(&tensor) {
            continue;
        }
        seen.push(tensor);
        let Some(node) = lineage.maker(tensor) else { continue };
        match node.op_type.as_str() {
            "TopK" if is_standard(node) => return node.output.last().map(String::as_str),
            "Add" | "Mul" | "Cast" | "Expand" | "Tile" | "Concat" => open.extend(node.input.iter().map(String::as_str)),
            _ if moves(node) => open.extend(node.input.first().map(String::as_str)),
            _ => {}
        }
    }
    None
}

/// The number that a constant of one holds.
fn number(graph: &GraphProto, lineage: &Lineage<'_>, name: &str) -> Option<f32> {
    let constant = || lineage.maker(name)?.attribute.iter().find(|a| a.name == "value")?.t.as_ref();
    let proto = graph.initializer.iter().find(|proto| proto.name == name).or_else(constant)?;
    Literal::from_proto(proto).ok()?.scalar().ok()
}
