//! Changes of pictures that their labels follow.
//!
//! [`Augmentation`] says what may happen, [`Target`] what a network wants. A picture is copied from memory, objects are pasted
//! into it, and all that moves it (letterbox, crop, zoom, rotation, mirroring, shift) is one affine map and one resampling
//! into the target; then come the changes of colour and what cameras do. Without any change, the target is what the runtime's
//! preprocessing makes, byte for byte.

mod affine;
mod camera;
mod canvas;
mod colour;
mod mixing;
mod settings;
mod turn;

pub use canvas::Target;
pub use settings::Augmentation;
pub use turn::Turn;

use affine::{Affine, draw};
use canvas::Canvas;

use super::error::DataError;
use super::rng::Rng;
use super::sample::Sample;
use super::store::Pictures;

impl Augmentation {
    /// Picture `index`, changed by what `rng` draws, as `target` wants it. The generator should depend on nothing but the seed,
    /// the epoch and the index, so that the result does, too: `Rng::new(&[seed, epoch, index])`.
    ///
    /// # Errors
    /// Those of loading the picture. Others that are to be mixed with it, and cannot be read, are passed over.
    pub fn apply(
        &self,
        pictures: &dyn Pictures,
        index: usize,
        target: &Target,
        rng: &mut Rng,
    ) -> Result<Sample, DataError> {
        let mut sample = self.compose(pictures, index, target, rng)?;
        if rng.chance(self.mixup) && pictures.count() > 1 {
            // One that cannot be read is counted when its own turn comes.
            if let Ok(other) = self.compose(pictures, rng.below(pictures.count()), target, rng) {
                self.mixup(&mut sample, other, rng);
            }
        }
        if rng.chance(self.cutout) {
            self.cutout(&mut sample, rng);
        }
        self.recolour(&mut sample, rng);
        self.degrade(&mut sample, rng);
        Ok(sample)
    }

    /// Everything that moves pixels.
    fn compose(
        &self,
        pictures: &dyn Pictures,
        index: usize,
        target: &Target,
        rng: &mut Rng,
    ) -> Result<Sample, DataError> {
        let stored = pictures.picture(index)?;
        let pasted;
        let mut sample: &Sample = &stored;
        if rng.chance(self.paste) {
            let mut copy = sample.clone();
            self.paste(&mut copy, pictures, rng);
            pasted = copy;
            sample = &pasted;
        }
        if rng.chance(self.mosaic) {
            return Ok(self.mosaic(sample, pictures, target, rng));
        }
        if !self.moves() {
            return target.fit(sample);
        }
        let map = self.placement(sample, target, rng);
        let clip = [0, 0, target.width, target.height];
        let mut canvas = Canvas::new(target.width, target.height, target.channels, target.border(self.fill));
        draw(sample, &map, &mut canvas, clip);
        let boxes = sample.boxes.iter().filter_map(|&label| map.label(label, clip, self.visible, self.smallest));
        Ok(canvas.finish(boxes.collect(), sample.class))
    }

    /// Where the picture comes to lie in the target.
    fn placement(&self, sample: &Sample, target: &Target, rng: &mut Rng) -> Affine {
        let (width, height) = (target.width as f64, target.height as f64);
        let mut map = if rng.chance(self.crop) {
            self.part(sample, target, rng)
        } else {
            let mapping = target.mapping(sample);
            Affine::axes(mapping.scale.map(f64::from), mapping.offset.map(f64::from))
        };
        let middle = [width / 2.0, height / 2.0];
        let zoom = f64::from(rng.log_range(self.scale[0], self.scale[1]));
        let aspect = f64::from(rng.log_range(1.0 / self.aspect, self.aspect)).sqrt();
        let (mut across, mut down) = (zoom * aspect, zoom / aspect);
        if rng.chance(self.flip) {
            across = -across;
        }
        if rng.chance(self.flip_vertical) {
            down = -down;
        }
        map = map.then(Affine::about(middle, [[across, 0.0], [0.0, down]]));
        if rng.chance(self.turn) {
            let index = rng.below(if target.width == target.height { 8 } else { 4 });
            let sign = |bit: usize| if index & bit != 0 { -1.0 } else { 1.0 };
            let mirrored = [[sign(1), 0.0], [0.0, sign(2)]];
            map = map.then(Affine::about(middle, mirrored));
            if index & 4 != 0 {
                map = map.then(Affine::about(middle, [[0.0, 1.0], [1.0, 0.0]]));
            }
        }
        if self.rotate > 0.0 {
            let (sin, cos) = f64::from(rng.range(-self.rotate, self.rotate)).to_radians().sin_cos();
            map = map.then(Affine::about(middle, [[cos, -sin], [sin, cos]]));
        }
        let mut shift = |side: f64| {
            let whole = rng.below(2 * self.jitter as usize + 1) as f64 - f64::from(self.jitter);
            f64::from(rng.range(-self.translate, self.translate)) * side + whole
        };
        let by = [shift(width), shift(height)];
        map.shifted(by)
    }

    /// A random part of the picture, stretched over the target.
    fn part(&self, sample: &Sample, target: &Target, rng: &mut Rng) -> Affine {
        let (width, height) = (sample.width as f64, sample.height as f64);
        let area = f64::from(rng.range(self.crop_area[0], self.crop_area[1])) * width * height;
        let aspect = f64::from(rng.log_range(1.0 / self.crop_aspect, self.crop_aspect));
        let (part_width, part_height) = ((area * aspect).sqrt().min(width), (area / aspect).sqrt().min(height));
        let left = f64::from(rng.unit()) * (width - part_width);
        let top = f64::from(rng.unit()) * (height - part_height);
        let scale = [target.width as f64 / part_width, target.height as f64 / part_height];
        Affine::axes(scale, [-left * scale[0], -top * scale[1]])
    }
}

#[cfg(test)]
mod tests;
