//! Stopgap until the real ones come.
#![allow(missing_docs)]
use super::*;
use crate::data::Rng;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Augmentation { pub turns: bool, pub jitter: f32, pub shift: usize }

impl Augmentation {
    pub fn recoloured(&self, mut s: Sample, rng: &mut Rng) -> Sample {
        if self.jitter == 0.0 { return s; }
        let k = self.jitter;
        let contrast = 1.0 + k * rng.range(-0.4, 0.4);
        let gain: [f32; 3] = std::array::from_fn(|_| contrast * (1.0 + k * rng.range(-0.15, 0.15)));
        let offset = 0.5 * (1.0 - contrast) + k * rng.range(-0.2, 0.2);
        let t: [[u8; 256]; 3] = gain.map(|g| std::array::from_fn(|b| ((b as f32 / 255.0 * g + offset).clamp(0.0, 1.0) * 255.0 + 0.5) as u8));
        let c = s.channels;
        s.pixels.iter_mut().enumerate().for_each(|(i, p)| *p = t[i % c][*p as usize]);
        s
    }
    pub fn apply(&self, s: Sample, rng: &mut Rng) -> Sample {
        let mut s = s;
        if self.turns { s = Turn::random(rng).fitting([s.height, s.width]).sample(&s); }
        if self.shift > 0 {
            let n = self.shift;
            let (dx, dy) = (rng.below(2 * n + 1) as isize - n as isize, rng.below(2 * n + 1) as isize - n as isize);
            let mut p = vec![0; s.pixels.len()];
            for y in 0..s.height as isize { for x in 0..s.width as isize {
                let (sx, sy) = (x + dx, y + dy);
                if sx >= 0 && sy >= 0 && sx < s.width as isize && sy < s.height as isize {
                    for c in 0..s.channels { p[(y as usize * s.width + x as usize) * s.channels + c] = s.pixels[(sy as usize * s.width + sx as usize) * s.channels + c]; }
                }
            } }
            s.pixels = p;
        }
        self.recoloured(s, rng)
    }
}

pub struct Prefetch;
impl Prefetch {
    pub fn new(_threads: usize, _ahead: usize) -> Prefetch { Prefetch }
    pub fn run<T: Send, E>(&self, steps: std::ops::Range<usize>, make: impl Fn(usize) -> T + Send + Sync, mut take: impl FnMut(usize, T) -> Result<bool, E>) -> Result<(), E> {
        std::thread::scope(|scope| {
            let (send, receive) = std::sync::mpsc::sync_channel(4);
            scope.spawn(move || { for step in steps { if send.send((step, make(step))).is_err() { return; } } });
            while let Ok((step, item)) = receive.recv() { if !take(step, item)? { break; } }
            drop(receive);
            Ok(())
        })
    }
}

pub fn picture(s: &Sample) -> Vec<f32> { s.pixels.iter().map(|&b| f32::from(b) / 255.0).collect() }

#[derive(Clone, Copy)]
pub struct Resample { pub width: usize, pub height: usize, pub channels: usize, pub stretch: bool }
impl Resample {
    pub fn fit(&self, s: &Sample) -> Sample {
        let s = s.clone().with_channels(self.channels);
        assert_eq!((s.width, s.height), (self.width, self.height), "stopgap cannot resize");
        s
    }
}
pub struct LeftOut(usize);
impl LeftOut { pub fn is_empty(&self) -> bool { self.0 == 0 } pub fn words(&self) -> String { format!("{} left out", self.0) } }
impl Collection {
    pub fn usable(self, _labels: bool) -> Result<(Collection, LeftOut), DataError> { Ok((self, LeftOut(0))) }
    pub fn divide(&mut self, shares: [f32; 2], seed: u64) {
        let mut v = [self.items.iter().any(|i| i.part == Some(Part::Validation)), self.items.iter().any(|i| i.part == Some(Part::Test))];
        let mut order: Vec<usize> = (0..self.items.len()).filter(|&i| self.items[i].part.is_none_or(|p| p == Part::Train)).collect();
        Rng::new(&[seed, 0xd1]).shuffle(&mut order);
        for i in &order { self.items[*i].part = Some(Part::Train); }
        let n = order.len();
        for (k, part) in [(1, Part::Test), (0, Part::Validation)] {
            if v[k] { continue; }
            v[k] = true;
            let count = (n as f32 * shares[k]) as usize;
            for i in order.drain(..count) { self.items[i].part = Some(part); }
        }
    }
}
impl Sample {
    pub fn frame(&self) -> Result<retort::vision::frame::Frame<'_>, retort::Error> {
        use retort::vision::frame::{Frame, PixelFormat};
        let format = if self.channels == 1 { PixelFormat::Grey8 } else { PixelFormat::Rgb8 };
        Frame::new(&self.pixels, format, self.width, self.height, self.width * self.channels, std::time::Duration::ZERO)
    }
    pub fn shares(&self, classes: usize) -> Option<Vec<f32>> {
        let class = self.class?;
        let mut shares = vec![0.0; classes];
        *shares.get_mut(class)? = 1.0;
        Some(shares)
    }
}
