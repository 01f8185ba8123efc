//! Charts: curves, points, bars and heat maps, written as PNG or SVG from one description.
//!
//! A [`Chart`] or a [`HeatMap`] says what is to be seen. Laid out, either becomes a [`Drawing`]: lines, boxes, discs
//! and texts at places, which [`Drawing::save`] writes in the form that the file's name asks for. Colours are told
//! apart with and without colour vision. Nothing needs a font file: PNGs have the bitmap fonts of embedded-graphics.

mod axis;
mod drawing;
mod heat;
mod layout;
mod raster;
mod svg;

pub use axis::Axis;
pub use drawing::{Anchor, Drawing, Mark, Rgb};
pub use heat::HeatMap;

/// Colours of series in turn, told apart by everyone (Okabe and Ito 2008), without the yellow, which is too faint on
/// white.
pub const PALETTE: [Rgb; 6] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233]];
/// Of text and axes.
pub const INK: Rgb = [40, 44, 52];
/// Of what stays in the background.
pub const FAINT: Rgb = [186, 191, 199];

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line through the points, broken where one is not finite.
    Line,
    /// The same, dashed.
    Dashed,
    /// A thin line, for one of many.
    Thin,
    /// A disc at each point.
    Points,
    /// A bar from 0 to each point; those of several series stand side by side.
    Bars,
}

/// What belongs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend; without one it is not listed there.
    pub name: String,
    /// Where the points lie.
    pub points: Vec<[f64; 2]>,
    /// How they are drawn.
    pub style: Style,
    /// Without one, the next of the [`PALETTE`].
    pub colour: Option<Rgb>,
    /// Texts beside the points, in their order; there may be fewer.
    pub labels: Vec<String>,
}

impl Series {
    /// A series without labels whose colour is the next one.
    pub fn new(name: impl Into<String>, style: Style, points: Vec<[f64; 2]>) -> Series {
        Series { name: name.into(), points, style, colour: None, labels: Vec::new() }
    }

    /// In a colour.
    pub fn coloured(self, colour: Rgb) -> Series {
        Series { colour: Some(colour), ..self }
    }
}

/// One of the fields that a chart has above each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// The vertical axis; its label stands above the panel.
    pub y: Axis,
    /// What is drawn, the first below the others.
    pub series: Vec<Series>,
    /// Stretches of the horizontal axis with a ground of another colour.
    pub shades: Vec<[f64; 2]>,
    /// Its height, in proportion to that of the others.
    pub weight: f64,
}

impl Panel {
    /// A panel as high as another.
    pub fn new(y: Axis, series: Vec<Series>) -> Panel {
        Panel { y, series, shades: Vec::new(), weight: 1.0 }
    }
}

/// Panels over one horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Above everything.
    pub title: String,
    /// Below the title.
    pub subtitle: String,
    /// The horizontal axis of all panels.
    pub x: Axis,
    /// From above to below.
    pub panels: Vec<Panel>,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// What shades mean, where there is any.
    pub shade_label: String,
}

impl Chart {
    /// A chart of one panel.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis, series: Vec<Series>) -> Chart {
        Chart {
            title: title.into(),
            subtitle: String::new(),
            x,
            panels: vec![Panel::new(y, series)],
            size: [960, 620],
            shade_label: String::new(),
        }
    }

    /// Lays the chart out.
    pub fn draw(&self) -> Drawing {
        layout::chart(self)
    }
}
