//! What a program prints of the picture: the same bytes on every machine, so that a board can be held against a computer.

use core::fmt;

use retort_core::plan::crc32;

use crate::detector::{Detector, Error, SIDE};
use crate::found::Found;
use crate::scene;

/// What was seen of [`scene::THINGS`].
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// CRC-32 of the picture's bytes.
    pub picture: u32,
    /// CRC-32 of the network's raw outputs, see [`Detector::output_crc32`].
    pub output: u32,
    /// What was found.
    pub found: &'a Found,
    /// How long it took from a drawn picture to objects, in ticks of the clock. Not part of the text.
    pub ticks: u64,
}

impl<'a> Report<'a> {
    /// Draws the scene, and looks at it. `now` reads a clock.
    ///
    /// # Errors
    /// Those of [`Detector::detect`].
    pub fn of(detector: &'a mut Detector<'_>, mut now: impl FnMut() -> u64) -> Result<Report<'a>, Error> {
        let (mut picture, mut begun) = (0, 0);
        detector.detect(|pixels| {
            scene::draw(pixels, SIDE, &scene::THINGS);
            picture = crc32(pixels);
            begun = now();
        })?;
        let ticks = now().wrapping_sub(begun);
        Ok(Report { picture, output: detector.output_crc32()?, found: detector.found(), ticks })
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "picture   {:08x} crc32", self.picture)?;
        writeln!(f, "output    {:08x} crc32", self.output)?;
        for object in self.found.objects() {
            writeln!(f, "{object}")?;
        }
        Ok(())
    }
}
