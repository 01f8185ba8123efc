//! A scene: objects and distractors strewn on a ground, lit unevenly and taken by an imperfect camera.
//!
//! A scene is described in units of the picture's shorter side, so the same scene can be taken at any size. Everything
//! about it follows from the numbers that seeded it.

use super::ground::{Colour, Ground, Light, hsv, mix};
use super::picture::{Camera, Picture};
use super::shapes::{CLASSES, Mask, Outline};
use crate::data::{Label, Rng, Sample};

/// Mask points along one side of a pixel.
const FINENESS: usize = 3;
/// What others must leave visible of an object.
const VISIBLE: f32 = 0.45;

#[derive(Clone, Debug)]
struct Thing {
    outline: Outline,
    centre: (f32, f32),
    radius: f32,
    angle: f32,
    colours: [Colour; 2],
    stripes: f32,
    relief: f32,
    shadow: f32,
}

/// A described scene, not yet a picture.
#[derive(Clone, Debug)]
pub struct Scene {
    ground: Ground,
    light: Light,
    camera: Camera,
    things: Vec<Thing>,
    aspect: f32,
}

impl Scene {
    /// The scene named by a path of numbers (seed, split, index), for pictures `aspect` times as wide as high.
    pub fn random(path: &[u64], aspect: f32) -> Scene {
        let mut rng = Rng::new(path);
        let ground = Ground::random(&mut rng);
        let light = Light::random(&mut rng);
        let camera = Camera::random(&mut rng);
        let (width, height) = if aspect >= 1.0 { (aspect, 1.0) } else { (1.0, 1.0 / aspect) };
        // As dense in a wide picture as in a square one.
        let area = width * height;
        let objects = ((1 + rng.below(7)) as f32 * area).round() as usize;
        let distractors = (rng.below(4) as f32 * area).round() as usize;
        let mut outlines: Vec<Outline> = (0..distractors).map(|_| Outline::distractor(&mut rng)).collect();
        outlines.extend((0..objects).map(|_| Outline::of_class(rng.below(CLASSES.len()), &mut rng)));
        rng.shuffle(&mut outlines);
        let mut scene = Scene { ground, light, camera, things: Vec::new(), aspect };
        for outline in outlines {
            let radius = rng.log_range(0.07, 0.22);
            let centre = (rng.range(0.02, width - 0.02), rng.range(0.02, height - 0.02));
            let thing = Thing {
                outline,
                centre,
                radius,
                angle: rng.range(0.0, std::f32::consts::TAU),
                colours: scene.paint(&mut rng),
                stripes: if rng.chance(0.25) { rng.range(2.0, 5.0) } else { 0.0 },
                relief: rng.range(0.0, 0.8),
                shadow: if rng.chance(0.7) { rng.range(0.2, 0.6) } else { 0.0 },
            };
            if scene.has_room(&thing, width, height) {
                scene.things.push(thing);
            }
        }
        scene
    }

    /// Two related colours that differ enough from the ground to be seen, if sometimes only just.
    fn paint(&self, rng: &mut Rng) -> [Colour; 2] {
        let tone = self.ground.tone();
        let mut colour = tone;
        for _ in 0..16 {
            colour = hsv(rng.unit(), rng.range(0.1, 0.9), rng.range(0.15, 0.98));
            let distance: f32 = colour.iter().zip(tone).map(|(a, b)| (a - b) * (a - b)).sum();
            if distance > 0.1 {
                break;
            }
        }
        let other = mix(colour, hsv(rng.unit(), rng.range(0.0, 0.6), rng.range(0.1, 1.0)), rng.range(0.05, 0.45));
        [colour, other]
    }

    /// Whether a thing, laid on top, leaves enough of itself in the picture and enough of the others visible. Things
    /// are taken for discs here.
    fn has_room(&self, new: &Thing, width: f32, height: f32) -> bool {
        let inside =
            |c: f32, limit: f32| ((c + new.radius).min(limit) - (c - new.radius).max(0.0)) / (2.0 * new.radius);
        if inside(new.centre.0, width) * inside(new.centre.1, height) < 0.6 {
            return false;
        }
        self.things.iter().all(|old| {
            let (dx, dy) = (old.centre.0 - new.centre.0, old.centre.1 - new.centre.1);
            let gap = (dx * dx + dy * dy).sqrt();
            // Of the old one's width along the line between the centres, what the new one does not reach.
            let hidden = (old.radius + new.radius - gap).clamp(0.0, 2.0 * old.radius) / (2.0 * old.radius);
            let covered_before: f32 = 1.0 - VISIBLE;
            hidden < covered_before && gap > 0.6 * new.radius.max(old.radius)
        })
    }

    /// Takes a picture whose shorter side is `side` pixels.
    pub fn render(&self, side: usize) -> Sample {
        let long = |aspect: f32| (side as f32 * aspect).round() as usize;
        let (width, height) =
            if self.aspect >= 1.0 { (long(self.aspect), side) } else { (side, long(1.0 / self.aspect)) };
        let unit = 1.0 / side as f32;
        let place = |pixel: usize| (pixel as f32 + 0.5) * unit;
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            pixels.extend((0..width).map(|x| self.ground.at(place(x), place(y))));
        }
        let mut picture = Picture { width, height, pixels };
        let boxes = self.things.iter().filter_map(|thing| self.lay(thing, &mut picture, side as f32)).collect();
        for (i, pixel) in picture.pixels.iter_mut().enumerate() {
            let light = self.light.at(place(i % width), place(i / width));
            *pixel = pixel.map(|value| value * light);
        }
        Sample { boxes, ..Sample::rgb(width, height, self.camera.develop(picture)) }
    }

    /// Paints one thing and its shadow; its label, if it is of a class.
    fn lay(&self, thing: &Thing, picture: &mut Picture, side: f32) -> Option<Label> {
        let radius = thing.radius * side;
        let soft = (radius * 0.12).max(0.8);
        let margin = (radius * 0.35).ceil() + 2.0;
        let (left, top) =
            ((thing.centre.0 * side - radius - margin).floor(), (thing.centre.1 * side - radius - margin).floor());
        let size = (2.0 * (radius + margin)).ceil() as usize + 1;
        let mut mask = Mask::new(size * FINENESS);
        let fine = FINENESS as f32;
        let centre = ((thing.centre.0 * side - left) * fine, (thing.centre.1 * side - top) * fine);
        thing.outline.draw(&mut mask, centre, radius * fine, thing.angle);
        let coverage = mask.coverage(FINENESS);
        let blurred = soften(&coverage, size, soft);
        let sample = |map: &[f32], x: isize, y: isize| {
            let inside = (0..size as isize).contains(&x) && (0..size as isize).contains(&y);
            if inside { map[y as usize * size + x as usize] } else { 0.0 }
        };
        let (sx, sy) = self.light.shadow();
        let drop = radius * 0.18;
        let (shadow_x, shadow_y) = ((sx * drop).round() as isize, (sy * drop).round() as isize);
        for y in 0..size as isize {
            for x in 0..size as isize {
                let (px, py) = (x + left as isize, y + top as isize);
                if px < 0 || py < 0 || px >= picture.width as isize || py >= picture.height as isize {
                    continue;
                }
                let pixel = &mut picture.pixels[py as usize * picture.width + px as usize];
                let dark = 1.0 - thing.shadow * sample(&blurred, x - shadow_x, y - shadow_y);
                *pixel = pixel.map(|value| value * dark);
                let share = sample(&coverage, x, y);
                if share > 0.0 {
                    let along = ((x as f32 - size as f32 / 2.0) * sx + (y as f32 - size as f32 / 2.0) * sy) / radius;
                    let band = if thing.stripes > 0.0 { (along * thing.stripes * 3.0).sin() } else { along };
                    let mut colour = mix(thing.colours[0], thing.colours[1], (0.5 + 0.5 * band).clamp(0.0, 1.0));
                    // The soft mask's slope towards the light reads as a raised edge.
                    let slope = (sample(&blurred, x + 1, y) - sample(&blurred, x - 1, y)) * sx
                        + (sample(&blurred, x, y + 1) - sample(&blurred, x, y - 1)) * sy;
                    let raised = 1.0 + thing.relief * slope * soft.sqrt();
                    colour = colour.map(|value| (value * raised).clamp(0.0, 1.2));
                    *pixel = mix(*pixel, colour, share);
                }
            }
        }
        let class = thing.outline.class()?;
        let extent = mask.extent()?.map(|edge| edge as f32 / fine);
        let (width, height) = (picture.width as f32, picture.height as f32);
        let bounds = [
            (extent[0] + left).clamp(0.0, width),
            (extent[1] + top).clamp(0.0, height),
            (extent[2] + left).clamp(0.0, width),
            (extent[3] + top).clamp(0.0, height),
        ];
        (bounds[2] > bounds[0] && bounds[3] > bounds[1]).then_some(Label::new(class, bounds))
    }
}

/// A box blur of a square map, twice, by running sums.
fn soften(map: &[f32], size: usize, radius: f32) -> Vec<f32> {
    let reach = radius.round().max(1.0) as usize;
    let mut current = map.to_vec();
    for pass in 0..4 {
        let (step, line) = if pass % 2 == 0 { (1, size) } else { (size, 1) };
        let mut next = vec![0.0; current.len()];
        for start in (0..size).map(|i| i * line) {
            let mut sum: f32 = (0..reach.min(size)).map(|i| current[start + i * step]).sum();
            for i in 0..size {
                if i + reach < size {
                    sum += current[start + (i + reach) * step];
                }
                if i > reach {
                    sum -= current[start + (i - reach - 1) * step];
                }
                next[start + i * step] = sum / (2 * reach + 1) as f32;
            }
        }
        current = next;
    }
    current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_is_fixed_by_its_numbers() {
        let take = |path: &[u64]| Scene::random(path, 1.0).render(64).pixels;
        assert_eq!(take(&[1, 2, 3]), take(&[1, 2, 3]));
        assert_ne!(take(&[1, 2, 3]), take(&[1, 2, 4]));
    }

    #[test]
    fn labels_lie_in_the_picture_and_do_not_depend_on_its_size() {
        let mut seen = [0; CLASSES.len()];
        for index in 0..60 {
            let scene = Scene::random(&[9, index], 1.5);
            let (small, large) = (scene.render(64), scene.render(128));
            assert_eq!((small.width, small.height, small.pixels.len()), (96, 64, 96 * 64 * 3));
            assert_eq!(small.boxes.len(), large.boxes.len());
            for (a, b) in small.boxes.iter().zip(&large.boxes) {
                seen[a.class] += 1;
                assert!(a.bounds[0] >= 0.0 && a.bounds[2] <= 96.0 && a.bounds[1] >= 0.0 && a.bounds[3] <= 64.0);
                for (p, q) in a.bounds.iter().zip(b.bounds) {
                    assert!((2.0 * p - q).abs() < 2.5, "{a:?} {b:?}");
                }
            }
        }
        assert!(seen.iter().all(|&count| count > 10), "{seen:?}");
    }
}
