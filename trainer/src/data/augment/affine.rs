//! Maps of a picture onto another, and the one bilinear resampling that draws through them.

use super::canvas::Canvas;
use crate::data::sample::{Label, Sample, luma};

/// Bits of a weight, as in the runtime's preprocessing.
const BITS: u32 = 11;

/// A map of points: `x' = xx·x + xy·y + x0`, `y' = yx·x + yy·y + y0`, in pixels, the first pixel's top left corner being the
/// origin of both pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub xx: f64,
    pub xy: f64,
    pub x0: f64,
    pub yx: f64,
    pub yy: f64,
    pub y0: f64,
}

impl Affine {
    /// Scales and then shifts each axis on its own.
    pub fn axes(scale: [f64; 2], offset: [f64; 2]) -> Affine {
        Affine { xx: scale[0], xy: 0.0, x0: offset[0], yx: 0.0, yy: scale[1], y0: offset[1] }
    }

    /// A linear map that leaves a point where it is.
    pub fn about([x, y]: [f64; 2], [[xx, xy], [yx, yy]]: [[f64; 2]; 2]) -> Affine {
        Affine { xx, xy, x0: x - xx * x - xy * y, yx, yy, y0: y - yx * x - yy * y }
    }

    /// This map, and then another.
    pub fn then(self, next: Affine) -> Affine {
        let [x0, y0] = next.at([self.x0, self.y0]);
        Affine {
            xx: next.xx * self.xx + next.xy * self.yx,
            xy: next.xx * self.xy + next.xy * self.yy,
            x0,
            yx: next.yx * self.xx + next.yy * self.yx,
            yy: next.yx * self.xy + next.yy * self.yy,
            y0,
        }
    }

    /// This map and then a shift.
    pub fn shifted(self, by: [f64; 2]) -> Affine {
        Affine { x0: self.x0 + by[0], y0: self.y0 + by[1], ..self }
    }

    /// Where a point comes to lie.
    pub fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.xx * x + self.xy * y + self.x0, self.yx * x + self.yy * y + self.y0]
    }

    /// The map back.
    fn inverse(&self) -> Affine {
        let d = self.xx * self.yy - self.xy * self.yx;
        let (xx, xy, yx, yy) = (self.yy / d, -self.xy / d, -self.yx / d, self.xx / d);
        Affine { xx, xy, x0: -xx * self.x0 - xy * self.y0, yx, yy, y0: -yx * self.x0 - yy * self.y0 }
    }

    /// The label where the map puts it: the bounds of its four corners, cut to `clip` (left, top, right, bottom). Nothing where
    /// less than the share `visible` of it stays, or less than `smallest` pixels a side.
    pub fn label(&self, label: Label, clip: [usize; 4], visible: f32, smallest: f32) -> Option<Label> {
        let [left, top, right, bottom] = label.bounds.map(f64::from);
        let corners = [[left, top], [right, top], [left, bottom], [right, bottom]].map(|corner| self.at(corner));
        let edge =
            |axis: usize, pick: fn(f64, f64) -> f64| corners.map(|c| c[axis]).into_iter().fold(corners[0][axis], pick);
        let whole = [edge(0, f64::min), edge(1, f64::min), edge(0, f64::max), edge(1, f64::max)];
        let clip = clip.map(|edge| edge as f64);
        let shown = std::array::from_fn(|i| whole[i].clamp(clip[i % 2], clip[i % 2 + 2]));
        let area = |[left, top, right, bottom]: [f64; 4]| (right - left) * (bottom - top);
        let label = Label { bounds: shown.map(|edge| edge as f32), ..label };
        let stays = area(shown) >= f64::from(visible) * area(whole) && area(shown) > 0.0;
        (stays && label.width() >= smallest && label.height() >= smallest).then_some(label)
    }
}

/// Draws a picture through `map` into the part `clip` (left, top, right, bottom) of a canvas. Bilinear between the four nearest
/// pixel centres, without antialiasing, rounded half up: what the runtime's preprocessing does to every frame. The outermost
/// pixels repeat to the picture's edges, and what lies beyond keeps its colour.
pub(super) fn draw(source: &Sample, map: &Affine, canvas: &mut Canvas, clip: [usize; 4]) {
    match (source.channels, canvas.channels) {
        (1, 1) => resample::<1, 1>(source, map, canvas, clip, |pixel| pixel),
        (1, _) => resample::<1, 3>(source, map, canvas, clip, |[y]| [y; 3]),
        (_, 1) => resample::<3, 1>(source, map, canvas, clip, |pixel| [luma(pixel)]),
        _ => resample::<3, 3>(source, map, canvas, clip, |pixel| pixel),
    }
}

fn resample<const I: usize, const O: usize>(
    source: &Sample,
    map: &Affine,
    canvas: &mut Canvas,
    [left, top, right, bottom]: [usize; 4],
    convert: impl Fn([u8; I]) -> [u8; O],
) {
    let back = map.inverse();
    let (width, height) = (source.width, source.height);
    let pixels = source.pixels.as_chunks::<I>().0;
    let one = f64::from(1 << BITS);
    // The pixel before a place on an axis, whether there is one after it, and the weight of that.
    let between = |place: f64, length: usize| {
        let place = (place - 0.5).clamp(0.0, (length - 1) as f64);
        let low = place as usize;
        (low, usize::from(low + 1 < length), ((place - low as f64) * one).round_ties_even() as u32)
    };
    // Where the map keeps the axes apart, rows and columns are looked up once.
    let straight = back.xy == 0.0 && back.yx == 0.0;
    let columns: Vec<_> = match straight {
        true => (left..right).map(|x| between(back.xx * (x as f64 + 0.5) + back.x0, width)).collect(),
        false => Vec::new(),
    };
    for y in top..bottom {
        let middle = y as f64 + 0.5;
        let (x0, y0) = (back.xy * middle + back.x0, back.yy * middle + back.y0);
        let (first, last) = span([left, right], [(back.xx, x0, width), (back.yx, y0, height)]);
        let row = &mut canvas.pixels[y * canvas.width * O..][..canvas.width * O].as_chunks_mut::<O>().0[first..last];
        let mix = |(x, after, wx): (usize, usize, u32), (y, below, wy): (usize, usize, u32)| {
            let upper = &pixels[y * width + x..][..after + 1];
            let lower = &pixels[(y + below) * width + x..][..after + 1];
            let mixed = |c: usize| {
                let line = |row: &[[u8; I]]| u32::from(row[0][c]) * ((1 << BITS) - wx) + u32::from(row[after][c]) * wx;
                ((line(upper) * ((1 << BITS) - wy) + line(lower) * wy + (1 << (2 * BITS - 1))) >> (2 * BITS)) as u8
            };
            convert(std::array::from_fn(mixed))
        };
        if straight {
            let vertical = between(y0, height);
            for (to, &horizontal) in row.iter_mut().zip(&columns[first - left..]) {
                *to = mix(horizontal, vertical);
            }
        } else {
            for (to, x) in row.iter_mut().zip(first..) {
                let middle = x as f64 + 0.5;
                *to = mix(between(back.xx * middle + x0, width), between(back.yx * middle + y0, height));
            }
        }
    }
}

/// The columns from `left` to `right` whose middles come from within the source: for each axis `slope · x + start` is to lie
/// in 0 to `length`.
fn span([left, right]: [usize; 2], axes: [(f64, f64, usize); 2]) -> (usize, usize) {
    let (mut first, mut last) = (left as f64, right as f64);
    for (slope, start, length) in axes {
        let length = length as f64;
        if slope == 0.0 {
            if !(0.0..length).contains(&start) {
                return (left, left);
            }
            continue;
        }
        let (a, b) = (-start / slope, (length - start) / slope);
        // Middles are at halves.
        first = first.max((a.min(b) - 0.5).ceil());
        last = last.min((a.max(b) - 0.5).floor() + 1.0);
    }
    if first < last { (first as usize, last as usize) } else { (left, left) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_map() -> impl Strategy<Value = Affine> {
        (-180f64..180.0, 0.4f64..2.5, 0.4f64..2.5, any::<bool>(), -10f64..10.0, -10f64..10.0).prop_map(
            |(degrees, sx, sy, mirror, x, y)| {
                let (sin, cos) = degrees.to_radians().sin_cos();
                let sx = if mirror { -sx } else { sx };
                Affine::about([20.0, 15.0], [[cos * sx, -sin * sy], [sin * sx, cos * sy]]).shifted([x, y])
            },
        )
    }

    proptest! {
        #[test]
        fn there_and_back(map in any_map(), x in -50f64..50.0, y in -50f64..50.0) {
            let [bx, by] = map.inverse().at(map.at([x, y]));
            prop_assert!((bx - x).abs() < 1e-9 && (by - y).abs() < 1e-9);
            let [tx, ty] = map.then(map.inverse()).at([x, y]);
            prop_assert!((tx - x).abs() < 1e-9 && (ty - y).abs() < 1e-9);
        }

        /// What is painted in a box and drawn through a map lies in the box that the label becomes, reaches all its sides, and
        /// everything drawn is the source, mixed.
        #[test]
        fn a_painted_box_moves_with_its_label(
            map in any_map(),
            corner in [4usize..20, 4usize..14],
            size in [6usize..16, 6usize..12],
        ) {
            let (width, height) = (40, 30);
            let label = Label::new(0, [corner[0], corner[1], corner[0] + size[0], corner[1] + size[1]].map(|edge| edge as f32));
            let inside = |x: usize, y: usize| (corner[0]..corner[0] + size[0]).contains(&x) && (corner[1]..corner[1] + size[1]).contains(&y);
            let pixels = (0..width * height).map(|i| if inside(i % width, i / width) { 255 } else { 0 }).collect();
            let source = Sample { channels: 1, ..Sample::rgb(width, height, pixels) };
            let mut canvas = Canvas::new(60, 50, 1, 0);
            let clip = [0, 0, 60, 50];
            draw(&source, &map, &mut canvas, clip);
            let moved = map.label(label, clip, 0.0, 0.0);
            let bright = |least: u8| {
                let places = canvas.pixels.iter().enumerate().filter(move |&(_, &value)| value >= least);
                places.map(|(i, _)| (i % 60, i / 60)).collect::<Vec<_>>()
            };
            // Half a source pixel is smeared.
            let slack = 0.5 + 0.5 * (map.xx.abs() + map.xy.abs()).max(map.yx.abs() + map.yy.abs()) as f32;
            for (x, y) in bright(128) {
                let bounds = moved.expect("something shows").bounds;
                let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
                prop_assert!(x > bounds[0] - slack && x < bounds[2] + slack, "{x} {y} {bounds:?}");
                prop_assert!(y > bounds[1] - slack && y < bounds[3] + slack, "{x} {y} {bounds:?}");
            }
            // Straight maps fill the box that the label says.
            let straight = map.xy == 0.0 && map.yx == 0.0;
            if let Some(moved) = moved.filter(|_| straight) {
                let [left, top, right, bottom] = moved.bounds;
                let drawn = bright(128).len() as f32;
                prop_assert!(drawn >= (right - left - 2.0 * slack).max(0.0) * (bottom - top - 2.0 * slack).max(0.0));
            }
        }

        /// Mirrorings, turns by quarters, whole shifts and zooms: every pixel in the label's box is bright, none outside is.
        #[test]
        fn exact_maps_are_exact(turn in 0usize..4, mirror in any::<bool>(), zoom in 1usize..3, x in -9isize..9, y in -9isize..9) {
            let (width, height) = (20, 20);
            let inside = |x: usize, y: usize| (5..12).contains(&x) && (7..17).contains(&y);
            let pixels = (0..400).map(|i| if inside(i % width, i / width) { 255 } else { 0 }).collect();
            let source = Sample { channels: 1, ..Sample::rgb(width, height, pixels) };
            let (cos, sin) = [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)][turn];
            let (zoom, flip) = (zoom as f64, if mirror { -1.0 } else { 1.0 });
            let map = Affine::about([10.0, 10.0], [[zoom * cos * flip, -zoom * sin], [zoom * sin * flip, zoom * cos]]);
            let map = map.shifted([x as f64, y as f64]);
            let mut canvas = Canvas::new(20, 20, 1, 0);
            draw(&source, &map, &mut canvas, [0, 0, 20, 20]);
            let moved = map.label(Label::new(0, [5.0, 7.0, 12.0, 17.0]), [0, 0, 20, 20], 0.0, 0.0);
            for (i, &value) in canvas.pixels.iter().enumerate() {
                let (x, y) = ((i % 20) as f32 + 0.5, (i / 20) as f32 + 0.5);
                let within = moved.is_some_and(|l| x > l.bounds[0] && x < l.bounds[2] && y > l.bounds[1] && y < l.bounds[3]);
                prop_assert_eq!(value >= 128, within, "at {} {} in {:?}", x, y, moved);
            }
        }
    }

    #[test]
    fn what_shows_too_little_loses_its_box() {
        let map = Affine::axes([1.0; 2], [-8.0, 0.0]);
        let label = Label::new(0, [0.0, 0.0, 10.0, 10.0]);
        let clip = [0, 0, 20, 20];
        assert_eq!(map.label(label, clip, 0.19, 2.0).map(|l| l.bounds), Some([0.0, 0.0, 2.0, 10.0]));
        assert_eq!(map.label(label, clip, 0.21, 2.0), None);
        assert_eq!(map.label(label, clip, 0.0, 2.1), None);
        assert_eq!(Affine::axes([1.0; 2], [-30.0, 0.0]).label(label, clip, 0.0, 0.0), None);
    }
}
