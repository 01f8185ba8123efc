//! Where a network's embedding is: in what it makes of a picture early and late, before it answers.

use super::network::{Network, Op, Shape};

/// What the embedding is called, in files and among ranges.
pub const EMBEDDING: &str = "embedding";

/// The places of the nodes whose values, averaged over rows and columns and put one after another, are the embedding: the last
/// map of the second largest size (the first stage's), and the last one of the smallest. The late map says what a picture is about, and
/// makes next to nothing of noise, blur and darkness; those show in the early one. A perceptron has its last hidden layer only.
pub fn embedding(network: &Network) -> Vec<usize> {
    let answers = network.answers();
    // Sizes from large to small, each with its last place.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    for (place, node) in network.nodes.iter().enumerate() {
        if answers.contains(&place) || matches!(node.op, Op::Picture | Op::Dropout(_) | Op::GlobalAverage) {
            continue;
        }
        let size = node.shape.height * node.shape.width;
        match ends.iter_mut().find(|(known, _)| *known == size) {
            Some(end) => end.1 = place,
            None => ends.push((size, place)),
        }
    }
    ends.sort_by_key(|&(size, _)| std::cmp::Reverse(size));
    let mut places: Vec<usize> = ends.get(1).into_iter().chain(ends.last()).map(|&(_, place)| place).collect();
    places.dedup();
    places
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

    fn names(network: &Network) -> Vec<&str> {
        embedding(network).into_iter().map(|place| network.nodes[place].name.as_str()).collect()
    }

    #[test]
    fn every_family_has_one() {
        assert_eq!(names(&examples::detector(64, 2)), ["stage1.0.pointwise", "neck.lateral4"]);
        assert_eq!(names(&examples::perceptron(3)), ["hidden1"]);
        let classifier = |widths: Vec<usize>, depths: Vec<usize>| {
            let a =
                Architecture { family: Family::Classifier, widths, depths, dropout: 0.5, ..Architecture::default() };
            a.build(Shape { height: 16, width: 16, channels: 3 }, 4).expect("it fits")
        };
        assert_eq!(names(&classifier(vec![8, 16, 16], vec![0, 0])), ["stage1.0.pointwise", "stage2.0.pointwise"]);
        assert_eq!(names(&classifier(vec![8, 16], vec![0])), ["stage1.0.pointwise"]);
    }

    #[test]
    fn means_are_of_each_channel_and_picture() {
        let shape = Shape { height: 1, width: 2, channels: 2 };
        assert_eq!(channel_means(&[1.0, 10.0, 3.0, 30.0, 5.0, 0.0, 7.0, 2.0], shape), [2.0, 20.0, 6.0, 1.0]);
    }
}
