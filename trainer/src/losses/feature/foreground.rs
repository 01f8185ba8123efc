//! Where objects are on a map, for losses that weigh them apart from the ground.

/// What each cell of a batch of maps weighs, picture by picture and row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ground {
    /// 1/(cells of the box) in boxes, those of the smallest where several overlap, and 0 outside of them.
    pub foreground: Vec<f32>,
    /// 1/(cells outside of all boxes of the picture) outside of boxes, and 0 in them.
    pub background: Vec<f32>,
}

/// The ground of pictures with these boxes: left, top, right and bottom edges in cells of a map of `size` (rows and columns), the
/// first cell's left edge being 0. A box takes every cell that it touches. Boxes that touch none are passed over.
pub(super) fn ground(boxes: &[Vec<[f32; 4]>], [height, width]: [usize; 2]) -> Ground {
    let cells = height * width;
    let mut foreground = vec![0.0f32; boxes.len() * cells];
    let mut background = vec![0.0f32; boxes.len() * cells];
    for (picture, boxes) in boxes.iter().enumerate() {
        let foreground = &mut foreground[picture * cells..][..cells];
        for &[left, top, right, bottom] in boxes {
            let ((left, right), (top, bottom)) = (touched(left, right, width), touched(top, bottom, height));
            let share = 1.0 / ((right - left) * (bottom - top)).max(1) as f32;
            for row in top..bottom {
                for weight in &mut foreground[row * width + left..row * width + right] {
                    *weight = weight.max(share);
                }
            }
        }
        let outside = foreground.iter().filter(|&&weight| weight == 0.0).count().max(1) as f32;
        let background = &mut background[picture * cells..][..cells];
        for (weight, &inside) in background.iter_mut().zip(&*foreground) {
            *weight = if inside == 0.0 { 1.0 / outside } else { 0.0 };
        }
    }
    Ground { foreground, background }
}

/// The cells, from the first to the one after the last, that lie between two edges; the same twice if none does.
fn touched(low: f32, high: f32, cells: usize) -> (usize, usize) {
    if !(high > low) {
        return (0, 0);
    }
    // Numbers below 0 become 0, and those beyond the range of usize its end.
    let (first, end) = ((low.floor() as usize).min(cells), (high.ceil() as usize).min(cells));
    (first.min(end), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_box_weighs_one_in_all_and_small_ones_lie_in_front() {
        let boxes = vec![vec![[1.0, 0.0, 3.0, 2.0], [0.0, 0.0, 2.0, 1.0]], vec![]];
        let ground = ground(&boxes, [2, 3]);
        // Two cells of the first row, before four of the two right columns.
        assert_eq!(ground.foreground[..6], [0.5, 0.5, 0.25, 0.0, 0.25, 0.25]);
        assert_eq!(ground.background[..6], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(ground.foreground[6..], [0.0; 6]);
        assert_eq!(ground.background[6..], [1.0 / 6.0; 6]);
    }

    #[test]
    fn a_box_takes_the_cells_it_touches_and_only_those_on_the_map() {
        let weights = |bounds: [f32; 4]| ground(&[vec![bounds]], [1, 4]).foreground;
        assert_eq!(weights([0.9, 0.2, 2.1, 0.3]), [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0]);
        assert_eq!(weights([-5.0, -5.0, 1.0, 9.0]), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(weights([2.0, 0.0, 1e30, 1.0]), [0.0, 0.0, 0.5, 0.5]);
        for nowhere in
            [[4.0, 0.0, 9.0, 1.0], [-3.0, 0.0, -1.0, 1.0], [2.0, 0.0, 2.0, 1.0], [3.0, 0.0, 1.0, 1.0], [f32::NAN; 4]]
        {
            assert_eq!(weights(nowhere), [0.0; 4], "{nowhere:?}");
        }
    }

    #[test]
    fn a_map_without_ground_has_no_background() {
        let ground = ground(&[vec![[0.0, 0.0, 2.0, 1.0]]], [1, 2]);
        assert_eq!((ground.foreground, ground.background), (vec![0.5; 2], vec![0.0; 2]));
    }
}
