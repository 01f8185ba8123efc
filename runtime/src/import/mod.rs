//! From ONNX bytes to a [`Graph`].
//!
//! tract-onnx reads the protobuf. Each node is then taken in the file's order: one whose inputs are all known is
//! evaluated at once (by tract, apart from quantised weights, which keep their integers); one that an importer under
//! `operators` knows becomes graph nodes; any other becomes a fallback step that tract runs. Shapes are fixed from the
//! first node on, so what computes shapes folds away.

mod budget;
mod evaluate;
mod fold_size;
mod guard;
mod layout;
mod lineage;
mod literal;
mod node;
mod operators;
mod ports;
mod suppression;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

pub use evaluate::Fallback;
pub use guard::guarded;

use crate::contract::Clues;
use crate::contract::Cut;
use crate::graph::Graph;
use crate::limits::{Exceeded, Limit, Limits};
use crate::model::Fit;
use budget::Budget;
use lineage::Lineage;
use literal::Literal;
use node::{Call, Value};

/// Whose operators may be meant; what Retort does not cover of them, tract may.
const DOMAINS: &[&str] = &["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// Why a node is not imported as it is.
#[derive(Debug)]
enum Refusal {
    /// Correct, but not covered: tract may run it.
    Unsupported(String),
    /// Wrong: nothing may run it.
    Invalid(String),
}

/// A model that could not be imported.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", .node.as_ref().map(|n| format!("node {n}: ")).unwrap_or_default())]
pub struct ImportError {
    /// The node at fault, with its operator, where there is one.
    pub node: Option<String>,
    /// What is wrong, and the remedy where there is one.
    pub problem: String,
}

impl ImportError {
    fn model(problem: impl Into<String>) -> Self {
        ImportError { node: None, problem: problem.into() }
    }
}

/// What an ONNX file holds.
pub struct Imported {
    /// The network.
    pub graph: Graph,
    /// The steps that tract runs, by the number their nodes give.
    pub fallbacks: Vec<Fallback>,
    /// The file's metadata properties.
    pub metadata: Vec<(String, String)>,
    /// Where the network was cut before a suppression, if it was.
    pub cut: Option<Cut>,
    /// How its outputs are made.
    pub clues: Clues,
}

/// Imports the bytes of an ONNX file. `shapes` fixes inputs with dynamic axes, by name, in ONNX order; `fit` fixes height and
/// width of other images. What is beyond `limits` is refused before memory or time goes into it.
pub fn import(
    bytes: &[u8],
    shapes: &[(String, Vec<usize>)],
    fit: Option<Fit>,
    limits: &Limits,
) -> Result<Imported, ImportError> {
    let budget = Budget::new(limits, wire::measure(bytes, limits)?);
    let model = evaluate::decode(bytes)?;
    let graph = model.graph.as_ref().ok_or_else(|| ImportError::model("no graph in the file: is it an ONNX model?"))?;
    if model.opset_import.is_empty() {
        return Err(ImportError::model(
            "imports no set of operators: it is truncated, or was not written as ONNX asks",
        ));
    }
    let borders = graph.input.len() + graph.output.len();
    limits.check(Limit::Nodes, (graph.node.len() + borders) as u64).map_err(|e| ImportError::model(e.to_string()))?;
    let mut importer =
        Importer { model: &model, graph: Graph::default(), values: HashMap::new(), fallbacks: Vec::new(), budget };
    importer.initialisers(graph)?;
    importer.inputs(graph, shapes, fit)?;
    let (outputs, cut) = importer.nodes(graph)?;
    importer.outputs(&outputs)?;
    importer.graph.remove_dead_nodes();
    let clues = clues(graph, &outputs.iter().map(|output| output.source.as_str()).collect::<Vec<_>>());
    let metadata = model.metadata_props.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
    Ok(Imported { graph: importer.graph, fallbacks: importer.fallbacks, metadata, cut, clues })
}

/// How tensors are made, for who has to guess what they mean.
fn clues(graph: &GraphProto, tensors: &[&str]) -> Clues {
    let lineage = Lineage::new(graph);
    let needed = lineage.needed(tensors.iter().copied());
    let nodes = graph.node.iter().zip(needed).filter(|(_, needed)| *needed);
    Clues {
        operators: nodes.map(|(node, _)| node.op_type.clone()).collect(),
        outputs_by: tensors.iter().map(|name| lineage.computed_by(name).unwrap_or_default().to_owned()).collect(),
    }
}

/// What a node is called in messages: its name, or that of what it makes.
fn label(node: &NodeProto) -> &str {
    match node.output.iter().find(|name| !name.is_empty()) {
        Some(output) if node.name.is_empty() => output,
        _ => &node.name,
    }
}

/// The state of an import.
struct Importer<'a> {
    model: &'a ModelProto,
    graph: Graph,
    values: HashMap<String, Value>,
    fallbacks: Vec<Fallback>,
    budget: Budget<'a>,
}

impl Importer<'_> {
    /// The version at which the file imports an operator domain.
    fn opset(&self, domain: &str) -> i64 {
        let standard = |d: &str| d.is_empty() || d == "ai.onnx";
        (self.model.opset_import.iter())
            .find(|import| import.domain == domain || standard(&import.domain) && standard(domain))
            .map_or(1, |import| import.version)
    }

    fn initialisers(&mut self, graph: &GraphProto) -> Result<(), ImportError> {
        for proto in &graph.initializer {
            let literal = Literal::from_proto(proto).map_err(|refusal| {
                let (Refusal::Invalid(problem) | Refusal::Unsupported(problem)) = refusal;
                ImportError::model(format!("initialiser `{}`: {problem}", proto.name))
            })?;
            let fits = self.budget.keep(&literal);
            fits.map_err(|exceeded| ImportError::model(format!("initialiser `{}`: {exceeded}", proto.name)))?;
            self.define(&proto.name, Value::Literal(literal))?;
        }
        if let Some(sparse) = graph.sparse_initializer.first() {
            let name = sparse.values.as_ref().map_or("", |values| &values.name);
            return Err(ImportError::model(format!("initialiser `{name}` is sparse; store it dense")));
        }
        Ok(())
    }

    fn define(&mut self, name: &str, value: Value) -> Result<(), ImportError> {
        match self.values.insert(name.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(ImportError::model(format!("two values are named `{name}`; names must be unique"))),
        }
    }

    /// Imports one of the nodes, given in their order.
    fn node(&mut self, nodes: &[NodeProto], index: usize) -> Result<(), ImportError> {
        let proto = &nodes[index];
        let name = label(proto);
        let fail = |problem: String| ImportError { node: Some(format!("`{name}` ({})", proto.op_type)), problem };
        if !DOMAINS.contains(&proto.domain.as_str()) {
            return Err(fail(format!(
                "the operator domain `{}` is unknown; Retort runs operators of ONNX itself and of com.microsoft",
                proto.domain
            )));
        }
        if proto.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty()) {
            return Err(fail(
                "carries a graph of its own, as loops and branches do; Retort runs none. Export the model without them, or \
                 simplify it (onnxsim)"
                    .into(),
            ));
        }
        let exceeded = |exceeded: Exceeded| fail(exceeded.to_string());
        let mut inputs = Vec::with_capacity(proto.input.len());
        for input in &proto.input {
            // Each is copied; the same large constant may be taken by every node.
            if let Some(Value::Literal(literal)) = self.values.get(input) {
                self.budget.work(literal.len() as u64).map_err(exceeded)?;
            }
            inputs.push(match input.as_str() {
                "" => None,
                input => Some(self.values.get(input).cloned().ok_or_else(|| {
                    fail(match nodes[index..].iter().any(|later| later.output.iter().any(|o| o == input)) {
                        true => format!(
                            "input `{input}` is computed by this or a later node (a cycle, or nodes out of order)"
                        ),
                        false => format!("input `{input}` is defined nowhere"),
                    })
                })?),
            });
        }
        let call = Call { proto, name, opset: self.opset(&proto.domain), inputs, limits: self.budget.limits() };
        let outputs = guard::caught(|| match self.dispatch(&call) {
            Err(Refusal::Unsupported(reason)) => self.fall_back(&call, &reason),
            result => result,
        });
        let outputs = outputs.and_then(|outputs| self.budget.made(&self.graph, &outputs).map(|()| outputs));
        let outputs = outputs.map_err(|(Refusal::Invalid(problem) | Refusal::Unsupported(problem))| fail(problem))?;
        // Importers return one value for every output that has a name.
        for (output, value) in proto.output.iter().filter(|name| !name.is_empty()).zip(outputs) {
            self.define(output, value)?;
        }
        Ok(())
    }

    /// Evaluates, imports, or refuses one node.
    fn dispatch(&mut self, call: &Call<'_>) -> Result<Vec<Value>, Refusal> {
        if let Some(value) = operators::known(call)? {
            return Ok(vec![value]);
        }
        let known = call.inputs.iter().flatten().all(|input| matches!(input, Value::Literal(_)));
        if known && !call.inputs.is_empty() {
            self.budget.work(fold_size::check(self.model, call)?)?;
            return evaluate::fold(self.model, call);
        }
        operators::import(&mut self.graph, call)
    }

    /// Makes a fallback step of a node.
    fn fall_back(&mut self, call: &Call<'_>, reason: &str) -> Result<Vec<Value>, Refusal> {
        let (fallback, outputs) =
            evaluate::fallback(&mut self.graph, self.model, call, self.fallbacks.len()).map_err(|refusal| {
                let (Refusal::Invalid(problem) | Refusal::Unsupported(problem)) = refusal;
                Refusal::Invalid(format!("not supported here: {reason}; nor by tract: {problem}"))
            })?;
        self.fallbacks.push(Fallback { reason: reason.to_owned(), ..fallback });
        Ok(outputs)
    }
}
