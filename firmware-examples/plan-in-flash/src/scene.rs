//! Draws a picture of shapes on a plain ground, straight into the memory it is given.

use core::f32::consts::TAU;

/// Points a pixel along each axis of which the share inside a shape is its coverage.
const FINENESS: usize = 3;

/// The most corners of a shape.
const CORNERS: usize = 12;

/// What a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A disc.
    Circle,
    /// A disc with a hole of 0.6 times its radius.
    Ring,
    /// Four equal sides.
    Square,
    /// Three equal sides.
    Triangle,
    /// Five points.
    Star,
    /// Two crossed bars.
    Cross,
}

/// A thing to draw.
#[derive(Clone, Copy, Debug)]
pub struct Thing {
    /// What it is.
    pub shape: Shape,
    /// Its middle, in pixels from the left and the top edge.
    pub centre: [f32; 2],
    /// The radius of the circle around it, in pixels.
    pub radius: f32,
    /// How far it is turned clockwise, in turns.
    pub turn: f32,
    /// Red, green and blue, 0 to 255.
    pub colour: [f32; 3],
}

/// The picture that the program looks at.
pub const THINGS: [Thing; 4] = [
    Thing { shape: Shape::Circle, centre: [32.0, 34.0], radius: 20.0, turn: 0.0, colour: [64.0, 96.0, 200.0] },
    Thing { shape: Shape::Square, centre: [92.0, 36.0], radius: 20.0, turn: 0.07, colour: [240.0, 240.0, 235.0] },
    Thing { shape: Shape::Ring, centre: [36.0, 94.0], radius: 17.0, turn: 0.0, colour: [60.0, 170.0, 90.0] },
    Thing { shape: Shape::Cross, centre: [94.0, 92.0], radius: 24.0, turn: 0.12, colour: [214.0, 70.0, 58.0] },
];

impl Thing {
    /// The corners of an angular shape, as many as it has, from its centre.
    fn corners(&self) -> ([[f32; 2]; CORNERS], usize) {
        // A cross's arms end at these angles either side of a quarter turn; they meet where half their width is from both
        // axes.
        let (half_turn, half_width) = (libm::atanf(0.32) / TAU, libm::sinf(libm::atanf(0.32)));
        let inner = half_width * core::f32::consts::SQRT_2;
        let corner = |index: usize| match self.shape {
            Shape::Circle | Shape::Ring => (0.0, 0.0),
            Shape::Square => (index as f32 / 4.0, 1.0),
            Shape::Triangle => (index as f32 / 3.0, 1.0),
            Shape::Star => (index as f32 / 10.0, if index.is_multiple_of(2) { 1.0 } else { 0.47 }),
            Shape::Cross => {
                let arm = (index / 3) as f32 / 4.0;
                [(arm - half_turn, 1.0), (arm + half_turn, 1.0), (arm + 0.125, inner)][index % 3]
            }
        };
        let count = match self.shape {
            Shape::Circle | Shape::Ring => 0,
            Shape::Square => 4,
            Shape::Triangle => 3,
            Shape::Star => 10,
            Shape::Cross => 12,
        };
        let place = |(turn, share): (f32, f32)| {
            let (sine, cosine) = libm::sincosf((self.turn + turn) * TAU);
            [self.radius * share * cosine, self.radius * share * sine]
        };
        (core::array::from_fn(|index| place(corner(index))), count)
    }

    /// Left, top, right and bottom edge.
    pub fn edges(&self) -> [f32; 4] {
        let [x, y] = self.centre;
        let (corners, count) = self.corners();
        if count == 0 {
            return [x - self.radius, y - self.radius, x + self.radius, y + self.radius];
        }
        let first = [corners[0][0], corners[0][1], corners[0][0], corners[0][1]];
        let [left, top, right, bottom] =
            corners[..count].iter().fold(first, |[a, b, c, d], &[x, y]| [a.min(x), b.min(y), c.max(x), d.max(y)]);
        [x + left, y + top, x + right, y + bottom]
    }
}

/// Whether the point is within the polygon: whether a ray from it crosses the border an odd number of times.
fn within(corners: &[[f32; 2]], [x, y]: [f32; 2]) -> bool {
    let mut inside = false;
    for (index, &[ax, ay]) in corners.iter().enumerate() {
        let [bx, by] = corners[(index + 1) % corners.len()];
        if (ay > y) != (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax) {
            inside = !inside;
        }
    }
    inside
}

/// Draws `things` over a ground that is lit from the upper left: `width` pixels a row, three bytes a pixel.
pub fn draw(pixels: &mut [u8], width: usize, things: &[Thing]) {
    let rows = pixels.chunks_exact_mut(width * 3);
    for (y, row) in rows.enumerate() {
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let light = 1.1 - 0.3 * (x + y) as f32 / (2 * width) as f32;
            *pixel = [148.0, 140.0, 128.0].map(|value| (value * light) as u8);
        }
    }
    for thing in things {
        paint(pixels, width, thing);
    }
}

fn paint(pixels: &mut [u8], width: usize, thing: &Thing) {
    let (corners, count) = thing.corners();
    let squared = thing.radius * thing.radius;
    let inside = |point: [f32; 2]| {
        let distance = point[0] * point[0] + point[1] * point[1];
        match thing.shape {
            Shape::Circle => distance <= squared,
            Shape::Ring => distance <= squared && distance >= 0.36 * squared,
            _ => within(&corners[..count], point),
        }
    };
    for (y, row) in pixels.chunks_exact_mut(width * 3).enumerate() {
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let point = |index: usize| {
                let [x, y] = [x * FINENESS + index % FINENESS, y * FINENESS + index / FINENESS];
                let place = |fine: usize| (fine as f32 + 0.5) / FINENESS as f32;
                [place(x) - thing.centre[0], place(y) - thing.centre[1]]
            };
            let covered = (0..FINENESS * FINENESS).filter(|&index| inside(point(index))).count();
            let share = covered as f32 / (FINENESS * FINENESS) as f32;
            for (value, colour) in pixel.iter_mut().zip(thing.colour) {
                *value = (f32::from(*value) * (1.0 - share) + colour * share) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The area of a shape that fills a picture of 96 × 96 pixels, over that of its square; and its edges.
    fn drawn(shape: Shape) -> (f32, [f32; 4]) {
        let thing = Thing { shape, centre: [48.0; 2], radius: 48.0, turn: 0.0, colour: [255.0; 3] };
        let mut pixels = [0; 96 * 96 * 3];
        paint(&mut pixels, 96, &thing);
        (pixels.iter().map(|&value| f32::from(value) / 255.0).sum::<f32>() / pixels.len() as f32, thing.edges())
    }

    #[test]
    fn shapes_cover_the_area_that_geometry_gives_them() {
        let pi = core::f32::consts::PI;
        for (shape, area) in [
            (Shape::Circle, pi / 4.0),
            (Shape::Ring, pi / 4.0 * (1.0 - 0.36)),
            (Shape::Square, 0.5),
            // 3/4 · √3 · r², 5 · r² · 0.47 · sin 36°, and two bars of 2 cos a by 2 sin a less the square they share.
            (Shape::Triangle, 0.75 * 1.7320508 / 4.0),
            (Shape::Star, 10.0 / 2.0 * 0.47 * 0.58778525 / 4.0),
            (Shape::Cross, (8.0 * 0.95243 * 0.30478 - 4.0 * 0.30478 * 0.30478) / 4.0),
        ] {
            let (found, edges) = drawn(shape);
            assert!((found - area).abs() < 0.01, "{shape:?}: {found} instead of {area}");
            assert!(edges.iter().all(|edge| (-0.01..96.01).contains(edge)), "{shape:?}: {edges:?}");
        }
        assert_eq!(drawn(Shape::Circle).1, [0.0, 0.0, 96.0, 96.0]);
    }
}
