//! A frame in very small, by which near-copies of it are told.

/// Cells along each side.
const SIDE: usize = 16;
/// Two pictures of which no cell differs by more than this, of 255, are copies of each other. The noise of a camera averages
/// out within a cell; what moves into one does not.
const SAME: u8 = 10;

/// Mean brightness of 16 × 16 parts of a picture, each 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thumbnail([u8; SIDE * SIDE]);

impl Thumbnail {
    /// Of rows of red, green and blue without gaps. Parts of less than a pixel take the nearest.
    #[inline(never)]
    pub fn new(rgb: &[u8], width: usize, height: usize) -> Thumbnail {
        let part = |index: usize, side: usize| {
            let first = index * side / SIDE;
            first..((index + 1) * side / SIDE).max(first + 1).min(side)
        };
        let mut cells = [0; SIDE * SIDE];
        for (place, cell) in cells.iter_mut().enumerate() {
            let (mut sum, mut count) = (0u64, 0u64);
            for y in part(place / SIDE, height) {
                let columns = part(place % SIDE, width);
                let row = rgb.get((y * width + columns.start) * 3..(y * width + columns.end) * 3).unwrap_or_default();
                sum += row.iter().map(|&byte| u64::from(byte)).sum::<u64>();
                count += row.len() as u64;
            }
            *cell = (sum / count.max(1)) as u8;
        }
        Thumbnail(cells)
    }

    /// Whether nothing that is worth keeping twice tells the two apart.
    #[inline(never)]
    pub fn is_copy_of(&self, other: &Thumbnail) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a.abs_diff(*b) <= SAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_a_copy_and_what_moves_is_not() {
        let (width, height) = (64, 48);
        let flat = vec![100u8; width * height * 3];
        let noisy: Vec<u8> = (0..flat.len()).map(|i| if i % 2 == 0 { 110 } else { 90 }).collect();
        let mut moved = flat.clone();
        // A dark square of 4 × 3 pixels, just one cell.
        for (y, x) in (3..6).flat_map(|y| (8..12).map(move |x| (y, x))) {
            moved[(y * width + x) * 3..][..3].fill(20);
        }
        let of = |pixels: &[u8]| Thumbnail::new(pixels, width, height);
        assert!(of(&flat).is_copy_of(&of(&noisy)));
        assert!(!of(&flat).is_copy_of(&of(&moved)));
        assert_eq!(of(&flat).0, [100; 256]);
    }

    #[test]
    fn the_smallest_picture_has_one() {
        assert_eq!(Thumbnail::new(&[1, 2, 3], 1, 1).0, [2; 256]);
        assert_eq!(Thumbnail::new(&[], 0, 0).0, [0; 256]);
    }
}
