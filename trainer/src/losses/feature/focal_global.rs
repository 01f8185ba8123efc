//! Focal and global distillation: Yang et al. 2022, Focal and Global Knowledge Distillation for Detectors (FGD, CVPR).

use burn::tensor::{Tensor, TensorData, activation::softmax};
use retort_train_ops as ops;

use super::context::ContextBlock;
use super::foreground::ground;
use super::sizes::aligned;
use crate::losses::error::{LossError, warm};

const NAME: &str = "FGD";

/// The weights of the parts of [`focal_global`], and its temperature. The defaults are usual for one-stage detectors. The authors'
/// own settings are the same but γ = 5e-4 for RetinaNet, and 1.6e-3, 8e-4, 8e-4, 8e-6 and T = 0.8 for FCOS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FocalGlobal {
    /// α, of differences in boxes.
    pub foreground: f32,
    /// β, of differences outside of boxes.
    pub background: f32,
    /// γ, of differences between what student and teacher attend to.
    pub attention: f32,
    /// λ, of differences between the maps with their context.
    pub global: f32,
    /// T of the attention.
    pub temperature: f32,
}

impl Default for FocalGlobal {
    fn default() -> FocalGlobal {
        FocalGlobal { foreground: 1e-3, background: 5e-4, attention: 1e-3, global: 5e-6, temperature: 0.5 }
    }
}

/// How much a map's places and channels matter, 1 on average.
struct Attention {
    /// `[batch, height, width, 1]`.
    places: Tensor<4>,
    /// `[batch, 1, 1, channels]`.
    channels: Tensor<4>,
}

impl Attention {
    fn new(map: Tensor<4>, temperature: f32) -> Attention {
        let [batch, height, width, channels] = map.dims();
        let (places, size) = (height * width, map.abs());
        let over_channels = size.clone().mean_dim(3).reshape([batch, places]);
        let over_places = ops::global_average_pool(size);
        let attention = |mean: Tensor<2>, count: usize| softmax(mean / temperature, 1) * count as f32;
        Attention {
            places: attention(over_channels, places).reshape([batch, height, width, 1]),
            channels: attention(over_places, channels).reshape([batch, 1, 1, channels]),
        }
    }
}

/// The sum of three parts, each divided by the batch (section 3), on maps `[batch, height, width, channels]`:
///
/// * focal: Σ w·A·B·(s − t)², A and B the teacher's attention to places and to channels, w = α/(cells of the box) in boxes and
///   β/(cells outside of boxes) outside of them;
/// * attention: γ·(Σ |Aₛ − A| + Σ |Bₛ − B|);
/// * global: λ·Σ (Rₛ(s) − Rₜ(t))², R a [`ContextBlock`] that learns with the student.
///
/// A = height·width·softmax(mean over channels |F| / T) over the places, B = channels·softmax(mean over places |F| / T).
///
/// `boxes` are each picture's: left, top, right and bottom edges in cells of the map that is compared, whose height and width
/// [`common_size`](super::common_size) gives. `blocks` are the student's and the teacher's.
pub fn focal_global(
    student: Tensor<4>,
    teacher: Tensor<4>,
    boxes: &[Vec<[f32; 4]>],
    blocks: &[ContextBlock; 2],
    options: FocalGlobal,
) -> Result<Tensor<1>, LossError> {
    warm(NAME, options.temperature)?;
    let (student, teacher) = aligned(NAME, student, teacher)?;
    let [batch, height, width, channels] = student.dims();
    if boxes.len() != batch {
        let (given, needed) = (vec![boxes.len()], vec![batch]);
        return Err(LossError::Part { loss: NAME, part: "lists of boxes", given, needed });
    }
    for block in blocks {
        block.check(NAME, channels)?;
    }
    let ground = ground(boxes, [height, width]);
    let weights = ground.foreground.iter().zip(&ground.background);
    let weights: Vec<f32> = weights.map(|(f, b)| f * options.foreground + b * options.background).collect();
    let weights = TensorData::new(weights, [batch, height, width, 1]);
    let weights = Tensor::<4>::from_data(weights, (&student.device(), student.dtype()));

    let mine = Attention::new(student.clone(), options.temperature);
    let theirs = Attention::new(teacher.clone(), options.temperature);
    let on_attention =
        (mine.places - theirs.places.clone()).abs().sum() + (mine.channels - theirs.channels.clone()).abs().sum();

    let difference = student.clone() - teacher.clone();
    let focal = (difference.clone() * difference * (weights * theirs.places) * theirs.channels).sum();

    let [own, other] = blocks;
    let global = own.apply(student) - other.apply(teacher);
    let on_context = (global.clone() * global).sum();

    Ok((focal + on_attention * options.attention + on_context * options.global) / batch as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::check::{check_gradient, close, doubles, floats, refusal, value, wave};
    use crate::losses::feature::context::tests::block;

    const NOTHING: FocalGlobal =
        FocalGlobal { foreground: 0.0, background: 0.0, attention: 0.0, global: 0.0, temperature: 0.5 };

    /// A block that adds nothing to maps of one channel.
    fn neutral() -> ContextBlock {
        let zero = floats(&[0.0], [1, 1]);
        let [attention, squeeze, squeeze_bias, scale, shift, expand, expand_bias] = [(); 7].map(|()| zero.clone());
        ContextBlock { attention, squeeze, squeeze_bias, scale, shift, expand, expand_bias }
    }

    #[test]
    fn each_part_is_its_formula() {
        let loss = |student: [f64; 2], options: FocalGlobal| {
            let (student, teacher) = (floats(&student, [1, 1, 2, 1]), floats(&[0.0; 2], [1, 1, 2, 1]));
            value(focal_global(student, teacher, &[vec![[0.0, 0.0, 1.0, 1.0]]], &[neutral(), neutral()], options))
        };
        // The teacher attends to both places and its only channel alike: both 1. The first cell is the box, the second the
        // ground: 2·1² + 0.5·2².
        close(loss([1.0, 2.0], FocalGlobal { foreground: 2.0, background: 0.5, ..NOTHING }), 4.0);
        // softmax((ln 3)/2 / 0.5, 0) = (3/4, 1/4), times two places: |3/2 − 1| + |1/2 − 1|; the channels agree.
        close(loss([3f64.ln() / 2.0, 0.0], FocalGlobal { attention: 3.0, ..NOTHING }), 3.0);
        // Without context, the sum of squares.
        close(loss([1.0, 2.0], FocalGlobal { global: 7.0, ..NOTHING }), 35.0);
    }

    #[test]
    fn the_teachers_attention_weighs_places_and_channels() {
        // |F|/0.5 of the teacher is ln 3 at the first place and 0 at the second, of one channel: weights 3/2 and 1/2.
        let (student, teacher) = (floats(&[0.0, 1.0], [1, 1, 2, 1]), floats(&[-3f64.ln() / 2.0, 0.0], [1, 1, 2, 1]));
        let options = FocalGlobal { background: 1.0, ..NOTHING };
        // No box: each cell has half of the ground.
        let expected = (3f64.ln() / 2.0).powi(2) * 1.5 / 2.0 + 0.5 / 2.0;
        close(value(focal_global(student, teacher, &[vec![]], &[neutral(), neutral()], options)), expected);
        // The same along the channels of one place.
        let (student, teacher) = (floats(&[0.0, 1.0], [1, 1, 1, 2]), floats(&[3f64.ln() / 2.0, 0.0], [1, 1, 1, 2]));
        let blocks = [block(2, 1, 0.5), block(2, 1, 0.5)].map(|block| ContextBlock {
            attention: block.attention.cast(burn::tensor::DType::F32),
            squeeze: block.squeeze.cast(burn::tensor::DType::F32),
            squeeze_bias: block.squeeze_bias.cast(burn::tensor::DType::F32),
            scale: block.scale.cast(burn::tensor::DType::F32),
            shift: block.shift.cast(burn::tensor::DType::F32),
            expand: block.expand.cast(burn::tensor::DType::F32),
            expand_bias: block.expand_bias.cast(burn::tensor::DType::F32),
        });
        close(value(focal_global(student, teacher, &[vec![]], &blocks, options)), 2.0 * expected);
    }

    #[test]
    fn it_vanishes_at_the_teacher() {
        let (map, block) = (doubles(&wave(48, 1.3), [2, 2, 3, 4]), block(4, 2, 0.5));
        let boxes = [vec![[0.0, 0.0, 2.0, 1.0]], vec![]];
        assert_eq!(value(focal_global(map.clone(), map, &boxes, &[block.clone(), block], FocalGlobal::default())), 0.0);
    }

    #[test]
    fn gradients_of_the_student_and_of_both_blocks_are_right() {
        let options = FocalGlobal { foreground: 1.0, background: 0.5, attention: 0.3, global: 0.1, temperature: 0.5 };
        let (student, teacher) = (wave(96, 0.7), doubles(&wave(24, 1.3), [2, 1, 3, 4]));
        let boxes = [vec![[0.0, 0.0, 2.0, 1.0]], vec![]];
        let blocks = [block(4, 2, 0.5), block(4, 2, 0.8)];
        check_gradient(&student[..24], [2, 1, 3, 4], |x| focal_global(x, teacher.clone(), &boxes, &blocks, options));
        check_gradient(&student, [2, 2, 6, 4], |x| focal_global(x, teacher.clone(), &boxes, &blocks, options));
        let with = |which: usize, change: &dyn Fn(&mut ContextBlock)| {
            let mut blocks = blocks.clone();
            change(&mut blocks[which]);
            focal_global(doubles(&student[..24], [2, 1, 3, 4]), teacher.clone(), &boxes, &blocks, options)
        };
        for which in 0..2 {
            check_gradient(&wave(4, 0.9), [4, 1], |x| with(which, &|block| block.attention = x.clone()));
            check_gradient(&wave(8, 0.9), [4, 2], |x| with(which, &|block| block.squeeze = x.clone()));
            check_gradient(&wave(2, 0.9), [1, 2], |x| with(which, &|block| block.scale = x.clone()));
            check_gradient(&wave(2, 0.9), [1, 2], |x| with(which, &|block| block.shift = x.clone()));
            check_gradient(&wave(8, 0.9), [2, 4], |x| with(which, &|block| block.expand = x.clone()));
            check_gradient(&wave(4, 0.9), [1, 4], |x| with(which, &|block| block.expand_bias = x.clone()));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let map = floats(&[0.0; 2], [1, 1, 2, 1]);
        let refused = |boxes: &[Vec<[f32; 4]>], options: FocalGlobal| {
            refusal(focal_global(map.clone(), map.clone(), boxes, &[neutral(), neutral()], options))
        };
        assert_eq!(refused(&[], NOTHING), "FGD: lists of boxes of shape [0] where [1] is needed");
        let cold = FocalGlobal { temperature: 0.0, ..NOTHING };
        assert!(refused(&[vec![]], cold).starts_with("FGD: the temperature is 0"));
        let wide = floats(&[0.0; 4], [1, 1, 2, 2]);
        let text = refusal(focal_global(map.clone(), wide.clone(), &[vec![]], &[neutral(), neutral()], NOTHING));
        assert!(text.starts_with("FGD: the student gives [1, 1, 2, 1] and the teacher [1, 1, 2, 2]"), "{text}");
        let text = refusal(focal_global(wide.clone(), wide, &[vec![]], &[neutral(), neutral()], NOTHING));
        assert!(text.starts_with("FGD: a context block's attention of shape [1, 1] where [2, 1]"), "{text}");
    }
}
