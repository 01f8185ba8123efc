//! A row of the source on its way to the input: blended of two rows, then resized along itself, then given colours.
//!
//! Luma and chroma are resized as they are, each plane by its own samples, and only the pixels of the input are converted
//! to colours: a converted picture of the source's size exists nowhere.

use super::across;
use super::blend::Rows;
use super::columns::{Columns, SPARE};
use super::frame::{Frame, PixelFormat, Range};
use super::order::{self, Order};
use super::sample::{Axes, Grid};
use super::ycbcr::Matrix;
use crate::contract::Colour;

const LIMITED: Matrix = Matrix::of(Range::Limited);
const FULL: Matrix = Matrix::of(Range::Full);

/// Memory for a row on its way.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Of luma or colours, and of chroma.
    columns: [Columns; 2],
    /// A blended row of luma or colours, and one of Cb and Cr in turn; each with [`SPARE`] values more.
    blended: [Vec<i16>; 2],
    /// For each column two values of luma.
    pairs: Vec<[i16; 2]>,
    /// For each column two values of Cb and Cr, or in two vectors a colour and the value after it.
    quads: [Vec<[i16; 4]>; 2],
    /// What the input shows, of one channel.
    greys: Vec<u8>,
    /// What the input shows, of three.
    colours: Vec<[u8; 3]>,
}

impl Lines {
    /// Makes ready for frames like this one, of which the input shows the grid's columns.
    pub fn fit(&mut self, frame: &Frame<'_>, grid: &Grid) {
        let unit = if matches!(frame.format(), PixelFormat::Rgb8 | PixelFormat::Bgr8) { 3 } else { 1 };
        let [first, chroma] = &mut self.columns;
        first.fit(&grid.luma.columns);
        chroma.fit(&grid.chroma.columns);
        let width = first.padded();
        // Enough for chroma of any format.
        let values = [frame.width().next_multiple_of(2) * unit, frame.width().next_multiple_of(2) * 2];
        self.blended.iter_mut().zip(values).for_each(|(row, values)| row.resize(values + SPARE, 0));
        self.pairs.resize(width, [0; 2]);
        self.quads.iter_mut().for_each(|quads| quads.resize(width, [0; 4]));
        self.greys.resize(width, 0);
        self.colours.resize(width, [0; 3]);
    }

    /// The resized row `y` of what the input shows.
    pub fn resized(&mut self, y: usize, frame: &Frame<'_>, grid: &Grid, colour: Colour) -> &[u8] {
        let (width, grey) = (grid.luma.columns.len(), colour == Colour::Grey);
        self.blend(y, frame, grid);
        match Order::of(frame.format()) {
            None if grey => {
                let matrix = Matrix::of(frame.range());
                self.greys(|luma| matrix.grey(luma));
            }
            // Coefficients that the compiler knows take fewer instructions where products of 16 bits are made of
            // halves.
            None => match (frame.range(), colour) {
                (Range::Limited, Colour::Bgr) => self.convert(|y, cb, cr| order::swapped(LIMITED.rgb(y, cb, cr))),
                (Range::Limited, _) => self.convert(|y, cb, cr| LIMITED.rgb(y, cb, cr)),
                (Range::Full, Colour::Bgr) => self.convert(|y, cb, cr| order::swapped(FULL.rgb(y, cb, cr))),
                (Range::Full, _) => self.convert(|y, cb, cr| FULL.rgb(y, cb, cr)),
            },
            Some(Order::Grey) => {
                self.greys(|grey| grey as u8);
                if !grey {
                    order::colours_of(&self.greys, &mut self.colours);
                }
            }
            Some(order) => {
                if grey || order.is(colour) {
                    self.mix(|colour| colour);
                } else {
                    self.mix(order::swapped);
                }
                if grey {
                    order::greys_of(&self.colours, order, &mut self.greys);
                }
            }
        }
        if grey { &self.greys[..width] } else { self.colours[..width].as_flattened() }
    }

    /// A row that need not be resized.
    pub fn arranged<'a>(&'a mut self, row: &'a [u8], order: Order, colour: Colour) -> &'a [u8] {
        let colours = row.as_chunks().0;
        match (order, colour) {
            _ if order.is(colour) => return row,
            (Order::Grey, _) => {
                self.colours.resize(row.len(), [0; 3]);
                order::colours_of(row, &mut self.colours);
            }
            (_, Colour::Grey) => {
                self.greys.resize(colours.len(), 0);
                order::greys_of(colours, order, &mut self.greys);
                return &self.greys;
            }
            _ => {
                self.colours.resize(colours.len(), [0; 3]);
                order::swap(colours, &mut self.colours);
            }
        }
        self.colours.as_flattened()
    }

    /// Blends the rows of each plane between which row `y` of the input lies.
    fn blend(&mut self, y: usize, frame: &Frame<'_>, grid: &Grid) {
        let rows = |plane: usize, axes: &Axes| {
            let (row, plane) = (axes.rows[y], frame.plane(plane));
            let after = (row.low + 1).min(plane.rows() - 1);
            Rows { low: plane.row(row.low), high: plane.row(after), weight: row.weight as i16 }
        };
        let [first, chroma] = &mut self.blended;
        match frame.format() {
            PixelFormat::Yuyv => rows(0, &grid.luma).part::<0>(first, chroma),
            PixelFormat::Uyvy => rows(0, &grid.luma).part::<1>(first, chroma),
            PixelFormat::Nv12 => {
                rows(0, &grid.luma).blend(first);
                rows(1, &grid.chroma).blend(chroma);
            }
            PixelFormat::I420 | PixelFormat::I422 | PixelFormat::I444 => {
                rows(0, &grid.luma).blend(first);
                rows(1, &grid.chroma).join(rows(2, &grid.chroma), chroma);
            }
            PixelFormat::Rgb8 | PixelFormat::Bgr8 | PixelFormat::Grey8 => rows(0, &grid.luma).blend(first),
        }
    }

    /// Resizes a blended row of luma along itself.
    fn greys(&mut self, level: impl Fn(i16) -> u8) {
        let [columns, _] = &self.columns;
        columns.pick::<1, 2>(&self.blended[0], &mut self.pairs);
        across::greys(&self.pairs, columns.weights(), level, &mut self.greys);
    }

    /// The same for colours, which get another order.
    fn mix(&mut self, order: impl Fn([u8; 3]) -> [u8; 3]) {
        let ([columns, _], [row, _], [lows, highs]) = (&self.columns, &self.blended, &mut self.quads);
        columns.pick::<3, 4>(row, lows);
        columns.pick::<3, 4>(&row[3..], highs);
        across::colours([lows, highs], columns.weights(), order, &mut self.colours);
    }

    /// The same for luma and chroma, which become colours.
    fn convert(&mut self, colour: impl Fn(i16, i16, i16) -> [u8; 3]) {
        let [luma, chroma] = &self.columns;
        let [quads, _] = &mut self.quads;
        luma.pick::<1, 2>(&self.blended[0], &mut self.pairs);
        chroma.pick::<2, 4>(&self.blended[1], quads);
        let (luma, chroma) = ((&self.pairs[..], luma.weights()), (&quads[..], chroma.weights()));
        across::luma_and_chroma(luma, chroma, colour, &mut self.colours);
    }
}
