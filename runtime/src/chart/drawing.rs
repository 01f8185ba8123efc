//! A laid out chart: marks at places, in pixels from the top left corner.

use std::path::Path;

use super::{raster, svg};
use crate::error::Error;

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// Which part of a text lies at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

/// Something to draw.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A line through points.
    Line {
        /// From the first to the last.
        points: Vec<[f64; 2]>,
        /// In pixels.
        width: f64,
        /// Its colour.
        colour: Rgb,
        /// Whether it is dashed.
        dashed: bool,
    },
    /// A filled box.
    Box {
        /// Its left and top edge.
        at: [f64; 2],
        /// Width and height.
        size: [f64; 2],
        /// Its colour.
        colour: Rgb,
    },
    /// A filled disc.
    Disc {
        /// Its centre.
        at: [f64; 2],
        /// Its radius.
        radius: f64,
        /// Its colour.
        colour: Rgb,
    },
    /// A line of text, vertically centred about its place.
    Text {
        /// Where its anchor lies.
        at: [f64; 2],
        /// What it says.
        text: String,
        /// What lies there.
        anchor: Anchor,
        /// Its colour.
        colour: Rgb,
        /// Whether it is bold.
        bold: bool,
        /// Whether it is turned to be read from below to above.
        upright: bool,
    },
}

/// Columns a letter takes, which holds for PNG and is about right for SVG.
pub(super) const LETTER: f64 = 8.0;
/// Rows a line of text takes.
pub(super) const LINE: f64 = 18.0;

/// Pixels that a text takes.
pub(super) fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

/// Everything there is to draw, on white.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// The first below the others.
    pub marks: Vec<Mark>,
}

impl Drawing {
    /// As SVG.
    pub fn svg(&self) -> String {
        svg::svg(self)
    }

    /// As opaque pixels, lines and discs smoothed.
    pub fn pixels(&self) -> image::RgbImage {
        raster::raster(self)
    }

    /// Writes a file: SVG where its name ends so, else PNG.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Picture`], which name the file.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
            return std::fs::write(path, self.svg()).map_err(|source| Error::Io { path: path.into(), source });
        }
        let written = self.pixels().save_with_format(path, image::ImageFormat::Png);
        written.map_err(|error| Error::Picture { path: path.into(), problem: format!("cannot be written: {error}") })
    }

    pub(super) fn text(&mut self, at: [f64; 2], text: impl Into<String>, anchor: Anchor, colour: Rgb) {
        self.marks.push(Mark::Text { at, text: text.into(), anchor, colour, bold: false, upright: false });
    }

    pub(super) fn line(&mut self, from: [f64; 2], to: [f64; 2], colour: Rgb) {
        self.marks.push(Mark::Line { points: vec![from, to], width: 1.0, colour, dashed: false });
    }
}
