//! From borrowed pixels to the input tensor in one pass: resize, colour order, normalisation, quantisation.
//!
//! A resized pixel is rounded to a whole 0 to 255 (half up, as OpenCV rounds), whatever the input holds. What the
//! input gets is then a table's entry: `(pixel - mean) / std` in f32, or for a quantised input
//! `saturate(round_half_even(that / scale) + zero_point)`. So an input quantised here equals one that the graph's
//! QuantizeLinear makes of the floats. The tables are made once; where the pixels are sampled, only when the source
//! changes its size.

use std::ops;

use super::frame::{Frame, PixelFormat, Range};
use super::geometry::Mapping;
use super::lines::Lines;
use super::order::Order;
use super::sample::Grid;
use crate::contract::{Colour, ImageSpec, Resize};
use crate::error::{ContractError, FrameError};
use crate::tensor::{ElementType, Port, Quantisation, TensorMut};

/// Fills a model's image input from frames of any size.
#[derive(Debug)]
pub struct Preprocessor {
    spec: ImageSpec,
    input: [usize; 2],
    /// Channel after channel, not pixel after pixel.
    planes: bool,
    tables: Tables,
    /// The tables' entries are [`Stored::plain`].
    plain: bool,
    placed: Option<Placed>,
    grid: Grid,
    lines: Lines,
}

/// What each value of a pixel becomes, for up to three channels.
type Table<T> = Box<[[T; 256]; 3]>;

/// What an input holds.
trait Stored: Copy + PartialEq {
    /// What a byte becomes where there is nothing to normalise: itself, or for a signed input itself less 128, as with
    /// a scale of 1/255. That needs no table.
    fn plain(byte: u8) -> Self;
}

impl Stored for f32 {
    fn plain(byte: u8) -> f32 {
        f32::from(byte)
    }
}

impl Stored for u8 {
    fn plain(byte: u8) -> u8 {
        byte
    }
}

impl Stored for i8 {
    fn plain(byte: u8) -> i8 {
        (byte ^ 0x80) as i8
    }
}

#[derive(Debug)]
enum Tables {
    F32(Table<f32>),
    U8(Table<u8>),
    I8(Table<i8>),
}

/// The source that the samples are for.
#[derive(Clone, Copy, Debug)]
struct Placed {
    source: [usize; 2],
    format: PixelFormat,
    range: Range,
    mapping: Mapping,
}

impl Preprocessor {
    /// Plans for the image input `port`, which is `[1, channels, height, width]` of f32, u8 or i8 in any memory order.
    ///
    /// # Errors
    /// [`ContractError`] where the port is not what the contract wants.
    pub fn new(spec: &ImageSpec, port: &Port) -> Result<Preprocessor, ContractError> {
        let input = spec.size(port)?;
        let strides = port.strides();
        let (channel, column, [width, height]) = (strides[1], strides[3], input);
        let interleaved = channel == 1 && column == spec.colour.channels();
        let planes = column == 1 && channel == width * height;
        if !interleaved && !planes {
            let problem = format!("input `{}` lies in memory as {:?}, neither NHWC nor NCHW", port.name, port.order);
            return Err(ContractError { key: "image.input".into(), problem });
        }
        let tables = Tables::new(spec, port);
        Ok(Preprocessor {
            spec: spec.clone(),
            input,
            planes: !interleaved,
            plain: tables.is_plain(spec.colour.channels()),
            tables,
            placed: None,
            grid: Grid::default(),
            lines: Lines::default(),
        })
    }

    /// Fills the input from a frame, and says where the frame lies in it. Does not allocate.
    ///
    /// # Errors
    /// [`FrameError`] where `input` is not the memory of the port that this was planned for.
    #[inline(never)]
    pub fn fill(&mut self, frame: &Frame<'_>, input: TensorMut<'_>) -> Result<Mapping, FrameError> {
        let mapping = self.place(frame);
        let length = self.input[0] * self.input[1] * self.spec.colour.channels();
        let job = Job {
            frame,
            colour: self.spec.colour,
            pad: if let Resize::Letterbox { pad, .. } = self.spec.resize { pad } else { 0 },
            planes: self.planes,
            input: self.input,
            shown: mapping.shown,
            exact: mapping.is_exact(),
            grid: &self.grid,
        };
        let (lines, plain) = (&mut self.lines, self.plain);
        match (&self.tables, input) {
            (Tables::F32(table), TensorMut::F32(to)) if to.len() == length => job.run(lines, table, plain, to),
            (Tables::U8(table), TensorMut::U8(to)) if to.len() == length => job.run(lines, table, plain, to),
            (Tables::I8(table), TensorMut::I8(to)) if to.len() == length => job.run(lines, table, plain, to),
            _ => {
                let problem = "the memory to fill is not that of the input which the preprocessor was made for".into();
                return Err(FrameError { problem });
            }
        }
        Ok(mapping)
    }

    /// Samples for sources like this one.
    fn place(&mut self, frame: &Frame<'_>) -> Mapping {
        let (source, format, range) = ([frame.width(), frame.height()], frame.format(), frame.range());
        match self.placed {
            Some(placed) if (placed.source, placed.format, placed.range) == (source, format, range) => placed.mapping,
            _ => {
                let mapping = Mapping::new(self.spec.resize, source, self.input);
                self.grid.fill(&mapping, self.spec.interpolation, frame);
                self.lines.fit(frame, &self.grid);
                self.placed = Some(Placed { source, format, range, mapping });
                mapping
            }
        }
    }
}

impl Tables {
    fn new(spec: &ImageSpec, port: &Port) -> Tables {
        let quantisation = port.quantisation.unwrap_or(Quantisation::UNIT);
        match port.element {
            ElementType::U8 => Tables::U8(table(spec, |value| quantise(value, quantisation, 0.0, 255.0) as u8)),
            ElementType::I8 => Tables::I8(table(spec, |value| quantise(value, quantisation, -128.0, 127.0) as i8)),
            _ => Tables::F32(table(spec, |value| value)),
        }
    }
}

impl Tables {
    /// Whether every entry of that many channels is [`Stored::plain`].
    fn is_plain(&self, channels: usize) -> bool {
        fn all<T: Stored>(table: &[[T; 256]]) -> bool {
            table.iter().all(|entries| (0..=255).map(T::plain).eq(entries.iter().copied()))
        }
        match self {
            Tables::F32(table) => all(&table[..channels]),
            Tables::U8(table) => all(&table[..channels]),
            Tables::I8(table) => all(&table[..channels]),
        }
    }
}

fn table<T: Copy + Default>(spec: &ImageSpec, stored: impl Fn(f32) -> T) -> Table<T> {
    let mut table = Box::new([[T::default(); 256]; 3]);
    for ((entries, mean), std) in table.iter_mut().zip(&spec.mean).zip(&spec.std) {
        for (pixel, entry) in entries.iter_mut().enumerate() {
            *entry = stored((pixel as f32 - mean) / std);
        }
    }
    table
}

/// ONNX QuantizeLinear.
fn quantise(value: f32, quantisation: Quantisation, least: f32, most: f32) -> f32 {
    ((value / quantisation.scale).round_ties_even() + quantisation.zero_point as f32).clamp(least, most)
}

/// One frame to one input.
struct Job<'a> {
    frame: &'a Frame<'a>,
    colour: Colour,
    pad: u8,
    planes: bool,
    input: [usize; 2],
    shown: [usize; 4],
    /// The source needs no resizing.
    exact: bool,
    grid: &'a Grid,
}

impl Job<'_> {
    fn run<T: Stored>(&self, lines: &mut Lines, table: &[[T; 256]; 3], plain: bool, to: &mut [T]) {
        if self.colour == Colour::Grey {
            self.rows::<T, 1>(lines, table, plain, to);
        } else {
            self.rows::<T, 3>(lines, table, plain, to);
        }
    }

    /// Writes every row of `C` channels, and the border around them.
    fn rows<T: Stored, const C: usize>(&self, lines: &mut Lines, table: &[[T; 256]; 3], plain: bool, to: &mut [T]) {
        let [left, top, width, height] = self.shown;
        let border = std::array::from_fn(|channel| table[channel][usize::from(self.pad)]);
        let mut written = 0;
        for y in 0..height {
            let pixels = match Order::of(self.frame.format()) {
                Some(order) if self.exact => lines.arranged(self.frame.row(y), order, self.colour),
                _ => lines.resized(y, self.frame, self.grid, self.colour),
            };
            let start = (top + y) * self.input[0] + left;
            self.pad::<T, C>(written..start, border, to);
            written = start + width;
            self.write::<T, C>(start..written, pixels.as_chunks().0, table, plain, to);
        }
        self.pad::<T, C>(written..self.input[0] * self.input[1], border, to);
    }

    /// Fills pixels with the border's value.
    fn pad<T: Stored, const C: usize>(&self, place: ops::Range<usize>, border: [T; C], to: &mut [T]) {
        if self.planes {
            for (plane, value) in to.chunks_exact_mut(self.input[0] * self.input[1]).zip(border) {
                plane[place.clone()].fill(value);
            }
        } else if border == [border[0]; C] {
            to[place.start * C..place.end * C].fill(border[0]);
        } else {
            to.as_chunks_mut().0[place].iter_mut().for_each(|pixel| *pixel = border);
        }
    }

    /// Writes pixels of `C` channels to the input.
    fn write<T: Stored, const C: usize>(
        &self,
        place: ops::Range<usize>,
        pixels: &[[u8; C]],
        table: &[[T; 256]; 3],
        plain: bool,
        to: &mut [T],
    ) {
        if self.planes {
            let planes = to.chunks_exact_mut(self.input[0] * self.input[1]).zip(table);
            for (channel, (plane, entries)) in planes.enumerate().take(C) {
                let values = plane[place.clone()].iter_mut().zip(pixels.iter().map(|pixel| pixel[channel]));
                if plain {
                    values.for_each(|(to, value)| *to = T::plain(value));
                } else {
                    values.for_each(|(to, value)| *to = entries[usize::from(value)]);
                }
            }
            return;
        }
        let to = &mut to[place.start * C..place.end * C];
        if plain {
            to.iter_mut().zip(pixels.as_flattened()).for_each(|(to, &value)| *to = T::plain(value));
        } else {
            for (to, pixel) in to.as_chunks_mut::<C>().0.iter_mut().zip(pixels) {
                *to = std::array::from_fn(|channel| table[channel][usize::from(pixel[channel])]);
            }
        }
    }
}

#[cfg(test)]
#[path = "preprocess_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "preprocess_reference_tests.rs"]
mod reference_tests;
