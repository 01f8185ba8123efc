//! Runs a model on pictures and shows what its tensors hold.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::path::Path;

use retort::contract::ImageSpec;
use retort::import::{guarded, import};
use retort::model::{Fit, LoadOptions, Model};
use retort::tensor::{ElementType, Port, TensorRef};
use retort::vision::preprocess::Preprocessor;

use super::focus::Focus;
use super::graph::OnnxGraph;
use crate::data::Sample;
use crate::limits::load_options;

/// Most floats that are kept for looking at in one run.
const MOST: usize = 64 << 20;

/// How models for pictures of any size are run: on squares.
pub fn options() -> LoadOptions {
    let threads = std::thread::available_parallelism().ok().and_then(|n| NonZeroUsize::new(n.get().min(4)));
    LoadOptions { fit: Some(Fit::square(Fit::LONGEST)), threads, ..load_options() }
}

/// Pictures, and how a model takes them.
#[derive(Clone, Copy)]
pub struct Show<'a> {
    /// How it takes them.
    pub image: &'a ImageSpec,
    /// The pictures.
    pub pictures: &'a [Sample],
    /// What each place of them weighs; all the same without.
    pub focus: Option<&'a Focus>,
}

/// The tensors of floats that a model computes, its inputs included, with their shapes.
pub fn floats_of(graph: &OnnxGraph) -> HashMap<String, Vec<usize>> {
    let mut seen = HashSet::new();
    let made = graph.nodes().iter().flat_map(|node| &node.output).map(String::as_str);
    let names: Vec<String> =
        graph.inputs().chain(made).filter(|name| !name.is_empty() && seen.insert(*name)).map(str::to_owned).collect();
    let bytes = graph.encode_with_outputs(&names);
    let Ok(Ok(imported)) = guarded(|| Ok(import(&bytes, &[], options().fit, &options().limits))) else {
        return HashMap::new();
    };
    let computed = imported.graph.outputs.iter().filter(|border| {
        let tensor = imported.graph.tensor(border.tensor);
        tensor.constant.is_none() && border.port.element == ElementType::F32
    });
    computed.map(|border| (border.port.name.clone(), border.port.shape.clone())).collect()
}

/// Is told the number of the picture, the number of the tensor, and what it holds.
pub type Look<'a> = &'a mut dyn FnMut(usize, usize, &Port, &[f32]);

/// Runs pictures through a model and calls `look` with the number of the picture, the number of the tensor among `names`, and
/// what it holds. A name may be there several times.
///
/// # Errors
/// What the runtime says of the model.
pub fn watch(
    graph: &OnnxGraph,
    names: &[(String, usize)],
    show: Show<'_>,
    look: Look<'_>,
) -> Result<(), retort::Error> {
    let Show { image, pictures, .. } = show;
    let mut start = 0;
    while start < names.len() {
        let mut end = start;
        let mut size = 0;
        while end < names.len() && (end == start || size + names[end].1 <= MOST) {
            size += names[end].1;
            end += 1;
        }
        let mut wanted: Vec<String> = names[start..end].iter().map(|(name, _)| name.clone()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let bytes = graph.encode_with_outputs(&wanted);
        let model = Model::from_bytes(&bytes, Path::new("the model in the making"), &options())?;
        let input = image.port(model.inputs())?;
        let mut preprocessor = Preprocessor::new(image, &model.inputs()[input])?;
        let mut session = model.session();
        for (number, picture) in pictures.iter().enumerate() {
            preprocessor.fill(&picture.frame()?, session.input(input))?;
            session.run()?;
            for (index, port) in model.outputs().iter().enumerate() {
                let TensorRef::F32(values) = session.output(index) else { continue };
                let asked = (start..end).filter(|&place| names[place].0 == port.name);
                asked.for_each(|place| look(number, place, port, values));
            }
        }
        start = end;
    }
    Ok(())
}
