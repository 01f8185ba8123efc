//! Which tensors are functions of one other tensor, element by element: activations, however many nodes they are written in.
//!
//! In bytes such a function is a table of 256 entries, so that only its beginning and its end are rounded, and how well
//! the beginning has to be known is a question of what the function makes of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tract_onnx::pb::NodeProto;

use super::graph::{OnnxGraph, attribute, float};

/// A function of one number.
pub type Map = Arc<dyn Fn(f32) -> f32 + Send + Sync>;

/// What a tensor is a function of.
#[derive(Clone)]
pub struct Formula {
    /// The tensor.
    pub of: String,
    /// The function.
    pub map: Map,
}

/// All tensors that are functions of others.
#[derive(Default)]
pub struct Formulas {
    formulas: HashMap<String, Formula>,
    absorbed: HashSet<String>,
}

/// Operators that compute in integers, and clamp in passing.
const CLAMPING: [&str; 5] = ["Conv", "Gemm", "MatMul", "Add", "Mul"];

impl Formulas {
    /// Goes through a graph. A clamp behind an operator that clamps in passing, and that nothing else looks at, is part of
    /// that operator.
    pub fn new(graph: &OnnxGraph) -> Formulas {
        let links = graph.links();
        let mut all = Formulas::default();
        for node in graph.nodes() {
            let Some(output) = node.output.first() else { continue };
            let Some((inputs, function)) = element_wise(graph, node) else { continue };
            let root = all.root(&inputs[0]).to_owned();
            if inputs.iter().any(|input| all.root(input) != root) {
                continue;
            }
            let by = links.producer(&inputs[0]).map(|index| graph.nodes()[index].op_type.as_str());
            let clamps = ["Relu", "Clip"].contains(&node.op_type.as_str());
            let alone = root == inputs[0] && links.only_reader(&root).is_some();
            if clamps && alone && by.is_some_and(|by| CLAMPING.contains(&by)) {
                all.absorbed.insert(root);
                continue;
            }
            let maps: Vec<Map> = inputs.iter().map(|input| all.map(input)).collect();
            let map: Map = match &maps[..] {
                [one] => {
                    let one = one.clone();
                    Arc::new(move |x| function(&[one(x)]))
                }
                [a, b] => {
                    let (a, b) = (a.clone(), b.clone());
                    Arc::new(move |x| function(&[a(x), b(x)]))
                }
                _ => continue,
            };
            all.formulas.insert(output.clone(), Formula { of: root, map });
        }
        all
    }

    /// The tensor that a tensor is a function of; itself, where it is of none.
    pub fn root<'a>(&'a self, tensor: &'a str) -> &'a str {
        self.formulas.get(tensor).map_or(tensor, |formula| &formula.of)
    }

    /// The function that makes a tensor of its root.
    pub fn map(&self, tensor: &str) -> Map {
        self.formulas.get(tensor).map_or_else(|| Arc::new(|x| x) as Map, |formula| formula.map.clone())
    }

    /// Whether a tensor is a function of another.
    pub fn has(&self, tensor: &str) -> bool {
        self.formulas.contains_key(tensor)
    }

    /// Whether a tensor is a function of just this one.
    pub fn is_function_of(&self, tensor: &str, root: &str) -> bool {
        self.formulas.get(tensor).is_some_and(|formula| formula.of == root)
    }

    /// Whether a node goes on with the function that a tensor is of its root.
    pub fn continues(&self, node: &NodeProto, tensor: &str) -> bool {
        node.output.first().is_some_and(|output| self.is_function_of(output, self.root(tensor)))
    }

    /// Whether a tensor is clamped before anybody sees it.
    pub fn is_absorbed(&self, tensor: &str) -> bool {
        self.absorbed.contains(tensor)
    }
}

type Function = Box<dyn Fn(&[f32]) -> f32 + Send + Sync>;

/// The tensors that an element-wise node combines, and how; none for any other node. Its constants are single numbers.
fn element_wise(graph: &OnnxGraph, node: &NodeProto) -> Option<(Vec<String>, Function)> {
    let number = |place: usize, default: f32| match node.input.get(place).filter(|name| !name.is_empty()) {
        Some(name) => graph.floats(name)?.single(),
        None => Some(default),
    };
    let x = node.input.first()?.clone();
    let unary = |function: Box<dyn Fn(f32) -> f32 + Send + Sync>| -> Option<(Vec<String>, Function)> {
        Some((vec![x.clone()], Box::new(move |values| function(values[0]))))
    };
    match node.op_type.as_str() {
        "Relu" => unary(Box::new(|x| x.max(0.0))),
        "LeakyRelu" => {
            let slope = float(node, "alpha", 0.01);
            unary(Box::new(move |x| if x < 0.0 { slope * x } else { x }))
        }
        "Sigmoid" => unary(Box::new(sigmoid)),
        "HardSigmoid" => {
            let (slope, offset) = (float(node, "alpha", 0.2), float(node, "beta", 0.5));
            unary(Box::new(move |x| (slope * x + offset).clamp(0.0, 1.0)))
        }
        "HardSwish" => unary(Box::new(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))),
        "Tanh" => unary(Box::new(f32::tanh)),
        "Elu" => {
            let slope = float(node, "alpha", 1.0);
            unary(Box::new(move |x| if x < 0.0 { slope * x.exp_m1() } else { x }))
        }
        "Softplus" => unary(Box::new(|x: f32| x.max(0.0) + (-x.abs()).exp().ln_1p())),
        "Abs" => unary(Box::new(f32::abs)),
        "Neg" => unary(Box::new(|x: f32| -x)),
        "Clip" => {
            let by_attribute = |name, default| attribute(node, name).map_or(default, |attribute| attribute.f);
            let low = number(1, by_attribute("min", f32::MIN))?;
            let high = number(2, by_attribute("max", f32::MAX))?;
            unary(Box::new(move |x| x.max(low).min(high)))
        }
        "Add" | "Sub" | "Mul" | "Div" => binary(graph, node),
        _ => None,
    }
}

fn binary(graph: &OnnxGraph, node: &NodeProto) -> Option<(Vec<String>, Function)> {
    let [a, b] = &node.input[..] else { return None };
    let compute: fn(f32, f32) -> f32 = match node.op_type.as_str() {
        "Add" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        _ => |a, b| a / b,
    };
    let number = |name: &str| match graph.is_constant(name) {
        true => graph.floats(name)?.single().map(Some),
        false => Some(None),
    };
    Some(match (number(a)?, number(b)?) {
        (None, None) => (vec![a.clone(), b.clone()], Box::new(move |v| compute(v[0], v[1]))),
        (None, Some(b)) => (vec![a.clone()], Box::new(move |v| compute(v[0], b))),
        (Some(a), None) => (vec![b.clone()], Box::new(move |v| compute(a, v[0]))),
        (Some(_), Some(_)) => return None,
    })
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
