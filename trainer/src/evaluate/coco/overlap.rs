//! How much two boxes have in common, in the arithmetic of COCO's `maskApi`.

/// Intersection over union of two boxes given by left, top, width and height; 0 where they do not meet.
pub fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let shared = intersection(a, b);
    if shared == 0.0 { 0.0 } else { shared / (a[2] * a[3] + b[2] * b[3] - shared) }
}

/// Intersection over the detection's own area, which is what counts against a crowd: a detection of one of many is not
/// held to cover them all.
pub fn overlap_with_crowd(found: &[f64; 4], crowd: &[f64; 4]) -> f64 {
    let shared = intersection(found, crowd);
    if shared == 0.0 { 0.0 } else { shared / (found[2] * found[3]) }
}

fn intersection(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let width = (a[2] + a[0]).min(b[2] + b[0]) - a[0].max(b[0]);
    let height = (a[3] + a[1]).min(b[3] + b[1]) - a[1].max(b[1]);
    if width <= 0.0 || height <= 0.0 { 0.0 } else { width * height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_of_known_boxes() {
        let (a, b) = ([0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(overlap(&a, &b), 1.0 / 7.0);
        assert_eq!(overlap_with_crowd(&a, &b), 0.25);
        assert_eq!(overlap(&a, &[2.0, 0.0, 1.0, 1.0]), 0.0, "an edge in common is no area");
        assert_eq!(overlap(&[0.0; 4], &[0.0; 4]), 0.0, "nor is a point");
    }
}
