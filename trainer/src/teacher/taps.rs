//! Looking inside a teacher: any tensor of an ONNX file becomes an output by being declared one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use prost::Message;
use retort::contract::ImageSpec;
use retort::import::{guarded, import};
use retort::model::Model;
use retort::tensor::{ElementType, Port, TensorRef};
use retort::vision::preprocess::Preprocessor;
use tract_onnx::pb::{GraphProto, ModelProto, ValueInfoProto};

use super::{TeacherError, options};
use crate::data::Sample;

/// A tensor inside a model, seen as a map of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Its name in the file.
    pub name: String,
    /// Rows, columns and channels.
    pub shape: [usize; 3],
    /// Whether no weights come after it: it is what the file says, and no longer what that is read off.
    pub answer: bool,
}

/// What a teacher computes about one picture at one tap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feature {
    /// Rows, columns and channels.
    pub shape: [usize; 3],
    /// The values, channels fastest.
    pub values: Vec<f32>,
}

/// How a tensor is laid out as a map: `[1, channels, rows, columns]` as it is, `[1, tokens, channels]` as a square of tokens
/// (without the first one, where only the others fill a square: it stands for the whole picture), `[1, channels]` as one
/// cell. None for anything else.
fn map_shape(shape: &[usize]) -> Option<[usize; 3]> {
    match *shape {
        [1, channels, rows, columns] => Some([rows, columns, channels]),
        [1, tokens, channels] => {
            let side = [tokens, tokens.saturating_sub(1)].into_iter().map(usize::isqrt);
            let side = side.zip([tokens, tokens.saturating_sub(1)]).find(|(side, n)| side * side == *n && *n > 0)?.0;
            Some([side, side, channels])
        }
        [1, channels] => Some([1, 1, channels]),
        _ => None,
    }
}

/// The bytes of a file with these outputs instead of its own.
fn with_outputs(bytes: &[u8], names: &[String]) -> Option<Vec<u8>> {
    let mut model = ModelProto::decode(bytes).ok()?;
    let output = |name: &String| ValueInfoProto { name: name.clone(), ..ValueInfoProto::default() };
    model.graph.as_mut()?.output = names.iter().map(output).collect();
    Some(model.encode_to_vec())
}

/// All tensors of floats in a file that can be taken for maps of features, in the order in which they are computed.
pub fn list(bytes: &[u8]) -> Vec<Tap> {
    let Some(graph) = ModelProto::decode(bytes).ok().and_then(|model| model.graph) else { return Vec::new() };
    let mut names: Vec<String> = graph.node.iter().flat_map(|node| node.output.iter().cloned()).collect();
    names.retain(|name| !name.is_empty());
    let Some(all) = with_outputs(bytes, &names) else { return Vec::new() };
    let Ok(Ok(imported)) = guarded(|| Ok(import(&all, &[], options(None).fit, &options(None).limits))) else {
        return Vec::new();
    };
    let ports = imported.graph.outputs.iter().map(|border| &border.port);
    let floats = ports.filter(|port| port.element == ElementType::F32);
    let read = weighed_later(&graph);
    let tap = |port: &Port| {
        let answer = !read.contains(port.name.as_str());
        Some(Tap { name: port.name.clone(), shape: map_shape(&port.shape)?, answer })
    };
    floats.filter_map(tap).collect()
}

/// The tensors that some layer with weights, or a product of two tensors, sees in the end.
fn weighed_later(graph: &GraphProto) -> HashSet<&str> {
    let mut seen = HashSet::new();
    // Nodes are sorted: whoever takes a tensor comes after who makes it.
    for node in graph.node.iter().rev() {
        let weighs = ["Conv", "ConvTranspose", "Gemm", "MatMul"].contains(&node.op_type.as_str());
        if weighs || node.output.iter().any(|output| seen.contains(output.as_str())) {
            seen.extend(node.input.iter().map(String::as_str));
        }
    }
    seen
}

/// A model that answers with what is computed at its taps.
pub struct Tapped {
    path: PathBuf,
    model: Model,
    image: ImageSpec,
    taps: Vec<Tap>,
}

impl Tapped {
    /// Opens the bytes of a file, `path` by name, that takes pictures as `image` says.
    ///
    /// # Errors
    /// A [`TeacherError`], where a tap is no tensor of the file or no map.
    pub fn open(bytes: &[u8], path: &Path, image: &ImageSpec, names: &[String]) -> Result<Tapped, TeacherError> {
        let path = path.to_owned();
        let model = Tapped::model(bytes, &path, names);
        let (model, taps) =
            model.map_err(|source| TeacherError::Model { path: path.clone(), source: Box::new(source) })?;
        Ok(Tapped { path, model, image: image.clone(), taps })
    }

    fn model(bytes: &[u8], path: &Path, names: &[String]) -> Result<(Model, Vec<Tap>), retort::Error> {
        let wrong = |problem: String| retort::Error::Model { path: path.to_owned(), problem };
        let tapped = with_outputs(bytes, names).ok_or_else(|| wrong("is no ONNX file".into()))?;
        let model = Model::from_bytes(&tapped, path, &options(None))?;
        let tap = |port: &Port| {
            let shape = map_shape(&port.shape).filter(|_| port.element == ElementType::F32);
            let shape = shape.ok_or_else(|| wrong(format!("has `{}`, which is no map of features", port.name)))?;
            Ok(Tap { name: port.name.clone(), shape, answer: false })
        };
        let taps = model.outputs().iter().map(tap).collect::<Result<_, retort::Error>>()?;
        Ok((model, taps))
    }

    /// The taps, in the order asked for.
    pub fn taps(&self) -> &[Tap] {
        &self.taps
    }

    /// What is computed at each tap, picture by picture.
    ///
    /// # Errors
    /// A [`TeacherError`] that names the file.
    pub fn look(&self, samples: &[Sample]) -> Result<Vec<Vec<Feature>>, TeacherError> {
        self.features(samples)
            .map_err(|source| TeacherError::Model { path: self.path.clone(), source: Box::new(source) })
    }

    fn features(&self, samples: &[Sample]) -> Result<Vec<Vec<Feature>>, retort::Error> {
        let input = self.image.port(self.model.inputs())?;
        let mut preprocessor = Preprocessor::new(&self.image, &self.model.inputs()[input])?;
        let mut session = self.model.session();
        let mut all = Vec::with_capacity(samples.len());
        for sample in samples {
            preprocessor.fill(&sample.frame()?, session.input(input))?;
            session.run()?;
            let feature = |(index, tap): (usize, &Tap)| {
                let mut values = Vec::with_capacity(tap.shape.iter().product());
                if let TensorRef::F32(all) = session.output(index) {
                    cells_first(&self.model.outputs()[index], all, &mut values);
                }
                // The first of the tokens, where it is one too many.
                let extra = values.len().saturating_sub(tap.shape.iter().product());
                values.drain(..extra);
                Feature { shape: tap.shape, values }
            };
            all.push(self.taps.iter().enumerate().map(feature).collect());
        }
        Ok(all)
    }
}

/// Appends an output of shape `[1, channels, rows, columns]` cell by cell, or of shape `[1, tokens, channels]` token by token,
/// whatever its order in memory; any other as it is.
pub(super) fn cells_first(port: &Port, values: &[f32], target: &mut Vec<f32>) {
    let (shape, strides) = (&port.shape[..], port.strides());
    let (cells, channels): (Vec<usize>, _) = match (shape, &strides[..]) {
        (&[_, channels, rows, columns], &[_, step, row, column]) => {
            ((0..rows * columns).map(|cell| cell / columns * row + cell % columns * column).collect(), (channels, step))
        }
        (&[_, tokens, channels], &[_, token, step]) => ((0..tokens).map(|t| t * token).collect(), (channels, step)),
        _ => return target.extend(values),
    };
    let (channels, step) = channels;
    for start in cells {
        target.extend((0..channels).map(|index| values[start + index * step]));
    }
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::NodeProto;

    use super::*;

    #[test]
    fn what_no_weights_come_after_is_an_answer() {
        let node = |op: &str, inputs: &[&str], output: &str| NodeProto {
            op_type: op.into(),
            input: inputs.iter().map(|&input| input.into()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        };
        let nodes = vec![
            node("Conv", &["picture", "w0"], "stem"),
            node("Relu", &["stem"], "map"),
            node("Conv", &["map", "w1"], "raw"),
            node("Sigmoid", &["raw"], "scores"),
            node("Concat", &["scores", "map"], "both"),
        ];
        let graph = GraphProto { node: nodes, ..GraphProto::default() };
        let seen = weighed_later(&graph);
        let maps = ["stem", "map", "raw", "scores", "both"].map(|name| seen.contains(name));
        assert_eq!(maps, [true, true, false, false, false]);
    }

    #[test]
    fn shapes_that_are_maps() {
        assert_eq!(map_shape(&[1, 32, 7, 5]), Some([7, 5, 32]));
        assert_eq!(map_shape(&[1, 49, 64]), Some([7, 7, 64]));
        assert_eq!(map_shape(&[1, 50, 64]), Some([7, 7, 64]), "a class token and a square");
        assert_eq!(map_shape(&[1, 51, 64]), None);
        assert_eq!(map_shape(&[1, 10]), Some([1, 1, 10]));
        assert_eq!(map_shape(&[2, 10]), None);
        assert_eq!(map_shape(&[10]), None);
    }
}
