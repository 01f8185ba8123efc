//! Where a network's embedding is: the last and coarsest of what it makes of a picture before it answers.

use std::cmp::Reverse;

use super::network::{Head, Network, Op, Shape};

/// What the embedding is called, in files and among ranges.
pub const EMBEDDING: &str = "embedding";

/// The place of the node whose value, averaged over rows and columns, is the embedding. Of a classifier it is what the logits are
/// made of: the mean of the last map, or a perceptron's last hidden layer. Of a detector it is the last map of the smallest size,
/// at stride 32, as the neck takes it.
pub fn embedding(network: &Network) -> Option<usize> {
    match network.head {
        Head::Classes { logits, .. } => {
            let mut place = *network.nodes[logits].inputs.first()?;
            // Dropout passes on what it is given, once training is done.
            while let Op::Dropout(_) = network.nodes[place].op {
                place = *network.nodes[place].inputs.first()?;
            }
            Some(place)
        }
        Head::Boxes { .. } => {
            let answers = network.answers();
            let body = network.nodes.iter().enumerate().skip(1).filter(|(place, _)| !answers.contains(place));
            let size = |shape: Shape| shape.height * shape.width;
            body.min_by_key(|&(place, node)| (size(node.shape), Reverse(place))).map(|(place, _)| place)
        }
    }
}

/// The mean of each channel, picture by picture, of maps `[batch, rows, columns, channels]`.
pub fn channel_means(values: &[f32], shape: Shape) -> Vec<f32> {
    let cells = (shape.height * shape.width).max(1);
    let mut means = Vec::with_capacity(values.len() / cells);
    for picture in values.chunks_exact(shape.len().max(1)) {
        let mut sums = vec![0.0f32; shape.channels];
        for cell in picture.chunks_exact(shape.channels) {
            sums.iter_mut().zip(cell).for_each(|(sum, value)| *sum += value);
        }
        means.extend(sums.into_iter().map(|sum| sum / cells as f32));
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::{Architecture, Family, examples};

    fn name(network: &Network) -> &str {
        embedding(network).map_or("", |place| &network.nodes[place].name)
    }

    #[test]
    fn every_family_has_one() {
        assert_eq!(name(&examples::detector(64, 2)), "neck.lateral4");
        assert_eq!(name(&examples::perceptron(3)), "hidden1");
        let classifier = Architecture {
            family: Family::Classifier,
            widths: vec![8, 16],
            depths: vec![0],
            dropout: 0.5,
            ..Architecture::default()
        };
        let network = classifier.build(Shape { height: 16, width: 16, channels: 3 }, 4).expect("it fits");
        assert_eq!(name(&network), "mean");
    }

    #[test]
    fn means_are_of_each_channel_and_picture() {
        let shape = Shape { height: 1, width: 2, channels: 2 };
        assert_eq!(channel_means(&[1.0, 10.0, 3.0, 30.0, 5.0, 0.0, 7.0, 2.0], shape), [2.0, 20.0, 6.0, 1.0]);
    }
}
