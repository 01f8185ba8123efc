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
