//! How a step sees its operands: as an image, as a contiguous span, or as strides along a few axes.

use retort_core::plan::view::{Extent, Image, MAX_AXES, Operand, Place, Span};

use super::super::PlanningError;
use super::super::memory::{contiguous, pixel_stride};
use super::super::writer::word;
use super::Lowering;
use crate::graph::{Node, TensorId};

/// An operand with strides along the axes of the shape that a step walks.
#[derive(Clone, Debug)]
pub(super) struct Strided {
    pub place: Place,
    /// Bytes.
    pub offset: usize,
    /// Elements.
    pub strides: Vec<usize>,
}

impl Strided {
    /// The part that starts at these indices and takes every `step`th along each axis.
    pub fn within(mut self, start: &[usize], step: &[usize], size: usize) -> Self {
        self.offset += start.iter().zip(&self.strides).map(|(start, stride)| start * stride).sum::<usize>() * size;
        self.strides = self.strides.iter().zip(step).map(|(stride, step)| stride * step).collect();
        self
    }
}

impl Lowering<'_> {
    /// A contiguous tensor in the arena.
    pub(super) fn span(&self, id: TensorId) -> Result<Span, PlanningError> {
        match self.tensor_place(id) {
            Some(place) => Ok(Span { offset: word(place.offset)?, len: word(place.len)? }),
            None => Err(PlanningError::Node {
                node: self.graph.tensor(id).name.clone(),
                problem: "a constant where a computed tensor is needed".into(),
            }),
        }
    }

    /// An NHWC image in the arena.
    pub(super) fn image(&self, node: &Node, id: TensorId) -> Result<Image, PlanningError> {
        let tensor = self.graph.tensor(id);
        let location = self.location(id).ok_or_else(|| self.unsupported(node, "an image that is a constant"))?;
        let stride = pixel_stride(&tensor.shape, &location.strides)
            .ok_or_else(|| self.unsupported(node, format!("no image of shape {:?}", tensor.shape)))?;
        Ok(Image {
            offset: word(self.offsets[location.buffer] + location.offset)?,
            batch: word(tensor.shape[0])?,
            height: word(tensor.shape[1])?,
            width: word(tensor.shape[2])?,
            channels: word(tensor.shape[3])?,
            stride: word(stride)?,
        })
    }

    /// A tensor or constant as it lies, along its own axes.
    pub(super) fn strided(&mut self, id: TensorId) -> Result<Strided, PlanningError> {
        let tensor = self.graph.tensor(id);
        if let Some(constant) = &tensor.constant {
            let blob = self.writer.blob(constant.bytes())?;
            return Ok(Strided {
                place: Place::Weights,
                offset: blob.offset as usize,
                strides: contiguous(&tensor.shape),
            });
        }
        match self.location(id) {
            Some(location) => Ok(Strided {
                place: Place::Arena,
                offset: self.offsets[location.buffer] + location.offset,
                strides: location.strides.clone(),
            }),
            None => Err(PlanningError::Node { node: tensor.name.clone(), problem: "has no place".into() }),
        }
    }

    /// The same, with strides of 0 along the axes that it is repeated on to fill `shape`.
    pub(super) fn broadcast(&mut self, id: TensorId, shape: &[usize]) -> Result<Strided, PlanningError> {
        let own = self.graph.tensor(id).shape.clone();
        let mut strided = self.strided(id)?;
        for ((stride, &length), &wanted) in strided.strides.iter_mut().zip(&own).zip(shape) {
            if length != wanted {
                *stride = 0;
            }
        }
        Ok(strided)
    }

    /// A tensor whose elements are repeated to fill `shape`, each axis of which is two: its [`blocks`], and the elements
    /// of a block.
    pub(super) fn repeated(
        &mut self,
        node: &Node,
        id: TensorId,
        shape: &[usize],
        blocks: &[usize],
    ) -> Result<Strided, PlanningError> {
        let own = self.graph.tensor(id).shape.clone();
        let mut strided = self.strided(id)?;
        let mut strides = Vec::with_capacity(2 * shape.len());
        for (((&stride, &length), &wanted), &blocks) in strided.strides.iter().zip(&own).zip(shape).zip(blocks) {
            strides.extend(match length {
                _ if length == wanted => [stride * (wanted / blocks), stride],
                1 => [0, 0],
                _ if length == blocks => [stride, 0],
                _ => return Err(self.unsupported(node, format!("{own:?} cannot be repeated to {shape:?}"))),
            });
        }
        strided.strides = strides;
        Ok(strided)
    }
}

/// How many blocks each axis of `shape` falls into, so that operands of these shapes need be repeated only within blocks:
/// the length of the operand that is shorter, but longer than 1.
pub(super) fn blocks(shape: &[usize], operands: &[&[usize]]) -> Vec<usize> {
    let block = |axis: usize, wanted: usize| {
        let shorter = operands.iter().filter_map(|own| own.get(axis).copied()).find(|&own| own != 1 && own != wanted);
        shorter.filter(|own| wanted.is_multiple_of(*own)).unwrap_or(wanted).max(1)
    };
    shape.iter().enumerate().map(|(axis, &wanted)| block(axis, wanted)).collect()
}

/// The shape and the operands of an element-wise step: axes of length 1 dropped, neighbours merged where all operands
/// allow it.
pub(super) fn walk<const N: usize>(
    shape: &[usize],
    operands: [&Strided; N],
) -> Result<(Extent, [Operand; N]), PlanningError> {
    let mut axes: Vec<(usize, [usize; N])> = Vec::new();
    for (axis, &length) in shape.iter().enumerate().filter(|(_, length)| **length != 1) {
        let strides = operands.map(|operand| operand.strides[axis]);
        match axes.last_mut() {
            Some((outer, outer_strides)) if (0..N).all(|i| outer_strides[i] == strides[i] * length) => {
                *outer *= length;
                *outer_strides = strides;
            }
            _ => axes.push((length, strides)),
        }
    }
    let padding = MAX_AXES.checked_sub(axes.len()).ok_or_else(|| PlanningError::Node {
        node: format!("walk over {shape:?}"),
        problem: format!("{} axes that cannot be merged; the limit is {MAX_AXES}", axes.len()),
    })?;
    let mut extent = Extent([1; MAX_AXES]);
    let mut views = operands.map(|operand| Operand { place: operand.place, ..Operand::default() });
    for (view, operand) in views.iter_mut().zip(operands) {
        view.offset = word(operand.offset)?;
    }
    for (index, (length, strides)) in axes.iter().enumerate() {
        extent.0[padding + index] = word(*length)?;
        for (view, &stride) in views.iter_mut().zip(strides) {
            view.strides[padding + index] = word(stride)?;
        }
    }
    Ok((extent, views))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strided(strides: &[usize]) -> Strided {
        Strided { place: Place::Arena, offset: 0, strides: strides.to_vec() }
    }

    #[test]
    fn contiguous_operands_merge_to_one_axis() {
        let (extent, [x]) = walk(&[1, 4, 5, 6], [&strided(&[120, 30, 6, 1])]).unwrap();
        assert_eq!(extent.0, [1, 1, 1, 1, 1, 120]);
        assert_eq!(x.strides[5], 1);
    }

    #[test]
    fn a_channel_constant_keeps_two_axes() {
        let (extent, [_, bias]) = walk(&[1, 4, 5, 6], [&strided(&[120, 30, 6, 1]), &strided(&[0, 0, 0, 1])]).unwrap();
        assert_eq!(extent.0, [1, 1, 1, 1, 20, 6]);
        assert_eq!(bias.strides, [0, 0, 0, 0, 0, 1]);
    }
}
