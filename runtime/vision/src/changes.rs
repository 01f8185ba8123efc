//! Which parts of a screen differ from what it shows: few rectangles, each no larger than what changed in it.
//!
//! The screen is divided into tiles. Changed tiles side by side become a run, runs of the same columns one below the other a
//! rectangle, and each is cut down to the pixels that changed.

/// Pixels along a side of a tile: an area costs about as much to announce as this many pixels squared to send.
const TILE: usize = 8;

/// A part of a screen in pixels; right and bottom are the first beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Leftmost column.
    pub left: usize,
    /// Topmost row.
    pub top: usize,
    /// The column after the last.
    pub right: usize,
    /// The row after the last.
    pub bottom: usize,
}

impl Area {
    /// Columns.
    pub fn width(&self) -> usize {
        self.right - self.left
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.bottom - self.top
    }

    /// The area's part of row `y` of pixels of three bytes, rows of `width` pixels.
    pub fn row<'a>(&self, y: usize, width: usize, pixels: &'a [u8]) -> &'a [[u8; 3]] {
        pixels[(y * width + self.left) * 3..(y * width + self.right) * 3].as_chunks().0
    }
}

/// What a screen shows, and what differs from it.
#[derive(Debug)]
pub struct Changes {
    size: [usize; 2],
    shown: Vec<u8>,
    known: bool,
    areas: Vec<Area>,
    /// Areas, by their place in `areas`, that ended in the last row of tiles.
    open: Vec<usize>,
    /// Those of this row.
    next: Vec<usize>,
}

impl Changes {
    /// Of a screen of that size, of which nobody knows what it shows.
    pub fn new(size: [usize; 2]) -> Changes {
        let [width, height] = size;
        // Between two areas of a row lies at least a tile.
        let most = width.div_ceil(TILE).div_ceil(2);
        Changes {
            size,
            // Anything but zeros, which the system would hand out only when they are first written, and so in the loop.
            shown: vec![0xFF; width * height * 3],
            known: false,
            areas: Vec::with_capacity(most * height.div_ceil(TILE)),
            open: Vec::with_capacity(most),
            next: Vec::with_capacity(most),
        }
    }

    /// Takes it that the screen may show anything.
    pub fn forget(&mut self) {
        self.known = false;
    }

    /// The areas in which `pixels`, rows of three bytes a pixel, differ from what the screen shows. They are taken to be shown
    /// from now on. Does not allocate.
    #[inline(never)]
    pub fn of(&mut self, pixels: &[u8]) -> &[Area] {
        let [width, height] = self.size;
        self.areas.clear();
        if !self.known {
            self.areas.push(Area { left: 0, top: 0, right: width, bottom: height });
            self.known = true;
        } else {
            self.open.clear();
            for top in (0..height).step_by(TILE) {
                self.row_of_tiles(top, (top + TILE).min(height), pixels);
            }
            let (areas, shown) = (&mut self.areas, &self.shown);
            areas.iter_mut().for_each(|area| cut(area, width, pixels, shown));
        }
        self.shown.copy_from_slice(pixels);
        &self.areas
    }

    fn row_of_tiles(&mut self, top: usize, bottom: usize, pixels: &[u8]) {
        let width = self.size[0];
        let differs = |left: usize| {
            let right = (left + TILE).min(width);
            (top..bottom).any(|y| {
                let part = (y * width + left) * 3..(y * width + right) * 3;
                pixels[part.clone()] != self.shown[part]
            })
        };
        self.next.clear();
        let mut left = 0;
        while left < width {
            if !differs(left) {
                left += TILE;
                continue;
            }
            let mut right = left + TILE;
            while right < width && differs(right) {
                right += TILE;
            }
            let right_edge = right.min(width);
            let goes_on = |&&index: &&usize| (self.areas[index].left, self.areas[index].right) == (left, right_edge);
            match self.open.iter().find(goes_on) {
                Some(&index) => {
                    self.areas[index].bottom = bottom;
                    self.next.push(index);
                }
                None => {
                    self.next.push(self.areas.len());
                    self.areas.push(Area { left, top, right: right_edge, bottom });
                }
            }
            left = right;
        }
        std::mem::swap(&mut self.open, &mut self.next);
    }
}

/// Cuts an area that has a change down to its changed pixels.
fn cut(area: &mut Area, width: usize, pixels: &[u8], shown: &[u8]) {
    let changed_row = |y: &usize| area.row(*y, width, pixels) != area.row(*y, width, shown);
    let top = (area.top..area.bottom).find(changed_row).unwrap_or(area.top);
    let bottom = (top..area.bottom).rev().find(changed_row).map_or(area.bottom, |y| y + 1);
    let changed_column = |x: &usize| {
        (top..bottom).any(|y| {
            let at = (y * width + x) * 3;
            pixels[at..at + 3] != shown[at..at + 3]
        })
    };
    let left = (area.left..area.right).find(changed_column).unwrap_or(area.left);
    let right = (left..area.right).rev().find(changed_column).map_or(area.right, |x| x + 1);
    *area = Area { left, top, right, bottom };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_changed_rectangle_is_one_area_of_its_size() {
        let mut changes = Changes::new([50, 40]);
        let mut pixels = vec![0; 50 * 40 * 3];
        assert_eq!(changes.of(&pixels), [Area { left: 0, top: 0, right: 50, bottom: 40 }], "nothing is known at first");
        assert_eq!(changes.of(&pixels), []);
        for y in 5..30 {
            pixels[(y * 50 + 3) * 3..(y * 50 + 49) * 3].fill(9);
        }
        assert_eq!(changes.of(&pixels), [Area { left: 3, top: 5, right: 49, bottom: 30 }]);
        pixels[0] = 1;
        *pixels.last_mut().unwrap() = 1;
        let corners =
            [Area { left: 0, top: 0, right: 1, bottom: 1 }, Area { left: 49, top: 39, right: 50, bottom: 40 }];
        assert_eq!(changes.of(&pixels), corners);
        changes.forget();
        assert_eq!(changes.of(&pixels).len(), 1);
    }

    proptest! {
        /// Who paints the areas onto what was there has what is there now, and paints nothing twice.
        #[test]
        fn areas_cover_all_changes_once(
            size in [1usize..70, 1usize..50],
            spots in proptest::collection::vec((0usize..3500, any::<u8>()), 0..40),
        ) {
            let [width, height] = size;
            let before = vec![7u8; width * height * 3];
            let mut now = before.clone();
            for (at, value) in spots {
                let at = at % (width * height);
                now[at * 3] = value;
            }
            let mut changes = Changes::new(size);
            changes.of(&before);
            let capacity = changes.areas.capacity();
            let areas = changes.of(&now).to_vec();
            prop_assert_eq!(changes.areas.capacity(), capacity);
            let mut painted = before;
            let mut times = vec![0; width * height];
            for area in &areas {
                prop_assert!(area.left < area.right && area.right <= width, "{:?}", area);
                prop_assert!(area.top < area.bottom && area.bottom <= height, "{:?}", area);
                for y in area.top..area.bottom {
                    let part = (y * width + area.left) * 3..(y * width + area.right) * 3;
                    painted[part.clone()].copy_from_slice(&now[part]);
                    times[y * width + area.left..y * width + area.right].iter_mut().for_each(|count| *count += 1);
                }
            }
            prop_assert_eq!(painted, now);
            prop_assert!(times.iter().all(|&count| count <= 1));
        }
    }
}
