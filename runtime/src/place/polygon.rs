//! Areas bounded by straight lines, and what is on which side of them.

use serde::{Deserialize, Serialize};

/// A place in the picture: shares of its width and height, 0 to 1 from the top left.
pub type Point = [f32; 2];

/// The most corners that an area may have.
const MOST_CORNERS: usize = 64;
/// An area smaller than this share of the picture is taken for a slip.
const LEAST_AREA: f32 = 1e-5;

/// Why points make no place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Too few of them, or too many.
    #[error("has {0} corners; give 3 to {MOST_CORNERS}")]
    Corners(usize),
    /// One lies outside of the picture.
    #[error("[{0}, {1}] is outside of the picture; points are shares of its width and height, 0 to 1")]
    Outside(f32, f32),
    /// Sides cross each other.
    #[error("side {0} crosses side {1}; give the corners in their order around the area")]
    Crossing(usize, usize),
    /// There is nothing between the points.
    #[error("covers no area")]
    Empty,
    /// Both ends of a line are one.
    #[error("ends where it begins")]
    NoLength,
}

/// An area without crossing sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Point>", into = "Vec<Point>")]
pub struct Polygon {
    corners: Vec<Point>,
}

impl Polygon {
    /// The area between corners, which are given in their order around it.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(corners: Vec<Point>) -> Result<Polygon, Problem> {
        let count = corners.len();
        if !(3..=MOST_CORNERS).contains(&count) {
            return Err(Problem::Corners(count));
        }
        corners.iter().try_for_each(within)?;
        let side = |i: usize| (corners[i], corners[(i + 1) % count]);
        for i in 0..count {
            for j in i + 2..count {
                // The last side and the first share a corner.
                let neighbours = i == 0 && j == count - 1;
                if !neighbours && segments_meet(side(i), side(j)) {
                    return Err(Problem::Crossing(i + 1, j + 1));
                }
            }
        }
        let polygon = Polygon { corners };
        if polygon.area() < LEAST_AREA { Err(Problem::Empty) } else { Ok(polygon) }
    }

    /// The whole picture.
    pub fn whole() -> Polygon {
        Polygon { corners: vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]] }
    }

    /// Its corners.
    pub fn corners(&self) -> &[Point] {
        &self.corners
    }

    /// Its share of the picture, 0 to 1 (the shoelace formula).
    pub fn area(&self) -> f32 {
        0.5 * self.sides().map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f32>().abs()
    }

    /// Whether a point is in it, by how often a ray to the right meets its sides. What is outside of the picture counts as if
    /// it were on its edge: feet below the lower edge stand in a zone that reaches it.
    pub fn contains(&self, point: Point) -> bool {
        // Just inside of the edge, so that a side along the edge has the point on its inner side.
        let [x, y] = point.map(|share| share.clamp(1e-4, 1.0 - 1e-4));
        let meets =
            |(a, b): (Point, Point)| (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
        self.sides().filter(|&side| meets(side)).count() % 2 == 1
    }

    fn sides(&self) -> impl Iterator<Item = (Point, Point)> {
        let next = self.corners.iter().cycle().skip(1);
        self.corners.iter().copied().zip(next.copied())
    }
}

impl TryFrom<Vec<Point>> for Polygon {
    type Error = Problem;

    fn try_from(corners: Vec<Point>) -> Result<Polygon, Problem> {
        Polygon::new(corners)
    }
}

impl From<Polygon> for Vec<Point> {
    fn from(polygon: Polygon) -> Vec<Point> {
        polygon.corners
    }
}

/// Requires of a point that it is in the picture.
pub(super) fn within(point: &Point) -> Result<(), Problem> {
    let inside = point.iter().all(|share| (0.0..=1.0).contains(share));
    if inside { Ok(()) } else { Err(Problem::Outside(point[0], point[1])) }
}

/// Twice the area of the triangle `a`, `b`, `c`: positive where `c` is to the right of somebody who stands at `a` and looks at `b`,
/// as y goes down.
pub(super) fn turn(a: Point, b: Point, c: Point) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// Whether two segments have a point in common.
pub(super) fn segments_meet((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let (c_side, d_side) = (turn(a, b, c), turn(a, b, d));
    let (a_side, b_side) = (turn(c, d, a), turn(c, d, b));
    if c_side * d_side < 0.0 && a_side * b_side < 0.0 {
        return true;
    }
    // One end lies on the other segment.
    let on = |side: f32, from: Point, to: Point, point: Point| {
        let between = |axis: usize| (from[axis].min(to[axis])..=from[axis].max(to[axis])).contains(&point[axis]);
        side == 0.0 && between(0) && between(1)
    };
    on(c_side, a, b, c) || on(d_side, a, b, d) || on(a_side, c, d, a) || on(b_side, c, d, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_area_is_refused() {
        let refused = |corners: &[Point]| Polygon::new(corners.to_vec()).unwrap_err();
        assert_eq!(refused(&[[0.0, 0.0], [1.0, 1.0]]), Problem::Corners(2));
        assert_eq!(refused(&[[0.0, 0.0], [1.0, 0.0], [0.5, 1.5]]), Problem::Outside(0.5, 1.5));
        assert!(matches!(refused(&[[0.0, 0.0], [f32::NAN, 0.0], [0.5, 0.5]]), Problem::Outside(..)));
        assert_eq!(refused(&[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), Problem::Crossing(1, 3));
        assert_eq!(refused(&[[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]]), Problem::Empty);
    }

    #[test]
    fn an_area_with_a_dent_does_not_contain_the_dent() {
        let polygon = Polygon::new(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.3], [0.0, 1.0]]).unwrap();
        assert!(polygon.contains([0.5, 0.2]) && polygon.contains([0.1, 0.7]));
        assert!(!polygon.contains([0.5, 0.6]));
        assert!((polygon.area() - 0.65).abs() < 1e-6);
    }

    #[test]
    fn feet_below_the_picture_stand_on_its_edge() {
        assert!(Polygon::whole().contains([0.3, 1.2]));
        assert!(Polygon::whole().contains([0.0, 0.0]) && Polygon::whole().contains([1.0, 1.0]));
        let upper = Polygon::new(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 0.5], [0.0, 0.5]]).unwrap();
        assert!(!upper.contains([0.3, 1.2]));
    }

    #[test]
    fn right_is_where_the_right_hand_is() {
        // Down the picture's middle: the right hand is at the picture's left.
        assert!(turn([0.5, 0.0], [0.5, 1.0], [0.2, 0.5]) > 0.0);
        assert!(turn([0.5, 0.0], [0.5, 1.0], [0.8, 0.5]) < 0.0);
    }

    proptest! {
        /// A triangle contains what lies on one side of all its sides, and nothing else.
        #[test]
        fn triangles_contain_what_is_on_one_side_of_all_their_sides(
            corners in prop::array::uniform3(prop::array::uniform2(0.01f32..0.99)),
            point in prop::array::uniform2(0.01f32..0.99),
        ) {
            let Ok(polygon) = Polygon::new(corners.to_vec()) else { return Ok(()) };
            let [a, b, c] = corners;
            let sides = [turn(a, b, point), turn(b, c, point), turn(c, a, point)];
            // What is on a side but for rounding may count either way.
            prop_assume!(sides.iter().all(|side| side.abs() > 1e-5));
            let inside = sides.iter().all(|&side| side > 0.0) || sides.iter().all(|&side| side < 0.0);
            prop_assert_eq!(polygon.contains(point), inside);
        }
    }
}
