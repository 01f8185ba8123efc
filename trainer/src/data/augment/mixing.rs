//! Changes that take other pictures in, or cover parts: same-place paste, mosaic, mixup, cutout.

use std::sync::Arc;

use super::affine::{Affine, draw};
use super::canvas::{Canvas, Target};
use super::settings::Augmentation;
use crate::data::rng::Rng;
use crate::data::sample::{Label, Mixed, Sample};
use crate::data::store::Pictures;

impl Augmentation {
    /// Copies objects from other pictures of the same size to the same pixels, with a margin around them. Where that would cut
    /// through an object, it is not done; what it covers by half or more loses its box, and what it brings along brings its own.
    pub(super) fn paste(&self, sample: &mut Sample, pictures: &dyn Pictures, rng: &mut Rng) {
        for _ in 0..1 + rng.below(self.paste_count.max(1) as usize) {
            let Some(from) = another(pictures, rng) else { continue };
            let same = (from.width, from.height, from.channels) == (sample.width, sample.height, sample.channels);
            let choice = rng.below(from.boxes.len());
            let Some(label) = from.boxes.get(choice).filter(|label| same && !label.ignored) else { continue };
            let (across, down) = (0.15 * label.width(), 0.1 * label.height());
            let region = Label {
                bounds: [
                    (label.bounds[0] - across).floor(),
                    (label.bounds[1] - down).floor(),
                    (label.bounds[2] + across).ceil(),
                    (label.bounds[3] + down).ceil(),
                ],
                ..*label
            };
            let region = region.clipped(sample.width, sample.height);
            let covered = |label: &Label| common(label.bounds, region.bounds) / label.area().max(f32::MIN_POSITIVE);
            let cut = sample.boxes.iter().any(|label| !label.ignored && (0.1..0.9).contains(&covered(label)));
            let [left, top, right, bottom] = region.bounds.map(|edge| edge as usize);
            if cut || right < left + 3 || bottom < top + 3 {
                continue;
            }
            sample.boxes.retain(|label| covered(label) < 0.5);
            sample.boxes.extend(from.boxes.iter().filter(|label| covered(label) > 0.6));
            let row = (right - left) * sample.channels;
            for y in top..bottom {
                let start = (y * sample.width + left) * sample.channels;
                sample.pixels[start..start + row].copy_from_slice(&from.pixels[start..start + row]);
            }
        }
    }

    /// Four pictures around a random point of the middle, the one asked for in a random corner, each zoomed on its own, with an
    /// inner corner at the point.
    pub(super) fn mosaic(&self, first: &Sample, pictures: &dyn Pictures, target: &Target, rng: &mut Rng) -> Sample {
        let (width, height) = (target.width, target.height);
        let middle = |side: usize, rng: &mut Rng| (side as f32 * rng.range(0.3, 0.7)).round() as usize;
        let (x, y) = (middle(width, rng), middle(height, rng));
        let place = rng.below(4);
        let mut canvas = Canvas::new(width, height, target.channels, target.border(self.fill));
        let mut boxes = Vec::new();
        for tile in 0..4 {
            let other;
            let sample = if tile == place {
                first
            } else {
                other = another(pictures, rng);
                let Some(other) = &other else { continue };
                other
            };
            let (right, below) = (tile % 2 == 1, tile / 2 == 1);
            let clip = [
                if right { x } else { 0 },
                if below { y } else { 0 },
                if right { width } else { x },
                if below { height } else { y },
            ];
            let base = target.mapping(sample).scale.map(f64::from);
            let zoom = f64::from(rng.log_range(self.mosaic_scale[0], self.mosaic_scale[1]))
                * f64::from(rng.log_range(self.scale[0], self.scale[1]));
            let scale = base.map(|scale| scale * zoom);
            let size = [sample.width as f64 * scale[0], sample.height as f64 * scale[1]];
            let corner =
                [if right { x as f64 } else { x as f64 - size[0] }, if below { y as f64 } else { y as f64 - size[1] }];
            let mut map = Affine::axes(scale, corner);
            if rng.chance(self.flip) {
                map = Affine::axes([-1.0, 1.0], [sample.width as f64, 0.0]).then(map);
            }
            if rng.chance(self.flip_vertical) {
                map = Affine::axes([1.0, -1.0], [0.0, sample.height as f64]).then(map);
            }
            draw(sample, &map, &mut canvas, clip);
            boxes.extend(sample.boxes.iter().filter_map(|&label| map.label(label, clip, self.visible, self.smallest)));
        }
        // Four pictures show no one thing.
        canvas.finish(boxes, None)
    }

    /// Blends with a picture of the same size. Boxes of both stay; of classes, the second is kept with its share.
    pub(super) fn mixup(&self, sample: &mut Sample, other: Sample, rng: &mut Rng) {
        let share = beta(self.mixup_alpha, rng);
        let share = share.min(1.0 - share);
        let weight = (share * 256.0).round() as u32;
        for (value, other) in sample.pixels.iter_mut().zip(&other.pixels) {
            *value = ((u32::from(*value) * (256 - weight) + u32::from(*other) * weight + 128) >> 8) as u8;
        }
        sample.boxes.extend(other.boxes);
        sample.mixed = other.class.map(|class| Mixed { class, share });
    }

    /// Covers rectangles. What they hide too much of loses its box.
    pub(super) fn cutout(&self, sample: &mut Sample, rng: &mut Rng) {
        let mut holes = Vec::new();
        for _ in 0..1 + rng.below(self.cutout_count.max(1) as usize) {
            let mut side = |length: usize| {
                let size =
                    (length as f32 * rng.range(0.05_f32.min(self.cutout_size), self.cutout_size)).round() as usize;
                let start = rng.below(length + 1 - size.min(length));
                (start, (start + size).min(length))
            };
            let ((left, right), (top, bottom)) = (side(sample.width), side(sample.height));
            for y in top..bottom {
                let row = &mut sample.pixels[y * sample.width * sample.channels..];
                row[left * sample.channels..right * sample.channels].fill(self.fill);
            }
            holes.push([left as f32, top as f32, right as f32, bottom as f32]);
        }
        let hidden =
            |label: &Label| holes.iter().map(|&hole| common(label.bounds, hole)).sum::<f32>() / label.area().max(1e-6);
        sample.boxes.retain(|label| label.ignored || 1.0 - hidden(label) >= self.visible);
    }
}

/// A random picture. One that cannot be read is passed over: it is counted when its own turn comes.
fn another(pictures: &dyn Pictures, rng: &mut Rng) -> Option<Arc<Sample>> {
    (0..4).find_map(|_| pictures.picture(rng.below(pictures.count())).ok())
}

/// The area that two boxes share.
fn common(a: [f32; 4], b: [f32; 4]) -> f32 {
    (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0)
}

/// A number from Beta(α, α): X / (X + Y) of two from Gamma(α).
fn beta(alpha: f32, rng: &mut Rng) -> f32 {
    let (x, y) = (gamma(alpha, rng), gamma(alpha, rng));
    if x + y > 0.0 { x / (x + y) } else { 0.5 }
}

/// A number from Gamma(shape, 1) (Marsaglia and Tsang 2000); below 1 by Gamma(shape + 1) · U^(1/shape).
fn gamma(shape: f32, rng: &mut Rng) -> f32 {
    if shape < 1.0 {
        return gamma(shape + 1.0, rng) * rng.unit().powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - rng.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retort::contract::Resize;

    /// A dark picture with a bright object.
    fn picture(bounds: [usize; 4], bright: u8) -> Arc<Sample> {
        let [left, top, right, bottom] = bounds;
        let inside = |i: usize| (left..right).contains(&(i % 40)) && (top..bottom).contains(&(i / 40));
        let pixels = (0..1200).map(|i| if inside(i) { bright } else { 10 }).collect();
        let boxes = vec![Label::new(0, bounds.map(|edge| edge as f32))];
        Arc::new(Sample { channels: 1, boxes, class: Some(usize::from(bright)), ..Sample::rgb(40, 30, pixels) })
    }

    #[test]
    fn objects_are_pasted_where_they_were() {
        let pictures = vec![picture([2, 2, 12, 12], 100), picture([20, 10, 30, 25], 200)];
        let settings = Augmentation { paste_count: 6, ..Default::default() };
        let mut seen = 0;
        for seed in 0..20 {
            let mut sample = (*pictures[0]).clone();
            settings.paste(&mut sample, &pictures, &mut Rng::new(&[seed]));
            assert_eq!(sample.pixels[5 * 40 + 5], 100);
            let pasted = sample.pixels[15 * 40 + 25] == 200;
            seen += usize::from(pasted);
            // However often it is pasted, it is there once.
            assert_eq!(sample.boxes.len(), 1 + usize::from(pasted), "{seed}");
        }
        assert!(seen > 10);
    }

    #[test]
    fn nothing_is_pasted_through_an_object() {
        let pictures = vec![picture([10, 5, 30, 25], 100), picture([20, 10, 40, 28], 200)];
        let settings = Augmentation { paste_count: 6, ..Default::default() };
        for seed in 0..20 {
            let mut sample = (*pictures[0]).clone();
            settings.paste(&mut sample, &pictures, &mut Rng::new(&[seed]));
            assert_eq!(sample, *pictures[0]);
        }
    }

    #[test]
    fn tiles_of_a_mosaic_carry_their_boxes() {
        let pictures = vec![picture([4, 4, 20, 20], 200), picture([10, 10, 35, 28], 200)];
        let target = Target { width: 64, height: 48, channels: 1, resize: Resize::Stretch };
        let settings = Augmentation { flip: 0.5, flip_vertical: 0.5, fill: 0, visible: 0.5, ..Default::default() };
        let mut boxes = 0;
        for seed in 0..40 {
            let drawn = settings.mosaic(&pictures[0], &pictures, &target, &mut Rng::new(&[seed]));
            boxes += drawn.boxes.len();
            for label in &drawn.boxes {
                let [left, top, right, bottom] = label.bounds;
                let inside = |x: f32, y: f32| drawn.pixels[y as usize * 64 + x as usize];
                let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
                assert_eq!(inside(x, y), 200, "{seed} {label:?}");
                assert!(left >= 0.0 && top >= 0.0 && right <= 64.0 && bottom <= 48.0);
            }
        }
        assert!(boxes > 60, "{boxes}");
    }

    #[test]
    fn mixtures_are_weighted_and_keep_both_answers() {
        let settings = Augmentation { mixup_alpha: 2.0, ..Default::default() };
        let mut sample = (*picture([0, 0, 40, 30], 100)).clone();
        settings.mixup(&mut sample, (*picture([0, 0, 40, 30], 200)).clone(), &mut Rng::new(&[5]));
        let mixed = sample.mixed.expect("a second class");
        assert!(mixed.share > 0.0 && mixed.share <= 0.5 && mixed.class == 200 && sample.boxes.len() == 2);
        let expected = 100.0 + 100.0 * mixed.share;
        assert!((f32::from(sample.pixels[0]) - expected).abs() <= 1.0);
    }

    #[test]
    fn what_is_covered_loses_its_box() {
        let settings = Augmentation { cutout_size: 1.0, cutout_count: 3, visible: 0.5, fill: 0, ..Default::default() };
        let mut kept = 0;
        for seed in 0..50 {
            let mut sample = (*picture([10, 10, 20, 20], 100)).clone();
            settings.cutout(&mut sample, &mut Rng::new(&[seed]));
            let shown = sample.pixels.iter().filter(|&&value| value == 100).count();
            // Holes may overlap, which counts double.
            assert!(shown >= 50 || sample.boxes.is_empty(), "{seed} {shown}");
            kept += sample.boxes.len();
        }
        assert!(kept > 5 && kept < 50);
    }

    #[test]
    fn beta_has_its_moments() {
        for alpha in [0.3, 1.0, 4.0] {
            let mut rng = Rng::new(&[9]);
            let draws: Vec<f32> = (0..20_000).map(|_| beta(alpha, &mut rng)).collect();
            let mean = draws.iter().sum::<f32>() / 20_000.0;
            let variance = draws.iter().map(|x| (x - 0.5).powi(2)).sum::<f32>() / 20_000.0;
            assert!((mean - 0.5).abs() < 0.01, "{alpha} {mean}");
            assert!((variance * 4.0 * (2.0 * alpha + 1.0) - 1.0).abs() < 0.05, "{alpha} {variance}");
        }
    }
}
