//! From borrowed pixels to the input tensor in one pass: resize, colour order, normalisation, quantisation.
//!
//! A resized pixel is rounded to a whole 0 to 255 (half up, as OpenCV rounds), whatever the input holds. What the
//! input gets is then a table's entry: `(pixel - mean) / std` in f32, or for a quantised input
//! `saturate(round_half_even(that / scale) + zero_point)`. So an input quantised here equals one that the graph's
//! QuantizeLinear makes of the floats. The tables are made once; where the pixels are sampled, only when the source
//! changes its size.

use super::frame::{Frame, PixelFormat, Range};
use super::geometry::Mapping;
use super::lines::{Lines, Order};
use super::sample::Grid;
use crate::contract::{Colour, ImageSpec, Resize};
use crate::error::{ContractError, FrameError};
use crate::tensor::{ElementType, Port, Quantisation, TensorMut};

/// Fills a model's image input from frames of any size.
#[derive(Debug)]
pub struct Preprocessor {
    spec: ImageSpec,
    input: [usize; 2],
    strides: Strides,
    tables: Tables,
    /// The tables change nothing but the sign of bytes.
    plain: bool,
    placed: Option<Placed>,
    grid: Grid,
    lines: Lines,
}

/// Elements from one pixel of the input to the next, along each axis.
#[derive(Clone, Copy, Debug)]
struct Strides {
    channel: usize,
    row: usize,
    column: usize,
}

/// What each value of a pixel becomes, for up to three channels.
type Table<T> = Box<[[T; 256]; 3]>;

/// Bytes to what the input holds, where that is the same for each channel and simple.
type Copying<T> = fn(&[u8], &mut [T]);

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
        let strides = Strides { channel: strides[1], row: strides[2], column: strides[3] };
        let [width, height] = input;
        let interleaved = strides.channel == 1 && strides.column == spec.colour.channels();
        let planes = strides.column == 1 && strides.channel == width * height;
        if !interleaved && !planes {
            let problem = format!("input `{}` lies in memory as {:?}, neither NHWC nor NCHW", port.name, port.order);
            return Err(ContractError { key: "image.input".into(), problem });
        }
        let tables = Tables::new(spec, port);
        Ok(Preprocessor {
            spec: spec.clone(),
            input,
            strides,
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
            strides: self.strides,
            input: self.input,
            shown: mapping.shown,
            exact: mapping.is_exact(),
            grid: &self.grid,
        };
        match (&self.tables, input) {
            (Tables::F32(table), TensorMut::F32(to)) if to.len() == length => job.run(&mut self.lines, table, None, to),
            (Tables::U8(table), TensorMut::U8(to)) if to.len() == length => {
                let plain = self.plain.then_some(copy_bytes as Copying<u8>);
                job.run(&mut self.lines, table, plain, to);
            }
            (Tables::I8(table), TensorMut::I8(to)) if to.len() == length => {
                let plain = self.plain.then_some(flip_bytes as Copying<i8>);
                job.run(&mut self.lines, table, plain, to);
            }
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
    /// Whether bytes become themselves, or for a signed input themselves less 128, as with a scale of 1/255.
    fn is_plain(&self, channels: usize) -> bool {
        let mut bytes = (0..channels).flat_map(|channel| (0..=255).map(move |byte: u8| (channel, byte)));
        match self {
            Tables::F32(_) => false,
            Tables::U8(table) => bytes.all(|(channel, byte)| table[channel][usize::from(byte)] == byte),
            Tables::I8(table) => bytes.all(|(channel, byte)| table[channel][usize::from(byte)] == flipped(byte)),
        }
    }
}

fn copy_bytes(from: &[u8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
}

fn flip_bytes(from: &[u8], to: &mut [i8]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = flipped(from));
}

/// A byte less 128.
fn flipped(byte: u8) -> i8 {
    (byte ^ 0x80) as i8
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
    strides: Strides,
    input: [usize; 2],
    shown: [usize; 4],
    /// The source needs no resizing.
    exact: bool,
    grid: &'a Grid,
}

impl Job<'_> {
    fn run<T: Copy>(&self, lines: &mut Lines, table: &[[T; 256]; 3], plain: Option<Copying<T>>, to: &mut [T]) {
        let [left, top, width, height] = self.shown;
        if (width, height) != (self.input[0], self.input[1]) {
            self.pad(table, to);
        }
        let grey = self.colour == Colour::Grey;
        for y in 0..height {
            let (pixels, order) = match Order::of(self.frame.format()) {
                Some(order) if self.exact => (self.frame.row(y), order),
                _ => lines.resize(y, self.frame, self.grid, grey),
            };
            let start = (top + y) * self.strides.row + left * self.strides.column;
            let interleaved = self.strides.channel == 1 && self.strides.column == self.colour.channels();
            match plain.filter(|_| interleaved && order.is(self.colour)) {
                Some(copy) => copy(pixels, &mut to[start..]),
                None => self.write_row(pixels, order, table, &mut to[start..]),
            }
        }
    }

    /// Fills everything with the border's value; what shows the picture is written over.
    fn pad<T: Copy>(&self, table: &[[T; 256]; 3], to: &mut [T]) {
        let border = table.map(|entries| entries[usize::from(self.pad)]);
        if self.strides.channel == 1 && self.colour.channels() == 3 {
            to.as_chunks_mut::<3>().0.fill(border);
        } else {
            let plane = self.input[0] * self.input[1];
            for (plane, value) in to.chunks_exact_mut(plane).zip(border) {
                plane.fill(value);
            }
        }
    }

    /// Writes a resized row to the input, `to` beginning at its first pixel.
    fn write_row<T: Copy>(&self, pixels: &[u8], order: Order, table: &[[T; 256]; 3], to: &mut [T]) {
        match (order, self.colour) {
            (Order::Grey, Colour::Grey) => self.write(pixels.as_chunks().0, |&[y]: &[u8; 1]| [y], table, to),
            (Order::Grey, _) => self.write(pixels.as_chunks().0, |&[y]: &[u8; 1]| [y; 3], table, to),
            (Order::Rgb, Colour::Grey) => self.write(pixels.as_chunks().0, |&[r, g, b]| [luma(r, g, b)], table, to),
            (Order::Bgr, Colour::Grey) => self.write(pixels.as_chunks().0, |&[b, g, r]| [luma(r, g, b)], table, to),
            (Order::Rgb, Colour::Rgb) | (Order::Bgr, Colour::Bgr) => {
                self.write(pixels.as_chunks().0, |&pixel: &[u8; 3]| pixel, table, to);
            }
            _ => self.write(pixels.as_chunks().0, |&[a, b, c]| [c, b, a], table, to),
        }
    }

    /// `I` channels of the source become `O` of the input.
    fn write<T: Copy, const I: usize, const O: usize>(
        &self,
        pixels: &[[u8; I]],
        convert: impl Fn(&[u8; I]) -> [u8; O],
        table: &[[T; 256]; 3],
        to: &mut [T],
    ) {
        let Strides { channel, column, .. } = self.strides;
        if channel == 1 && column == O {
            for (pixel, to) in pixels.iter().zip(to.as_chunks_mut::<O>().0) {
                let pixel = convert(pixel);
                *to = std::array::from_fn(|c| table[c][usize::from(pixel[c])]);
            }
        } else {
            for (x, pixel) in pixels.iter().enumerate() {
                for (c, value) in convert(pixel).into_iter().enumerate() {
                    to[x * column + c * channel] = table[c][usize::from(value)];
                }
            }
        }
    }
}

/// Luma of ITU-R BT.601 in 8 bits, as [`Colour::Grey`] says.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b) + 128) >> 8) as u8
}

#[cfg(test)]
#[path = "preprocess_tests.rs"]
mod tests;
