//! Focal and global distillation: Yang et al. 2022, Focal and Global Knowledge Distillation for Detectors (FGD, CVPR).

use burn::tensor::{Tensor, TensorData, activation::softmax};
use retort_train_ops as ops;

use super::context::ContextBlock;
use super::foreground::ground;
use super::sizes::aligned;
use crate::losses::error::{LossError, warm};

const NAME: &str = "FGD";

/// The weights of the parts of [`focal_global`], and its temperature. The defaults are those for one-stage detectors with
/// anchors; without anchors the authors use 1.6e-3, 8e-4, 8e-4 and 8e-6.
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
