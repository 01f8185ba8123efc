//! Makes parts of a picture unrecognisable, so that pictures of people can leave the board.

use super::geometry::Rect;

/// Blocks along the longer side of a box: too few to tell a face by.
const BLOCKS: f32 = 6.0;
/// How far beyond each side is covered, too, as a share of the box's: boxes are seldom exact.
const MARGIN: f32 = 0.1;

/// Replaces what lies in the box, and a tenth of its size around it, by blocks of its mean colour. `rgb` holds rows of red,
/// green and blue without gaps.
#[inline(never)]
pub fn pixelate(rgb: &mut [u8], width: usize, height: usize, rect: &Rect) {
    if !rect.is_finite() || rgb.len() != width * height * 3 {
        return;
    }
    let (across, down) = (MARGIN * rect.width().max(0.0), MARGIN * rect.height().max(0.0));
    let place = |edge: f32, side: usize| (edge.max(0.0) as usize).min(side);
    let columns = place((rect.left - across).floor(), width)..place((rect.right + across).ceil(), width);
    let rows = place((rect.top - down).floor(), height)..place((rect.bottom + down).ceil(), height);
    let block = ((rect.width().max(rect.height()) / BLOCKS).ceil().max(1.0)) as usize;
    for top in rows.clone().step_by(block) {
        for left in columns.clone().step_by(block) {
            let (right, bottom) = ((left + block).min(columns.end), (top + block).min(rows.end));
            let row = |y: usize| (y * width + left) * 3..(y * width + right) * 3;
            let mut sums = [0u64; 3];
            for y in top..bottom {
                for pixel in rgb[row(y)].as_chunks::<3>().0 {
                    sums.iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += u64::from(byte));
                }
            }
            let count = ((bottom - top) * (right - left)) as u64;
            let mean = sums.map(|sum| (sum / count.max(1)) as u8);
            for y in top..bottom {
                rgb[row(y)].as_chunks_mut::<3>().0.fill(mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_becomes_a_few_blocks_and_nothing_else_changes() {
        let (width, height) = (40, 30);
        let picture: Vec<u8> = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 7]).collect();
        let mut blurred = picture.clone();
        pixelate(&mut blurred, width, height, &Rect { left: 10.0, top: 5.0, right: 30.0, bottom: 25.0 });
        let at = |pixels: &[u8], x: usize, y: usize| <[u8; 3]>::try_from(&pixels[(y * width + x) * 3..][..3]).unwrap();
        // Columns 8 to 32 and rows 3 to 27, in blocks of four.
        assert_eq!(at(&blurred, 8, 3), at(&blurred, 11, 6));
        assert_eq!(at(&blurred, 8, 3), [9, 4, 7]);
        assert_ne!(at(&blurred, 11, 6), at(&blurred, 12, 6));
        for (x, y) in [(7, 10), (32, 10), (20, 2), (20, 27)] {
            assert_eq!(at(&blurred, x, y), at(&picture, x, y), "{x} {y}");
        }
    }

    #[test]
    fn boxes_beyond_the_picture_are_cut() {
        let mut pixels = vec![0, 90, 0, 200, 90, 0];
        pixelate(&mut pixels, 2, 1, &Rect { left: -50.0, top: -50.0, right: 90.0, bottom: 90.0 });
        assert_eq!(pixels, [100, 90, 0, 100, 90, 0]);
        for wrong in [f32::NAN, f32::INFINITY] {
            pixelate(&mut pixels, 2, 1, &Rect { left: wrong, top: 0.0, right: 1.0, bottom: 1.0 });
        }
        pixelate(&mut pixels, 2, 1, &Rect { left: 9.0, top: 0.0, right: 1.0, bottom: 1.0 });
        assert_eq!(pixels, [100, 90, 0, 100, 90, 0]);
    }
}
