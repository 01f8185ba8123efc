//! Sets of scenes, drawn once and kept as bytes.

use rayon::prelude::*;

use super::scene::Scene;
use crate::data::{Label, Sample};

/// What a set is for. Sets of different splits never share a scene. A split's place in this list names its scenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Labelled scenes that only the teacher learns from.
    Teacher,
    /// The few labelled scenes that the student has.
    Labelled,
    /// Scenes whose labels nobody looks at: the teacher says what is in them.
    Transfer,
    /// Scenes that the reported figures are measured on.
    Test,
    /// Scenes for people to look at.
    Show,
    /// Scenes to choose by.
    Validation,
}

/// Pictures of one size with their labels.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The pictures.
    pub samples: Vec<Sample>,
}

impl Dataset {
    /// Draws `count` scenes of `width × height` pixels. Scene `i` depends on the seed, the split and `i` alone. `drawn` is
    /// called after each, from any thread.
    pub fn draw(
        seed: u64,
        split: Split,
        count: usize,
        [width, height]: [usize; 2],
        drawn: impl Fn() + Sync,
    ) -> Dataset {
        let side = width.min(height);
        let aspect = width as f32 / height as f32;
        let samples = (0..count as u64)
            .into_par_iter()
            .map(|index| {
                let sample = Scene::random(&[seed, split as u64, index], aspect).render(side);
                drawn();
                sample
            })
            .collect();
        Dataset { samples }
    }

    /// Number of scenes.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no scene.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Labels of scene `index`.
    pub fn labels(&self, index: usize) -> &[Label] {
        &self.samples[index].boxes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_does_not_depend_on_threads() {
        let draw = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| Dataset::draw(4, Split::Test, 6, [32, 32], || ()))
        };
        let (one, three) = (draw(1), draw(3));
        assert!(one.samples.iter().zip(&three.samples).all(|(a, b)| a.pixels == b.pixels && a.boxes == b.boxes));
    }
}
