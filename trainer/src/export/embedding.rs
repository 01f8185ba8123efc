//! One more output: the embedding, by which a board tells whether a frame is like what the student was taught.

use tract_onnx::pb::ModelProto;

use super::onnx::{GraphBuilder, int};
use crate::nets::{EMBEDDING, Network, embedding};
use crate::quantise::{MissingRange, Ranges};

/// Adds the output [`EMBEDDING`], `[1, channels]`, after the others: the means over rows and columns of the network's
/// [embedding](crate::nets::embedding). With `ranges`, those of the int8 graph, the means are quantised as well, all on one
/// scale, so that a runtime takes them of the bytes, and the result is the same on every processor.
///
/// # Errors
/// [`MissingRange`] where the ranges are of another network.
pub fn with_embedding(
    model: ModelProto,
    network: &Network,
    ranges: Option<&Ranges>,
) -> Result<ModelProto, MissingRange> {
    let (mut graph, name) = GraphBuilder::over(model);
    let (mut parts, mut channels) = (Vec::new(), 0);
    for (index, place) in embedding(network).into_iter().enumerate() {
        let (node, part) = (&network.nodes[place], format!("{EMBEDDING}.{index}"));
        channels += node.shape.channels;
        let mut mean = node.name.clone();
        if node.shape.height * node.shape.width > 1 {
            mean = graph.node("GlobalAveragePool", &format!("{part}.pool"), &[&mean], Vec::new());
            if let Some(ranges) = ranges {
                let scale = ranges.of(EMBEDDING).ok_or_else(|| MissingRange(EMBEDDING.to_owned()))?;
                mean = graph.pair(&part, &mean, scale, &format!("{part}.mean"));
            }
        }
        parts.push(mean);
    }
    let joined = match &parts[..] {
        [one] => one.clone(),
        parts => {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            graph.node("Concat", &format!("{EMBEDDING}.joined"), &parts, vec![int("axis", 1)])
        }
    };
    graph.flatten(EMBEDDING, &joined);
    graph.output(EMBEDDING, &[1, channels]);
    Ok(graph.finish(&name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use retort::model::{LoadOptions, Model};
    use retort::tensor::{TensorMut, TensorRef};

    use super::*;
    use crate::data::Sample;
    use crate::export::{encode, float_model, quantised_model};
    use crate::nets::{Architecture, Family, Folded, Shape, Weights, examples};
    use crate::quantise::calibrate;

    fn outputs(model: ModelProto, sample: &Sample) -> (Model, Vec<Vec<f32>>) {
        let bytes = encode(model, Vec::new());
        let model = Model::from_bytes(&bytes, Path::new("test.onnx"), &LoadOptions::default()).expect("it loads");
        let port = &model.inputs()[0];
        let strides = port.strides();
        let mut session = model.session();
        if let TensorMut::F32(input) = session.input(0) {
            for (at, value) in sample.values().enumerate() {
                let (cell, channel) = (at / sample.channels, at % sample.channels);
                let (y, x) = (cell / sample.width, cell % sample.width);
                input[channel * strides[1] + y * strides[2] + x * strides[3]] = value;
            }
        }
        session.run().expect("it runs");
        let floats = |index| match session.output(index) {
            TensorRef::F32(values) => values.to_vec(),
            other => panic!("{other:?}"),
        };
        let all = (0..model.outputs().len()).map(floats).collect();
        (model, all)
    }

    #[test]
    fn every_file_has_it_without_a_fallback_and_without_changing_the_others() {
        let classifier = Architecture {
            family: Family::Classifier,
            widths: vec![8, 16],
            depths: vec![0],
            dropout: 0.1,
            ..Architecture::default()
        };
        let picture = Shape { height: 16, width: 16, channels: 3 };
        for (network, channels) in [
            (examples::detector(64, 2), 16),
            (examples::perceptron(3), 16),
            (classifier.build(picture, 4).expect("it fits"), 16),
        ] {
            let folded = Folded::new(&Weights::random(&network, 1));
            let Shape { height, width, channels: depth } = network.input();
            let pixels = (0..height * width * depth).map(|i| (i * 37 % 251) as u8).collect();
            let sample = Sample { width, height, channels: depth, pixels, ..Sample::default() };
            let ranges = calibrate(&folded, &[&sample], 1.0);
            let float = float_model(&folded, "test");
            let int8 = quantised_model(&folded, &ranges, "test").expect("calibrated");
            let (_, before) = outputs(int8.clone(), &sample);
            let (model, after) = outputs(with_embedding(int8, &network, Some(&ranges)).expect("calibrated"), &sample);
            assert!(model.fallbacks().is_empty(), "{:?}", model.fallbacks());
            assert_eq!(after[..before.len()], before);
            let port = &model.outputs()[before.len()];
            assert_eq!((port.name.as_str(), port.shape.as_slice()), (EMBEDDING, &[1, channels][..]));
            let (_, floats) = outputs(with_embedding(float, &network, None).expect("no ranges"), &sample);
            let (int8, float) = (&after[before.len()], &floats[before.len()]);
            let largest = float.iter().fold(0.0f32, |most, v| most.max(v.abs()));
            assert!(largest > 0.0);
            for (a, b) in int8.iter().zip(float) {
                assert!((a - b).abs() <= 0.1 * largest, "{a} {b} of {largest}");
            }
        }
    }
}
