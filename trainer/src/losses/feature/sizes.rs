//! Maps of different height and width.

use burn::tensor::{Tensor, module::adaptive_avg_pool2d};
use retort_train_ops as ops;

use crate::losses::error::{LossError, SAME_CHANNELS, filled, same_batch};

/// The height and width that [`brought_together`] brings two maps of these shapes to: those of the smaller.
pub fn common_size(loss: &'static str, student: [usize; 4], teacher: [usize; 4]) -> Result<[usize; 2], LossError> {
    filled(loss, &student)?;
    filled(loss, &teacher)?;
    let within = |a: [usize; 4], b: [usize; 4]| a[1] <= b[1] && a[2] <= b[2];
    if within(student, teacher) {
        return Ok([student[1], student[2]]);
    }
    if within(teacher, student) {
        return Ok([teacher[1], teacher[2]]);
    }
    let remedy = "one has more rows and the other more columns: choose layers, or input sizes, of the same proportions";
    Err(LossError::Shapes { loss, student: student.to_vec(), teacher: teacher.to_vec(), remedy })
}

/// Both maps at the size of the smaller, the teacher's without a gradient. Of the larger map, row i of n is the mean of the rows
/// from ⌊i·h/n⌋ to ⌈(i + 1)·h/n⌉, and so for columns: plain average pooling where h is a multiple of n, and what PyTorch
/// calls adaptive average pooling where it is not.
pub fn brought_together(
    loss: &'static str,
    student: Tensor<4>,
    teacher: Tensor<4>,
) -> Result<(Tensor<4>, Tensor<4>), LossError> {
    same_batch(loss, &student, &teacher)?;
    let size = common_size(loss, student.dims(), teacher.dims())?;
    Ok((pooled(student, size), pooled(teacher.detach(), size)))
}

/// [`brought_together`] for losses that compare channel by channel.
pub(super) fn aligned(
    loss: &'static str,
    student: Tensor<4>,
    teacher: Tensor<4>,
) -> Result<(Tensor<4>, Tensor<4>), LossError> {
    let (a, b) = (student.dims(), teacher.dims());
    if a[3] != b[3] {
        return Err(LossError::Shapes { loss, student: a.to_vec(), teacher: b.to_vec(), remedy: SAME_CHANNELS });
    }
    brought_together(loss, student, teacher)
}

fn pooled(map: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    let [_, height, width, _] = map.dims();
    if size == [height, width] {
        return map;
    }
    if height.is_multiple_of(size[0]) && width.is_multiple_of(size[1]) {
        let kernel = [height / size[0], width / size[1]];
        return ops::average_pool(map, ops::Window { kernel, stride: kernel, padding: [0; 2] }, false);
    }
    adaptive_avg_pool2d(map.permute([0, 3, 1, 2]), size).permute([0, 2, 3, 1])
}
