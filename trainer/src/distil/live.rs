//! A teacher who looks at every picture just as the student sees it, step by step, and into whom one may look.
//!
//! Answers that were computed beforehand hold for pictures as they were then. Maps of features are too large to keep and mean
//! nothing for a picture that was moved, so a teacher whose maps are wanted is asked anew in every step (Beyer et al. 2022,
//! section 3, call that consistent teaching). It costs the teacher's forward pass, on the threads that make lessons.

use std::sync::Arc;

use crate::data::Sample;
use crate::nets::Answer;
use crate::teacher::{Feature, Opinion, Tapped, Teacher, TeacherError};

/// What a teacher is asked in every step.
pub struct Live {
    /// Who answers; none where the answers are known already.
    pub teacher: Option<Arc<Teacher>>,
    /// Into whom one looks.
    pub tapped: Option<Tapped>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("answers", &self.teacher.is_some()).finish_non_exhaustive()
    }
}

/// What it says of a batch.
#[derive(Debug, Default)]
pub struct Look {
    /// Answers, one a picture; empty where nobody asks.
    pub answers: Vec<Answer>,
    /// What is computed at each tap: `features[tap][picture]`.
    pub features: Vec<Vec<Feature>>,
}

impl Live {
    /// Looks at a batch.
    ///
    /// # Errors
    /// The teacher's.
    pub fn look(&self, samples: &[Sample]) -> Result<Look, TeacherError> {
        let mut look = Look::default();
        if let Some(teacher) = &self.teacher {
            look.answers = teacher.ask(samples)?.into_iter().filter_map(Opinion::answer).collect();
        }
        if let Some(tapped) = &self.tapped {
            look.features = vec![Vec::with_capacity(samples.len()); tapped.taps().len()];
            for picture in tapped.look(samples)? {
                look.features.iter_mut().zip(picture).for_each(|(tap, feature)| tap.push(feature));
            }
        }
        Ok(look)
    }
}
