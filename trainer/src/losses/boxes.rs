//! Overlap of boxes: plain numbers for assignment and evaluation, tensors for the loss.

use burn::tensor::Tensor;

/// Keeps divisions by an area finite.
const TINY: f32 = 1e-7;

fn area(b: &[f32; 4]) -> f32 {
    (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0)
}

/// Intersection over union of two boxes given by their left, top, right and bottom edges.
pub fn iou(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let intersection = width * height;
    intersection / (area(a) + area(b) - intersection + TINY)
}

/// Generalised IoU (Rezatofighi et al. 2019) of boxes `[batch, points, 4]`, row by row: `[batch, points, 1]`.
pub fn giou(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    let side = |t: &Tensor<3>, i: usize| t.clone().narrow(2, i, 2);
    let (a_low, a_high, b_low, b_high) = (side(&a, 0), side(&a, 2), side(&b, 0), side(&b, 2));
    let product = |t: Tensor<3>| t.clone().narrow(2, 0, 1) * t.narrow(2, 1, 1);
    let inner = (a_high.clone().min_pair(b_high.clone()) - a_low.clone().max_pair(b_low.clone())).clamp_min(0.0);
    let intersection = product(inner);
    let outer = product(a_high.clone().max_pair(b_high.clone()) - a_low.clone().min_pair(b_low.clone()));
    let union = product(a_high - a_low) + product(b_high - b_low) - intersection.clone();
    intersection / (union.clone() + TINY) - (outer.clone() - union) / (outer + TINY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn overlaps_of_known_boxes() {
        let (a, b) = ([0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0]);
        assert!((iou(&a, &b) - 1.0 / 7.0).abs() < 1e-6);
        assert_eq!(iou(&a, &[5.0, 5.0, 6.0, 6.0]), 0.0);
        let device = Device::flex();
        let tensor = |b: [f32; 4]| Tensor::<1>::from_floats(b, &device).reshape([1, 1, 4]);
        let value = |a, b| giou(tensor(a), tensor(b)).into_scalar::<f32>();
        // The hull of a and b has area 9, their union 7.
        assert!((value(a, b) - (1.0 / 7.0 - 2.0 / 9.0)).abs() < 1e-5);
        assert!((value(a, a) - 1.0).abs() < 1e-5);
        // Apart: no intersection, union 2 in a hull of 4.
        assert!((value([0.0, 0.0, 1.0, 1.0], [3.0, 0.0, 4.0, 1.0]) + 0.5).abs() < 1e-5);
    }
}
