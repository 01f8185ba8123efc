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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_gradient, doubles, floats, refusal, wave};

    fn numbers(map: Tensor<4>) -> Vec<f64> {
        map.try_to_vec_as::<f64>().expect("numbers")
    }

    #[test]
    fn the_larger_map_becomes_means_of_its_tiles() {
        let large = floats(&(0..8).map(f64::from).collect::<Vec<_>>(), [1, 2, 4, 1]);
        let small = floats(&[9.0, 8.0], [1, 1, 2, 1]);
        // Tiles of two rows and two columns: (0 + 1 + 4 + 5)/4 and (2 + 3 + 6 + 7)/4.
        let (student, teacher) = brought_together("PKD", large.clone(), small.clone()).expect("maps");
        assert_eq!((numbers(student), numbers(teacher)), (vec![2.5, 4.5], vec![9.0, 8.0]));
        let (student, teacher) = brought_together("PKD", small, large).expect("maps");
        assert_eq!((numbers(student), numbers(teacher)), (vec![9.0, 8.0], vec![2.5, 4.5]));
    }

    #[test]
    fn tiles_overlap_where_sizes_are_no_multiples() {
        // Columns 0 to 2 and 1 to 3 of (0, 1, 2), in each of two channels.
        let large = floats(&[0.0, 5.0, 1.0, 6.0, 2.0, 7.0], [1, 1, 3, 2]);
        let (student, _) = brought_together("PKD", large, floats(&[0.0; 4], [1, 1, 2, 2])).expect("maps");
        assert_eq!(numbers(student), [0.5, 5.5, 1.5, 6.5]);
    }

    #[test]
    fn gradients_pass_through_both_ways_of_pooling() {
        for (shape, small) in [([2, 4, 3, 2], [2, 2, 3, 2]), ([2, 3, 5, 2], [2, 2, 3, 2])] {
            let teacher = doubles(&wave(24, 1.3), small);
            check_gradient(&wave(shape.iter().product(), 0.7), shape, |x| {
                let (x, y) = brought_together("PKD", x, teacher.clone())?;
                Ok((x.clone() * x * y).sum())
            });
        }
    }

    #[test]
    fn what_cannot_be_brought_together_is_refused() {
        let map = |shape: [usize; 4]| floats(&vec![0.0; shape.iter().product()], shape);
        let text = refusal(brought_together("AT", map([1, 4, 2, 3]), map([1, 2, 4, 3])));
        assert!(
            text.starts_with("AT: the student gives [1, 4, 2, 3] and the teacher [1, 2, 4, 3]; one has more"),
            "{text}"
        );
        let text = refusal(brought_together("AT", map([1, 2, 2, 3]), map([2, 2, 2, 3])));
        assert!(text.ends_with("both have to be about the same pictures"), "{text}");
        let text = refusal(aligned("PKD", map([1, 2, 2, 3]), map([1, 2, 2, 4])));
        assert!(text.ends_with("with a 1×1 convolution first"), "{text}");
        assert!(refusal(aligned("PKD", map([1, 0, 2, 3]), map([1, 2, 2, 3]))).starts_with("PKD: the batch is empty"));
        assert_eq!(common_size("AT", [1, 8, 8, 3], [1, 3, 5, 9]), Ok([3, 5]));
    }
}
