//! What decoding a protobuf would take, from one walk over its bytes that decodes nothing.
//!
//! Two bytes of a file can ask for a structure of a thousand, so that its length says little. Here every field is looked at
//! as the wire format has it (protobuf.dev/programming-guides/encoding), messages are counted by the size of what they
//! become, and a file that would become too large is refused before memory is taken for it. A file that ends too early is
//! found, too.

use std::mem::size_of;

use tract_onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, NodeProto, SparseTensorProto, TensorProto, TrainingInfoProto, TypeProto,
    ValueInfoProto, tensor_shape_proto::Dimension,
};

use super::ImportError;
use crate::limits::{Limit, Limits};

/// The messages of ONNX, as far as it matters what is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Function,
    Training,
    Annotation,
    Sparse,
    /// A type that wraps another: a sequence, or something optional.
    Wrapped,
    Map,
    /// Holds nothing but numbers and text.
    Plain,
}

impl Message {
    /// The message in a field of this one, by the numbers of onnx.proto3; `None` for text, bytes and packed numbers.
    fn field(self, number: u64) -> Option<Message> {
        Some(match (self, number) {
            (Message::Model, 7) => Message::Graph,
            (Message::Model, 25) => Message::Function,
            (Message::Model, 20) => Message::Training,
            (Message::Model, 8 | 14) => Message::Plain,
            (Message::Graph, 1) => Message::Node,
            (Message::Graph, 5) => Message::Tensor,
            (Message::Graph, 11..=13) => Message::ValueInfo,
            (Message::Graph, 14) => Message::Annotation,
            (Message::Graph, 15) => Message::Sparse,
            (Message::Graph, 16) => Message::Plain,
            (Message::Node, 5) => Message::Attribute,
            (Message::Node, 9 | 10) => Message::Plain,
            (Message::Attribute, 5 | 10) => Message::Tensor,
            (Message::Attribute, 6 | 11) => Message::Graph,
            (Message::Attribute, 14 | 15) => Message::Type,
            (Message::Attribute, 22 | 23) => Message::Sparse,
            (Message::Tensor, 3 | 13 | 16) => Message::Plain,
            (Message::ValueInfo, 2) => Message::Type,
            (Message::ValueInfo, 4) => Message::Plain,
            (Message::Type, 1 | 8) => Message::TensorType,
            (Message::Type, 4 | 9) => Message::Wrapped,
            (Message::Type, 5) => Message::Map,
            (Message::Wrapped, 1) | (Message::Map, 2) => Message::Type,
            (Message::Sparse, 1 | 2) => Message::Tensor,
            (Message::Annotation, 2) => Message::Plain,
            (Message::Training, 1 | 2) => Message::Graph,
            (Message::Training, 3 | 4) => Message::Plain,
            (Message::TensorType, 2) => Message::Shape,
            (Message::Shape, 1) => Message::Plain,
            (Message::Function, 7) => Message::Node,
            (Message::Function, 11) => Message::Attribute,
            (Message::Function, 9 | 12 | 14) => Message::Plain,
            _ => return None,
        })
    }

    /// Bytes that one takes in memory.
    fn bytes(self) -> usize {
        match self {
            Message::Model | Message::Graph => size_of::<GraphProto>(),
            Message::Node => size_of::<NodeProto>(),
            Message::Attribute => size_of::<AttributeProto>(),
            Message::Tensor => size_of::<TensorProto>(),
            Message::ValueInfo => size_of::<ValueInfoProto>(),
            Message::Type | Message::TensorType | Message::Shape | Message::Wrapped | Message::Map => {
                size_of::<TypeProto>()
            }
            Message::Sparse => size_of::<SparseTensorProto>(),
            Message::Training => size_of::<TrainingInfoProto>(),
            Message::Function => size_of::<FunctionProto>(),
            Message::Plain | Message::Annotation => size_of::<Dimension>().max(4 * size_of::<String>()),
        }
    }
}

/// The deepest that messages lie within messages; the decoder itself goes no deeper.
const DEEPEST: usize = 100;

/// What a file would take in memory once decoded.
///
/// # Errors
/// Where that, or the number of nodes, is beyond its limit, or the file is cut short.
pub(super) fn measure(file: &[u8], limits: &Limits) -> Result<u64, ImportError> {
    let mut walk = Walk { bytes: file, at: 0, taken: 0, nodes: 0, limits };
    // The end of each message that is open, and what it is.
    let mut open = vec![(file.len(), Message::Model)];
    while let Some(&(end, message)) = open.last() {
        if walk.at == end {
            open.pop();
            continue;
        }
        let Some((inner, length)) = walk.field(message, end)? else { continue };
        if open.len() == DEEPEST {
            return Err(ImportError::model(format!("messages within messages, more than {DEEPEST} deep")));
        }
        open.push((walk.at + length, inner));
    }
    Ok(walk.taken)
}

struct Walk<'f> {
    bytes: &'f [u8],
    at: usize,
    taken: u64,
    nodes: u64,
    limits: &'f Limits,
}

impl Walk<'_> {
    /// Reads a field of a message that ends at `end`; returns what message lies in it, and its length, to be read next.
    fn field(&mut self, within: Message, end: usize) -> Result<Option<(Message, usize)>, ImportError> {
        let key = self.number(end)?;
        let number = key >> 3;
        // A word and its place in a list.
        self.take(16)?;
        match key & 7 {
            0 => self.number(end).map(|_| None),
            1 => self.skip(8, end).map(|()| None),
            5 => self.skip(4, end).map(|()| None),
            2 => {
                let length = self.number(end)?;
                let length =
                    usize::try_from(length).ok().filter(|&length| length <= end - self.at).ok_or_else(|| self.cut())?;
                if let Some(message) = within.field(number) {
                    if message == Message::Node {
                        self.nodes += 1;
                        let nodes = self.limits.check(Limit::Nodes, self.nodes);
                        nodes.map_err(|exceeded| ImportError::model(exceeded.to_string()))?;
                    }
                    self.take(message.bytes() as u64)?;
                    return Ok(Some((message, length)));
                }
                // A packed number takes eight bytes of memory for one of the file, raw data as many.
                let packed = matches!((within, number), (Message::Tensor, 1 | 5 | 7 | 11) | (Message::Attribute, 8));
                let factor = if packed { 8 } else { 1 };
                self.take((length as u64).saturating_mul(factor) + size_of::<String>() as u64)?;
                self.skip(length, end).map(|()| None)
            }
            _ => Err(ImportError::model(format!("no ONNX at byte {}; it may be damaged or another format", self.at))),
        }
    }

    fn take(&mut self, bytes: u64) -> Result<(), ImportError> {
        self.taken = self.taken.saturating_add(bytes);
        let taken = self.limits.check(Limit::LoadBytes, self.taken);
        taken.map_err(|exceeded| ImportError::model(exceeded.to_string()))
    }

    fn skip(&mut self, bytes: usize, end: usize) -> Result<(), ImportError> {
        if bytes > end - self.at {
            return Err(self.cut());
        }
        self.at += bytes;
        Ok(())
    }

    /// A number of up to ten bytes of seven bits.
    fn number(&mut self, end: usize) -> Result<u64, ImportError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes[..end].get(self.at).ok_or_else(|| self.cut())?;
            self.at += 1;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(ImportError::model(format!("no ONNX at byte {}; it may be damaged or another format", self.at)))
    }

    fn cut(&self) -> ImportError {
        ImportError::model(format!(
            "is no readable ONNX model: what lies at byte {} reaches beyond its end; it may be truncated or another format",
            self.at
        ))
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use tract_onnx::pb::ModelProto;

    use super::*;

    fn model(nodes: usize) -> Vec<u8> {
        let node = NodeProto { op_type: "Relu".into(), input: vec!["a".into()], ..Default::default() };
        let graph = GraphProto { node: vec![node; nodes], ..Default::default() };
        ModelProto { graph: Some(graph), ..Default::default() }.encode_to_vec()
    }

    #[test]
    fn nodes_and_memory_are_counted_before_anything_is_decoded() {
        let limits = Limits::default();
        let [few, many] = [10, 20].map(|nodes| measure(&model(nodes), &limits).unwrap());
        assert!(many - few >= 10 * size_of::<NodeProto>() as u64, "{few} {many}");
        let problem = |limits: Limits| measure(&model(20), &limits).unwrap_err().problem;
        let error = problem(Limits::default().with(Limit::Nodes, 19));
        assert!(error.contains("20 nodes") && error.contains("--limit nodes="), "{error}");
        let error = problem(Limits::default().with(Limit::LoadBytes, 1000));
        assert!(error.contains("--limit load-bytes="), "{error}");
    }

    #[test]
    fn what_is_cut_short_or_deep_is_refused() {
        let whole = model(3);
        for length in 1..whole.len() {
            assert!(measure(&whole[..length], &Limits::default()).is_err(), "{length} bytes");
        }
        let mut graph = GraphProto::default();
        for _ in 0..60 {
            let attribute = AttributeProto { g: Some(graph), ..Default::default() };
            let node = NodeProto { attribute: vec![attribute], ..Default::default() };
            graph = GraphProto { node: vec![node], ..Default::default() };
        }
        let bytes = ModelProto { graph: Some(graph), ..Default::default() }.encode_to_vec();
        assert!(measure(&bytes, &Limits::default()).unwrap_err().problem.contains("deep"));
    }
}
