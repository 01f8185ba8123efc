//! An ONNX graph that can be read and changed: nodes by what they make, constants by name.

use std::collections::{HashMap, HashSet};

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto};

use crate::export::onnx::tensor;

/// A constant of floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Floats {
    /// Lengths of the axes; none for a single number.
    pub shape: Vec<usize>,
    /// The values, the last axis fastest.
    pub values: Vec<f32>,
}

impl Floats {
    /// The number, where every value is the same.
    pub fn single(&self) -> Option<f32> {
        let (first, rest) = self.values.split_first()?;
        rest.iter().all(|value| value == first).then_some(*first)
    }
}

/// A model, with its constants by name.
#[derive(Clone, Debug)]
pub struct OnnxGraph {
    model: ModelProto,
    graph: GraphProto,
    places: HashMap<String, usize>,
}

/// Who makes each tensor and who reads it; valid until the nodes change.
pub struct Links {
    producers: HashMap<String, usize>,
    readers: HashMap<String, Vec<usize>>,
    outputs: HashSet<String>,
}

impl Links {
    /// The node that makes a tensor.
    pub fn producer(&self, tensor: &str) -> Option<usize> {
        self.producers.get(tensor).copied()
    }

    /// The nodes that read a tensor, once for every time that they name it.
    pub fn readers(&self, tensor: &str) -> &[usize] {
        self.readers.get(tensor).map_or(&[], |readers| readers)
    }

    /// Whether a tensor leaves the graph.
    pub fn leaves(&self, tensor: &str) -> bool {
        self.outputs.contains(tensor)
    }

    /// The only reader of a tensor that does not leave the graph.
    pub fn only_reader(&self, tensor: &str) -> Option<usize> {
        match self.readers(tensor) {
            [node] if !self.leaves(tensor) => Some(*node),
            _ => None,
        }
    }
}

impl OnnxGraph {
    /// Reads the bytes of a file. None where they are no model.
    pub fn decode(bytes: &[u8]) -> Option<OnnxGraph> {
        let mut model = ModelProto::decode(bytes).ok()?;
        let graph = model.graph.take()?;
        let mut graph = OnnxGraph { model, graph, places: HashMap::new() };
        graph.settle();
        Some(graph)
    }

    /// The bytes of a file.
    pub fn encode(&self) -> Vec<u8> {
        ModelProto { graph: Some(self.graph.clone()), ..self.model.clone() }.encode_to_vec()
    }

    /// The bytes of a file with these outputs instead of its own.
    pub fn encode_with_outputs(&self, names: &[String]) -> Vec<u8> {
        let output = |name: &String| tract_onnx::pb::ValueInfoProto { name: name.clone(), ..Default::default() };
        let graph = GraphProto { output: names.iter().map(output).collect(), ..self.graph.clone() };
        ModelProto { graph: Some(graph), ..self.model.clone() }.encode_to_vec()
    }

    /// Brings the constants in order: those that are nodes become initialisers.
    fn settle(&mut self) {
        let mut constants = Vec::new();
        self.graph.node.retain(|node| !node.output.is_empty());
        self.graph.node.retain_mut(|node| {
            let value = node.attribute.iter_mut().find(|attribute| attribute.name == "value");
            match (node.op_type.as_str(), node.output.first(), value.and_then(|value| value.t.take())) {
                ("Constant", Some(name), Some(tensor)) => {
                    constants.push(TensorProto { name: name.clone(), ..tensor });
                    false
                }
                _ => true,
            }
        });
        self.graph.initializer.append(&mut constants);
        let names = self.graph.initializer.iter().enumerate().map(|(place, tensor)| (tensor.name.clone(), place));
        self.places = names.collect();
        // Before version 4 of the format, constants were inputs as well.
        self.graph.input.retain(|input| !self.places.contains_key(&input.name));
    }

    /// Lays metadata over the model's own.
    pub fn set_metadata(&mut self, pairs: Vec<(String, String)>) {
        for (key, value) in pairs {
            self.model.metadata_props.retain(|entry| entry.key != key);
            self.model.metadata_props.push(tract_onnx::pb::StringStringEntryProto { key, value });
        }
    }

    /// The version of the standard operators.
    pub fn opset(&self) -> i64 {
        let standard = |import: &&OperatorSetIdProto| import.domain.is_empty() || import.domain == "ai.onnx";
        self.model.opset_import.iter().find(standard).map_or(1, |import| import.version)
    }

    /// Declares another version of the standard operators, and a file format that goes with it.
    pub fn set_opset(&mut self, version: i64, file_version: i64) {
        self.model.opset_import.retain(|import| !import.domain.is_empty() && import.domain != "ai.onnx");
        self.model.opset_import.push(OperatorSetIdProto { domain: String::new(), version });
        self.model.ir_version = self.model.ir_version.max(file_version);
    }

    /// The nodes, in an order in which they can run.
    pub fn nodes(&self) -> &[NodeProto] {
        &self.graph.node
    }

    /// The same, to be changed.
    pub fn nodes_mut(&mut self) -> &mut Vec<NodeProto> {
        &mut self.graph.node
    }

    /// Puts other nodes where some stood, by their places.
    pub fn replace_nodes(&mut self, mut others: HashMap<usize, Vec<NodeProto>>) {
        let nodes = std::mem::take(&mut self.graph.node).into_iter().enumerate();
        let nodes = nodes.flat_map(|(index, node)| others.remove(&index).unwrap_or_else(|| vec![node]));
        self.graph.node = nodes.collect();
    }

    /// Names of the inputs, constants left out.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.graph.input.iter().map(|input| input.name.as_str())
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.graph.output.iter().map(|output| output.name.as_str())
    }

    /// Who makes and who reads each tensor.
    pub fn links(&self) -> Links {
        let mut links = Links {
            producers: HashMap::new(),
            readers: HashMap::new(),
            outputs: self.outputs().map(str::to_owned).collect(),
        };
        for (index, node) in self.graph.node.iter().enumerate() {
            for output in node.output.iter().filter(|name| !name.is_empty()) {
                links.producers.insert(output.clone(), index);
            }
            for input in node.input.iter().filter(|name| !name.is_empty()) {
                links.readers.entry(input.clone()).or_default().push(index);
            }
        }
        links
    }

    /// Whether a tensor is known before the model runs.
    pub fn is_constant(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn constant(&self, name: &str) -> Option<&TensorProto> {
        self.graph.initializer.get(*self.places.get(name)?)
    }

    /// A constant of floats.
    pub fn floats(&self, name: &str) -> Option<Floats> {
        let tensor = self.constant(name)?;
        if tensor.data_type != DataType::Float as i32 {
            return None;
        }
        let shape: Vec<usize> = tensor.dims.iter().map(|&size| size.max(0) as usize).collect();
        let values = match tensor.raw_data.is_empty() {
            true => tensor.float_data.clone(),
            false => tensor.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        };
        (values.len() == shape.iter().product::<usize>()).then_some(Floats { shape, values })
    }

    /// A constant that is a single unsigned byte.
    pub fn byte(&self, name: &str) -> Option<u8> {
        let tensor = self.constant(name).filter(|tensor| tensor.data_type == DataType::Uint8 as i32)?;
        match tensor.raw_data[..] {
            [byte] => Some(byte),
            _ => None,
        }
    }

    /// A constant list of 64-bit integers.
    pub fn integers(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.constant(name)?;
        if tensor.data_type != DataType::Int64 as i32 || tensor.dims.len() > 1 {
            return None;
        }
        let eight = |b: &[u8]| b.try_into().map(i64::from_le_bytes).ok();
        Some(match tensor.raw_data.is_empty() {
            true => tensor.int64_data.clone(),
            false => tensor.raw_data.chunks_exact(8).filter_map(eight).collect(),
        })
    }

    /// Numbers in all constants of floats.
    pub fn parameters(&self) -> usize {
        let floats = self.graph.initializer.iter().filter(|tensor| tensor.data_type == DataType::Float as i32);
        floats.map(|tensor| tensor.dims.iter().map(|&size| size.max(0) as usize).product::<usize>()).sum()
    }

    /// Drops what the file says about the shapes of tensors within, which have changed.
    pub fn forget_shapes(&mut self) {
        self.graph.value_info.clear();
    }

    fn set(&mut self, name: &str, shape: &[usize], kind: DataType, raw_data: Vec<u8>) -> String {
        let tensor = tensor(name, shape, kind, raw_data);
        match self.places.get(name) {
            Some(&place) => self.graph.initializer[place] = tensor,
            None => {
                self.places.insert(name.to_owned(), self.graph.initializer.len());
                self.graph.initializer.push(tensor);
            }
        }
        name.to_owned()
    }

    /// Adds or replaces a constant of floats; returns its name, as the others do.
    pub fn set_floats(&mut self, name: &str, floats: &Floats) -> String {
        self.set(name, &floats.shape, DataType::Float, floats.values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// Adds or replaces a constant of 64-bit integers.
    pub fn set_integers(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.set(name, &[values.len()], DataType::Int64, raw)
    }

    /// Adds or replaces a constant of 32-bit integers.
    pub fn set_ints(&mut self, name: &str, shape: &[usize], values: &[i32]) -> String {
        self.set(name, shape, DataType::Int32, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// Adds or replaces a constant of signed bytes.
    pub fn set_signed_bytes(&mut self, name: &str, shape: &[usize], values: &[i8]) -> String {
        self.set(name, shape, DataType::Int8, values.iter().map(|v| v.to_le_bytes()[0]).collect())
    }

    /// Adds or replaces a constant of bytes.
    pub fn set_bytes(&mut self, name: &str, shape: &[usize], values: &[u8]) -> String {
        self.set(name, shape, DataType::Uint8, values.to_vec())
    }

    /// A name that nothing bears yet.
    pub fn fresh(&self, wish: &str) -> String {
        let taken = |name: &str| {
            self.places.contains_key(name)
                || self.graph.input.iter().any(|input| input.name == name)
                || self.graph.node.iter().any(|node| node.output.iter().any(|output| output == name))
        };
        let numbered = (2..).map(|number| format!("{wish}.{number}"));
        std::iter::once(wish.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
    }

    /// Drops constants that nothing reads.
    pub fn drop_unread(&mut self) {
        let read: HashSet<&String> = self.graph.node.iter().flat_map(|node| &node.input).collect();
        let outputs: HashSet<String> = self.outputs().map(str::to_owned).collect();
        self.graph.initializer.retain(|tensor| read.contains(&tensor.name) || outputs.contains(&tensor.name));
        let names = self.graph.initializer.iter().enumerate().map(|(place, tensor)| (tensor.name.clone(), place));
        self.places = names.collect();
    }
}

/// An attribute of a node.
pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// An attribute that is an integer.
pub fn int(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, |attribute| attribute.i)
}

/// An attribute that is a float.
pub fn float(node: &NodeProto, name: &str, default: f32) -> f32 {
    attribute(node, name).map_or(default, |attribute| attribute.f)
}

/// An attribute that is a list of integers.
pub fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|attribute| &attribute.ints[..])
}

/// An attribute that is a word.
pub fn text(node: &NodeProto, name: &str) -> Option<String> {
    attribute(node, name).map(|attribute| String::from_utf8_lossy(&attribute.s).into_owned())
}
