//! Where a box will be: a Kalman filter in which everything goes on as it did.
//!
//! The state is that of SORT (Bewley et al. 2016) with the box's own width and height, as in BoT-SORT (Aharon et al. 2022),
//! and noise that grows with the box, as in DeepSORT (Wojke et al. 2017, whose weights 1/20 and 1/160 these are). Position and
//! speed of one coordinate have nothing to do with those of another, neither in the motion nor in the noise, so the
//! filter of eight dimensions is exactly four of two, and there is no matrix to invert.

use crate::geometry::Rect;

/// Standard deviation of where a box is seen, and of how much it strays from its course in a frame, in sides.
const POSITION: f32 = 1.0 / 20.0;
/// Standard deviation of how much a speed changes in a frame, in sides a frame.
const SPEED: f32 = 1.0 / 160.0;
/// Smallest side that noise is reckoned by, in pixels: a box without any would be stuck.
const LEAST_SIDE: f32 = 1.0;

/// A coordinate, its speed a frame, and how sure both are.
#[derive(Clone, Copy, Debug, Default)]
struct Coordinate {
    position: f32,
    speed: f32,
    /// Variance of the position.
    position_variance: f32,
    /// Covariance of position and speed.
    covariance: f32,
    /// Variance of the speed.
    speed_variance: f32,
}

impl Coordinate {
    fn new(position: f32, side: f32) -> Coordinate {
        let (place, speed) = (2.0 * POSITION * side, 10.0 * SPEED * side);
        Coordinate {
            position,
            speed: 0.0,
            position_variance: place * place,
            covariance: 0.0,
            speed_variance: speed * speed,
        }
    }

    fn predict(&mut self, frames: f32, side: f32) {
        let (place, speed) = (POSITION * side, SPEED * side);
        self.position += frames * self.speed;
        self.position_variance +=
            frames * (2.0 * self.covariance + frames * self.speed_variance) + frames * place * place;
        self.covariance += frames * self.speed_variance;
        self.speed_variance += frames * speed * speed;
    }

    fn correct(&mut self, seen: f32, side: f32) {
        let noise = POSITION * side;
        let innovation = self.position_variance + noise * noise;
        let (gain, speed_gain) = (self.position_variance / innovation, self.covariance / innovation);
        let error = seen - self.position;
        self.position += gain * error;
        self.speed += speed_gain * error;
        self.speed_variance -= speed_gain * self.covariance;
        self.position_variance *= 1.0 - gain;
        self.covariance *= 1.0 - gain;
    }
}

/// A box that moves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Motion {
    centre: [Coordinate; 2],
    size: [Coordinate; 2],
}

impl Motion {
    /// A box that was seen once, and may go anywhere.
    pub fn new(rect: &Rect) -> Motion {
        let side = side(rect);
        let (centre, size) = split(rect);
        Motion {
            centre: centre.map(|value| Coordinate::new(value, side)),
            size: size.map(|value| Coordinate::new(value, side)),
        }
    }

    /// Goes on by so many frames. A box that nobody sees keeps its size, where `seen` is false: grown from the noise
    /// of its last sides it would soon cover half the picture.
    pub fn predict(&mut self, frames: f32, seen: bool) {
        let side = side(&self.rect());
        self.centre.iter_mut().for_each(|coordinate| coordinate.predict(frames, side));
        for coordinate in &mut self.size {
            if !seen {
                coordinate.speed = 0.0;
            }
            coordinate.predict(frames, side);
        }
    }

    /// Takes in where the box is seen.
    pub fn correct(&mut self, rect: &Rect) {
        let side = side(&self.rect());
        let (centre, size) = split(rect);
        let pairs = self.centre.iter_mut().zip(centre).chain(self.size.iter_mut().zip(size));
        pairs.for_each(|(coordinate, seen)| coordinate.correct(seen, side));
    }

    /// Where the box is, in pixels.
    pub fn rect(&self) -> Rect {
        let ([x, y], [width, height]) = (self.centre, self.size);
        Rect::around(x.position, y.position, width.position.max(0.0), height.position.max(0.0))
    }

    /// Pixels that the centre moves in a frame, to the right and down.
    pub fn speed(&self) -> [f32; 2] {
        self.centre.map(|coordinate| coordinate.speed)
    }
}

/// The longer side, which for people is the height that published noise is reckoned by.
fn side(rect: &Rect) -> f32 {
    rect.width().max(rect.height()).max(LEAST_SIDE)
}

fn split(rect: &Rect) -> ([f32; 2], [f32; 2]) {
    let centre = [0.5 * (rect.left + rect.right), 0.5 * (rect.top + rect.bottom)];
    (centre, [rect.width(), rect.height()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_walks_is_expected_where_it_walks() {
        let at = |frame: f32| Rect::around(100.0 + 5.0 * frame, 50.0 - 2.0 * frame, 20.0, 60.0);
        let mut motion = Motion::new(&at(0.0));
        for frame in 1..30 {
            motion.predict(1.0, true);
            motion.correct(&at(frame as f32));
        }
        let [right, down] = motion.speed();
        assert!((right - 5.0).abs() < 0.05 && (down + 2.0).abs() < 0.05, "{right} {down}");
        // Ten frames at once are as good as ten, for the place.
        let (mut at_once, mut one_by_one) = (motion, motion);
        at_once.predict(10.0, false);
        (0..10).for_each(|_| one_by_one.predict(1.0, false));
        for motion in [at_once, one_by_one] {
            assert!(motion.rect().iou(&at(39.0)) > 0.9, "{:?}", motion.rect());
        }
    }

    #[test]
    fn the_filter_is_that_of_eight_dimensions() {
        // Two steps of x, written out by hand for a box of side 60: q = 3², r = 3², p0 = 6², v0 = 3.75², qv = 0.375².
        let mut motion = Motion::new(&Rect::around(100.0, 50.0, 20.0, 60.0));
        motion.predict(1.0, true);
        let variance = 36.0 + 14.062_5 + 9.0;
        let gain = variance / (variance + 9.0);
        let speed_gain = 14.062_5 / (variance + 9.0);
        motion.correct(&Rect::around(110.0, 50.0, 20.0, 60.0));
        let rect = motion.rect();
        assert!((0.5 * (rect.left + rect.right) - (100.0 + 10.0 * gain)).abs() < 1e-3);
        assert!((motion.speed()[0] - 10.0 * speed_gain).abs() < 1e-4);
        assert!(motion.speed()[1].abs() < 1e-6);
    }

    #[test]
    fn sizes_never_turn_inside_out() {
        let mut motion = Motion::new(&Rect::around(0.0, 0.0, 50.0, 50.0));
        for side in [40.0, 20.0, 5.0, 1.0] {
            motion.predict(1.0, true);
            motion.correct(&Rect::around(0.0, 0.0, side, side));
        }
        motion.predict(50.0, true);
        assert!(motion.rect().width() >= 0.0 && motion.rect().is_finite());
    }
}
