//! An area where nothing counts: a street behind the fence, a screen, a neighbour's window.

use super::{Anchor, Polygon};
use crate::vision::geometry::Rect;

/// What is painted over has this brightness.
const GREY: u8 = 96;

/// An area where nothing counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// Where it is.
    pub area: Polygon,
    /// Which point of a box has to be in it for the box not to count.
    pub anchor: Anchor,
    /// Whether it is painted over in every picture that anybody gets to see.
    pub hide: bool,
}

impl Mask {
    /// Whether a box in a picture of `width` × `height` does not count.
    pub fn covers(&self, rect: &Rect, [width, height]: [usize; 2]) -> bool {
        let [x, y] = self.anchor.of(rect);
        self.area.contains([x / width as f32, y / height as f32])
    }

    /// Paints over what lies in it, in rows of red, green and blue.
    pub fn paint(&self, rgb: &mut [u8], width: usize, height: usize) {
        for (y, row) in rgb.chunks_exact_mut((3 * width).max(3)).take(height).enumerate() {
            for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let centre = [(x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32];
                if self.area.contains(centre) {
                    *pixel = [GREY; 3];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_it_does_not_count_and_is_painted_over() {
        let area = Polygon::new(vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]).unwrap();
        let mask = Mask { area, anchor: Anchor::Feet, hide: true };
        assert!(mask.covers(&Rect { left: 5.0, top: 0.0, right: 8.0, bottom: 2.0 }, [8, 2]));
        assert!(!mask.covers(&Rect { left: 0.0, top: 0.0, right: 7.0, bottom: 2.0 }, [8, 2]));
        let mut rgb = vec![7; 4 * 2 * 3];
        mask.paint(&mut rgb, 4, 2);
        assert_eq!(rgb.chunks(3).map(|pixel| pixel[0]).collect::<Vec<_>>(), [7, 7, 96, 96, 7, 7, 96, 96]);
        mask.paint(&mut [], 0, 0);
    }
}
