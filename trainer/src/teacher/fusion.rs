//! Several teachers' answers made one: averaged logits, and weighted box fusion (Solovyev et al. 2021, section 3).

use crate::data::Label;
use crate::losses::iou;

/// Overlap from which on two boxes of a class are the same object's.
const SAME: f32 = 0.55;

/// The mean of several teachers' logits for one picture, each of `classes` numbers. All must be of one length.
pub fn mean_logits(answers: &[Vec<f32>]) -> Vec<f32> {
    let Some(first) = answers.first() else { return Vec::new() };
    (0..first.len()).map(|i| answers.iter().map(|answer| answer[i]).sum::<f32>() / answers.len() as f32).collect()
}

/// Boxes that are one object's.
struct Cluster {
    members: Vec<Label>,
    fused: Label,
}

impl Cluster {
    fn of(label: Label) -> Cluster {
        Cluster { members: vec![label], fused: label }
    }

    /// Edges are the members' mean, weighted by their scores.
    fn add(&mut self, label: Label) {
        self.members.push(label);
        let total: f32 = self.members.iter().map(|member| member.score).sum();
        let edge = |i: usize| self.members.iter().map(|member| member.bounds[i] * member.score).sum::<f32>() / total;
        self.fused.bounds = std::array::from_fn(edge);
    }

    /// The score is the members' mean, less where teachers are missing: an object that only one of three sees counts for a
    /// third of what that one says.
    fn label(self, teachers: usize) -> Label {
        let count = self.members.len();
        let mean = self.members.iter().map(|member| member.score).sum::<f32>() / count as f32;
        Label { score: mean * count.min(teachers) as f32 / teachers as f32, ..self.fused }
    }
}

/// What `teachers` found in one picture, fused; the surest first.
pub fn fuse_boxes(teachers: &[Vec<Label>]) -> Vec<Label> {
    if let [only] = teachers {
        return only.clone();
    }
    let mut all: Vec<Label> = teachers.iter().flatten().filter(|label| label.score > 0.0).copied().collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut clusters: Vec<Cluster> = Vec::new();
    for label in all {
        let fits = clusters
            .iter_mut()
            .filter(|cluster| cluster.fused.class == label.class)
            .map(|cluster| (iou(&cluster.fused.bounds, &label.bounds), cluster))
            .filter(|(overlap, _)| *overlap > SAME)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match fits {
            Some((_, cluster)) => cluster.add(label),
            None => clusters.push(Cluster::of(label)),
        }
    }
    let mut fused: Vec<Label> = clusters.into_iter().map(|cluster| cluster.label(teachers.len())).collect();
    fused.sort_by(|a, b| b.score.total_cmp(&a.score));
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(class: usize, score: f32, bounds: [f32; 4]) -> Label {
        Label { score, ..Label::new(class, bounds) }
    }

    #[test]
    fn boxes_that_agree_become_their_weighted_mean() {
        let a = vec![label(0, 0.9, [0.0, 0.0, 10.0, 10.0]), label(1, 0.6, [50.0, 50.0, 60.0, 60.0])];
        let b = vec![label(0, 0.3, [2.0, 0.0, 12.0, 10.0])];
        let fused = fuse_boxes(&[a, b]);
        assert_eq!(fused.len(), 2);
        // (0.9 · 0 + 0.3 · 2) / 1.2, and a score of (0.9 + 0.3) / 2.
        for (edge, expected) in fused[0].bounds.iter().zip([0.5, 0.0, 10.5, 10.0]) {
            assert!((edge - expected).abs() < 1e-5, "{fused:?}");
        }
        assert!((fused[0].score - 0.6).abs() < 1e-6);
        // Only one of the two saw this one.
        assert!((fused[1].score - 0.3).abs() < 1e-6 && fused[1].class == 1);
    }

    #[test]
    fn classes_do_not_mix_and_one_teacher_is_taken_at_its_word() {
        let bounds = [0.0, 0.0, 10.0, 10.0];
        assert_eq!(fuse_boxes(&[vec![label(0, 0.5, bounds)], vec![label(1, 0.5, bounds)]]).len(), 2);
        let alone = vec![label(0, 0.5, bounds), label(0, 0.4, bounds)];
        assert_eq!(fuse_boxes(std::slice::from_ref(&alone)), alone);
        assert!(fuse_boxes(&[Vec::new(), Vec::new()]).is_empty());
    }

    #[test]
    fn logits_are_averaged() {
        assert_eq!(mean_logits(&[vec![1.0, -2.0], vec![3.0, 0.0]]), [2.0, -1.0]);
        assert!(mean_logits(&[]).is_empty());
    }
}
