//! Choosing taps: which of the student's layers goes with which of the teacher's tensors.
//!
//! Maps are matched by where they stand: the last map of a size in the student with the last map of that size in the teacher,
//! which is the end of a stage in both. Where the teacher has no map of that size, the next larger one whose sides are whole
//! multiples takes its place and is averaged down. What the teacher says in the end is no map of what it sees, and is taken only
//! where there is nothing else.

use crate::nets::{Head, Network, Op};
use crate::teacher::Tap;

/// A student's layers that can be tapped: the last one of each size, from fine to coarse, before the answers are made of them.
/// Of a detector that is the end of a stage where nothing is predicted, and the merged map where something is.
pub fn ends(student: &Network) -> Vec<usize> {
    let answers = student.answers();
    let mut ends: Vec<usize> = Vec::new();
    for (place, node) in student.nodes.iter().enumerate() {
        if answers.contains(&place) || matches!(node.op, Op::Picture | Op::GlobalAverage | Op::Dropout(_)) {
            continue;
        }
        match ends.iter().position(|&end| student.nodes[end].shape.height == node.shape.height) {
            Some(old) => ends[old] = place,
            None => ends.push(place),
        }
    }
    ends
}

/// The layers that a binding of `all` taps: where a detector predicts something, or the end of each of a classifier's stages.
pub fn all(student: &Network) -> Vec<usize> {
    let predicts = |height: usize| student.levels().iter().any(|l| student.nodes[l.classes].shape.height == height);
    let mut taps = ends(student);
    if !student.levels().is_empty() {
        taps.retain(|&tap| predicts(student.nodes[tap].shape.height));
    }
    taps
}

/// The layer that a binding without a named one taps: the coarsest of [`all`].
pub fn deepest(student: &Network) -> Option<usize> {
    all(student).pop()
}

/// The layer whose values the logits are made of; none for a detector.
pub fn embedding(student: &Network) -> Option<usize> {
    match student.head {
        Head::Classes { logits, .. } => student.nodes[logits].inputs.first().copied(),
        Head::Boxes { .. } => None,
    }
}

/// The teacher's tap that goes with a map of so many rows and columns: the last one of that size; else the last of the
/// smallest that is a whole multiple of it. Answers come last.
pub fn partner(rows: usize, columns: usize, teacher: &[Tap]) -> Option<usize> {
    let factor = |tap: &Tap| {
        let [r, c, _] = tap.shape;
        let fits = r.is_multiple_of(rows) && c.is_multiple_of(columns) && r / rows == c / columns;
        fits.then(|| r / rows)
    };
    let candidates = teacher.iter().enumerate().filter_map(|(place, tap)| Some((factor(tap)?, place)));
    // The smallest factor, and of those the last.
    let order = |&(factor, place): &(usize, usize)| (teacher[place].answer, factor, std::cmp::Reverse(place));
    candidates.min_by_key(order).map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::{Architecture, Family, Shape, examples};

    fn tap(name: &str, shape: [usize; 3]) -> Tap {
        Tap { name: name.into(), shape, answer: name.contains("logits") }
    }

    #[test]
    fn a_stage_ends_where_the_map_gets_smaller() {
        let architecture = Architecture {
            family: Family::Classifier,
            widths: vec![8, 16, 24],
            depths: vec![1, 0],
            stem: 1,
            ..Architecture::default()
        };
        let network = architecture.build(Shape { height: 28, width: 28, channels: 1 }, 10).expect("it fits");
        let names: Vec<&str> = ends(&network).iter().map(|&place| network.nodes[place].name.as_str()).collect();
        assert_eq!(names, ["stem", "stage1.1.pointwise", "stage2.0.pointwise"]);
        assert_eq!(deepest(&network), network.nodes.iter().position(|node| node.name == "stage2.0.pointwise"));
        let embedding = embedding(&network).expect("a classifier has one");
        assert_eq!(network.nodes[embedding].name, "mean");
    }

    #[test]
    fn a_detector_is_tapped_where_it_predicts() {
        let network = examples::detector(64, 2);
        let names = |taps: Vec<usize>| taps.iter().map(|&tap| network.nodes[tap].name.clone()).collect::<Vec<_>>();
        assert_eq!(ends(&network).len(), 5);
        let all = names(all(&network));
        assert!(all[0].starts_with("neck.level8") && all[1].starts_with("neck.level16"), "{all:?}");
        assert_eq!(all.len(), 2);
        assert_eq!(names(deepest(&network).into_iter().collect()), all[1..]);
        assert_eq!(embedding(&network), None);
    }

    #[test]
    fn partners_are_the_last_of_their_size_or_the_next_multiple() {
        let teacher = [
            tap("early", [14, 14, 32]),
            tap("middle", [7, 7, 64]),
            tap("end", [7, 7, 64]),
            tap("other", [5, 5, 64]),
            tap("map of logits", [7, 7, 10]),
            tap("logits", [1, 1, 10]),
        ];
        assert_eq!(partner(7, 7, &teacher), Some(2), "what is said about each cell is not what is seen in it");
        assert_eq!(partner(14, 14, &teacher), Some(0));
        assert_eq!(partner(1, 1, &teacher[4..]), Some(1), "there is nothing else");
        assert_eq!(partner(2, 2, &teacher), Some(0), "14 is seven times 2");
        assert_eq!(partner(28, 28, &teacher), None);
    }
}
