//! Why a loss cannot be computed, and the checks that say so.

use burn::tensor::Tensor;

/// What a loss refuses. The messages name the loss, what it was given and what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LossError {
    /// There is nothing to take a mean over.
    #[error("{loss}: the batch is empty ({shape:?}); leave out steps without pictures")]
    Empty {
        /// The loss.
        loss: &'static str,
        /// The shape of what the student gives.
        shape: Vec<usize>,
    },
    /// Student and teacher cannot be compared.
    #[error("{loss}: the student gives {student:?} and the teacher {teacher:?}; {remedy}")]
    Shapes {
        /// The loss.
        loss: &'static str,
        /// The shape of what the student gives.
        student: Vec<usize>,
        /// The shape of what the teacher gives.
        teacher: Vec<usize>,
        /// What to do.
        remedy: &'static str,
    },
    /// Something else that the loss takes does not fit to the student's output.
    #[error("{loss}: {part} of shape {given:?} where {needed:?} is needed")]
    Part {
        /// The loss.
        loss: &'static str,
        /// What does not fit.
        part: &'static str,
        /// Its shape.
        given: Vec<usize>,
        /// The shape that fits.
        needed: Vec<usize>,
    },
    /// The loss is not defined for so few classes.
    #[error("{loss}: {classes} classes, but it needs at least {needed}; use {instead}")]
    Classes {
        /// The loss.
        loss: &'static str,
        /// Classes that there are.
        classes: usize,
        /// The fewest that it is defined for.
        needed: usize,
        /// A loss that does.
        instead: &'static str,
    },
    /// The loss compares pictures with one another, and there are too few.
    #[error("{loss}: a batch of {batch}, but it compares {needed} pictures; {remedy}")]
    Batch {
        /// The loss.
        loss: &'static str,
        /// Pictures that there are.
        batch: usize,
        /// The fewest that it is defined for.
        needed: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// A class that does not exist.
    #[error("{loss}: picture {picture} is of class {class}, but there are {classes} classes, from 0 on")]
    Target {
        /// The loss.
        loss: &'static str,
        /// Index of the picture in the batch.
        picture: usize,
        /// Its class.
        class: usize,
        /// Classes that there are.
        classes: usize,
    },
    /// A number that makes no sense.
    #[error("{loss}: {setting} is {value}, but has to be {range}")]
    Setting {
        /// The loss.
        loss: &'static str,
        /// What the number sets.
        setting: &'static str,
        /// The number.
        value: f32,
        /// What it may be.
        range: &'static str,
    },
}

/// The remedy where logits do not agree.
pub(super) const SAME_CLASSES: &str = "both have to be about the same pictures and classes";
/// The remedy where channels do not agree.
pub(super) const SAME_CHANNELS: &str = "bring the student to the teacher's channels with a 1×1 convolution first";
/// The remedy where only the batches do not agree.
pub(super) const SAME_PICTURES: &str = "both have to be about the same pictures";
/// The remedy for a batch that is too small.
pub(super) const LARGER_BATCH: &str = "make batches larger, or drop the last, incomplete one";

/// Refuses an empty shape.
pub(super) fn filled(loss: &'static str, shape: &[usize]) -> Result<(), LossError> {
    if shape.contains(&0) { Err(LossError::Empty { loss, shape: shape.to_vec() }) } else { Ok(()) }
}

/// The shape of both, which has to be the same.
pub(super) fn same_shape<const D: usize>(
    loss: &'static str,
    student: &Tensor<D>,
    teacher: &Tensor<D>,
    remedy: &'static str,
) -> Result<[usize; D], LossError> {
    let (student, teacher) = (student.dims(), teacher.dims());
    filled(loss, &student)?;
    if student != teacher {
        return Err(LossError::Shapes { loss, student: student.to_vec(), teacher: teacher.to_vec(), remedy });
    }
    Ok(student)
}

/// The shapes of both, which have to have as many rows.
pub(super) fn same_batch<const D: usize>(
    loss: &'static str,
    student: &Tensor<D>,
    teacher: &Tensor<D>,
) -> Result<usize, LossError> {
    let (student, teacher) = (student.dims(), teacher.dims());
    filled(loss, &student)?;
    filled(loss, &teacher)?;
    if student[0] != teacher[0] {
        let (student, teacher) = (student.to_vec(), teacher.to_vec());
        return Err(LossError::Shapes { loss, student, teacher, remedy: SAME_PICTURES });
    }
    Ok(student[0])
}

/// Refuses a part that does not have the shape it needs.
pub(super) fn shaped<const D: usize>(
    loss: &'static str,
    part: &'static str,
    given: &Tensor<D>,
    needed: [usize; D],
) -> Result<(), LossError> {
    if given.dims() == needed {
        return Ok(());
    }
    Err(LossError::Part { loss, part, given: given.dims().to_vec(), needed: needed.to_vec() })
}

/// Refuses a temperature that nothing can be divided by.
pub(super) fn warm(loss: &'static str, temperature: f32) -> Result<(), LossError> {
    if temperature > 0.0 && temperature.is_finite() {
        return Ok(());
    }
    Err(LossError::Setting { loss, setting: "the temperature", value: temperature, range: "greater than 0 and finite" })
}

/// Refuses a batch in which there are not enough pictures to compare.
pub(super) fn enough(loss: &'static str, batch: usize, needed: usize) -> Result<(), LossError> {
    if batch >= needed { Ok(()) } else { Err(LossError::Batch { loss, batch, needed, remedy: LARGER_BATCH }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{floats, refusal};

    #[test]
    fn messages_name_the_loss_the_shapes_and_the_remedy() {
        let (a, b) = (floats(&[0.0; 6], [2, 3]), floats(&[0.0; 8], [2, 4]));
        let text = refusal(same_shape("KD", &a, &b, SAME_CLASSES));
        assert_eq!(
            text,
            "KD: the student gives [2, 3] and the teacher [2, 4]; both have to be about the same pictures and classes"
        );
        let text = refusal(enough("RKD-A", 2, 3));
        assert_eq!(
            text,
            "RKD-A: a batch of 2, but it compares 3 pictures; make batches larger, or drop the last, incomplete one"
        );
        assert!(refusal(filled("KD", &[0, 10])).starts_with("KD: the batch is empty ([0, 10])"));
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(refusal(warm("KD", temperature)).contains("the temperature is"));
        }
    }
}
