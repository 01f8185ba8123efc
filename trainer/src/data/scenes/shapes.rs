//! The things in a scene: the classes to be found, and distractors that must not be.
//!
//! embedded-graphics draws each into a mask several times finer than the picture, from which come the soft edges, the
//! tight box and what one shape hides of another.

use std::f32::consts::TAU;

use embedded_graphics::Pixel;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle, Rectangle, Sector, Triangle};

use crate::data::Rng;

/// Classes in the order of their numbers.
pub const CLASSES: [&str; 6] = ["circle", "ring", "square", "triangle", "star", "cross"];

/// The outline of a thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outline {
    /// Class 0.
    Circle,
    /// Class 1; the hole's share of the radius.
    Ring(f32),
    /// Class 2.
    Square,
    /// Class 3, equilateral.
    Triangle,
    /// Class 4, five points; the inner radius's share of the outer.
    Star(f32),
    /// Class 5; the arms' share of the width.
    Cross(f32),
    /// A distractor: a disc with a piece cut out, in degrees.
    Wedge(f32),
    /// A distractor: a straight stroke; its thickness's share of the length.
    Bar(f32),
    /// A distractor: six equal sides.
    Hexagon,
}

impl Outline {
    /// An outline of a class, with random proportions.
    pub fn of_class(class: usize, rng: &mut Rng) -> Outline {
        match class {
            0 => Outline::Circle,
            1 => Outline::Ring(rng.range(0.45, 0.72)),
            2 => Outline::Square,
            3 => Outline::Triangle,
            4 => Outline::Star(rng.range(0.4, 0.55)),
            _ => Outline::Cross(rng.range(0.24, 0.4)),
        }
    }

    /// A random distractor.
    pub fn distractor(rng: &mut Rng) -> Outline {
        match rng.below(3) {
            0 => Outline::Wedge(rng.range(150.0, 250.0)),
            1 => Outline::Bar(rng.range(0.1, 0.3)),
            _ => Outline::Hexagon,
        }
    }

    /// The class number, or nothing for a distractor.
    pub fn class(self) -> Option<usize> {
        match self {
            Outline::Circle => Some(0),
            Outline::Ring(_) => Some(1),
            Outline::Square => Some(2),
            Outline::Triangle => Some(3),
            Outline::Star(_) => Some(4),
            Outline::Cross(_) => Some(5),
            Outline::Wedge(_) | Outline::Bar(_) | Outline::Hexagon => None,
        }
    }

    /// Draws the outline about `centre` with the circumscribed circle's `radius`, turned by `angle` radians.
    pub fn draw(self, mask: &mut Mask, centre: (f32, f32), radius: f32, angle: f32) {
        let at = |turn: f32, share: f32| {
            let (sin, cos) = (angle + turn * TAU).sin_cos();
            let (x, y) = (centre.0 + radius * share * cos, centre.1 + radius * share * sin);
            Point::new(x.round() as i32, y.round() as i32)
        };
        let middle = at(0.0, 0.0);
        let on = PrimitiveStyle::with_fill(BinaryColor::On);
        let disc = |share: f32| Circle::with_center(middle, (2.0 * radius * share).round().max(1.0) as u32);
        let fan = |mask: &mut Mask, corners: &[Point]| {
            for (i, &corner) in corners.iter().enumerate() {
                let next = corners[(i + 1) % corners.len()];
                let _ = Triangle::new(middle, corner, next).into_styled(on).draw(mask);
            }
        };
        let polygon = |sides: usize| (0..sides).map(|i| at(i as f32 / sides as f32, 1.0)).collect::<Vec<_>>();
        match self {
            Outline::Circle => {
                let _ = disc(1.0).into_styled(on).draw(mask);
            }
            Outline::Ring(hole) => {
                let _ = disc(1.0).into_styled(on).draw(mask);
                let _ = disc(hole).into_styled(PrimitiveStyle::with_fill(BinaryColor::Off)).draw(mask);
            }
            Outline::Square => fan(mask, &polygon(4)),
            Outline::Triangle => fan(mask, &polygon(3)),
            Outline::Hexagon => fan(mask, &polygon(6)),
            Outline::Star(inner) => {
                let points: Vec<Point> =
                    (0..10).map(|i| at(i as f32 / 10.0, if i % 2 == 0 { 1.0 } else { inner })).collect();
                fan(mask, &points);
            }
            Outline::Cross(arm) => {
                // Two bars of length 2r·cos a and width 2r·sin a share the circumscribed circle.
                let corner = (arm).atan() / TAU;
                for quarter in [0.0, 0.25] {
                    let bar = [corner, 0.5 - corner, 0.5 + corner, 1.0 - corner].map(|turn| at(turn + quarter, 1.0));
                    fan(mask, &bar);
                }
            }
            Outline::Wedge(sweep) => {
                let sector = Sector::with_center(
                    middle,
                    (2.0 * radius).round().max(1.0) as u32,
                    angle.to_degrees().deg(),
                    sweep.deg(),
                );
                let _ = sector.into_styled(on).draw(mask);
            }
            Outline::Bar(thickness) => {
                let stroke = PrimitiveStyle::with_stroke(BinaryColor::On, (2.0 * radius * thickness).max(1.0) as u32);
                let _ = Line::new(at(0.0, 1.0 - thickness), at(0.5, 1.0 - thickness)).into_styled(stroke).draw(mask);
            }
        }
    }
}

/// One bit a point, `side × side`.
#[derive(Clone, Debug)]
pub struct Mask {
    side: usize,
    bits: Vec<bool>,
}

impl Mask {
    /// An empty mask.
    pub fn new(side: usize) -> Mask {
        Mask { side, bits: vec![false; side * side] }
    }

    /// The smallest box around what is set, as left, top, right and bottom edges; nothing if nothing is.
    pub fn extent(&self) -> Option<[usize; 4]> {
        let mut extent: Option<[usize; 4]> = None;
        for (y, row) in self.bits.chunks_exact(self.side.max(1)).enumerate() {
            let Some(first) = row.iter().position(|&bit| bit) else { continue };
            let last = row.iter().rposition(|&bit| bit).unwrap_or(first);
            let e = extent.get_or_insert([first, y, last + 1, y + 1]);
            *e = [e[0].min(first), e[1], e[2].max(last + 1), y + 1];
        }
        extent
    }

    /// Share of set points in each `step × step` square, row by row.
    pub fn coverage(&self, step: usize) -> Vec<f32> {
        let side = self.side / step;
        let mut coverage = vec![0.0; side * side];
        let weight = 1.0 / (step * step) as f32;
        for (y, row) in self.bits.chunks_exact(self.side.max(1)).take(side * step).enumerate() {
            let target = &mut coverage[y / step * side..][..side];
            for (value, square) in target.iter_mut().zip(row.chunks_exact(step)) {
                *value += square.iter().filter(|&&bit| bit).count() as f32 * weight;
            }
        }
        coverage
    }
}

impl OriginDimensions for Mask {
    fn size(&self) -> Size {
        Size::new(self.side as u32, self.side as u32)
    }
}

impl DrawTarget for Mask {
    type Color = BinaryColor;
    type Error = core::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        for Pixel(point, colour) in pixels {
            if let (Ok(x), Ok(y)) = (usize::try_from(point.x), usize::try_from(point.y))
                && x < self.side
                && y < self.side
            {
                self.bits[y * self.side + x] = colour.is_on();
            }
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: BinaryColor) -> Result<(), Self::Error> {
        let area = area.intersection(&self.bounding_box());
        let (left, width) = (area.top_left.x as usize, area.size.width as usize);
        for y in area.rows() {
            self.bits[y as usize * self.side + left..][..width].fill(colour.is_on());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_draws_within_its_circle() {
        let mut rng = Rng::new(&[3]);
        for class in 0..CLASSES.len() {
            let outline = Outline::of_class(class, &mut rng);
            assert_eq!(outline.class(), Some(class));
            let mut mask = Mask::new(100);
            outline.draw(&mut mask, (50.0, 50.0), 40.0, 0.3);
            let [left, top, right, bottom] = mask.extent().expect("something is drawn");
            assert!(left >= 9 && top >= 9 && right <= 92 && bottom <= 92, "{outline:?} {left} {top} {right} {bottom}");
            assert!(right - left > 55 && bottom - top > 55, "{outline:?}");
        }
    }

    #[test]
    fn coverage_is_the_area() {
        let mut mask = Mask::new(80);
        Outline::Circle.draw(&mut mask, (40.0, 40.0), 30.0, 0.0);
        let area: f32 = mask.coverage(4).iter().sum::<f32>() * 16.0;
        assert!((area / (std::f32::consts::PI * 900.0) - 1.0).abs() < 0.03, "{area}");
    }
}
