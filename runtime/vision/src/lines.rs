//! A row of the source on its way to the input: blended of two rows, then resized along itself, then given colours.
//!
//! Luma and chroma are resized as they are, each plane by its own samples, and only the pixels of the input are converted
//! to colours: a converted picture of the source's size exists nowhere.

use std::iter::repeat_n;

use super::frame::{Frame, PixelFormat};
use super::sample::{Axes, Even, Grid, WEIGHT_BITS, WEIGHT_ONE};
use super::ycbcr::Matrix;
use crate::contract::Colour;

/// Bits by which a pixel · 2^11 is cut to a pixel · 2^7, which is at most 255 · 128 = 32640 and fits 16 bits.
const DOWN_BITS: u32 = WEIGHT_BITS - 7;
/// Bits by which a pixel · 2^7 · 2^11 is cut to a pixel.
const ACROSS_BITS: u32 = 7 + WEIGHT_BITS;
/// Values after a row, so that each pixel of any format has one after it.
const SPARE: usize = 8;

/// What the channels of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Rgb,
    Bgr,
    Grey,
}

impl Order {
    /// Whether these are the channels of a model's input.
    pub fn is(self, colour: Colour) -> bool {
        matches!((self, colour), (Order::Rgb, Colour::Rgb) | (Order::Bgr, Colour::Bgr) | (Order::Grey, Colour::Grey))
    }

    /// Of a frame's own rows. `None` where they are not colours yet.
    pub fn of(format: PixelFormat) -> Option<Order> {
        match format {
            PixelFormat::Rgb8 => Some(Order::Rgb),
            PixelFormat::Bgr8 => Some(Order::Bgr),
            PixelFormat::Grey8 => Some(Order::Grey),
            _ => None,
        }
    }
}

/// Memory for a row on its way.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Bytes · 2^7 of one row of a plane, and [`SPARE`] more.
    blended: Vec<i16>,
    /// Of what the input shows: the pixel before each column, and the one after.
    pairs: [Vec<i16>; 2],
    /// Weights of the pixels after: of the columns of packed colours, of luma and of chroma, one for each value.
    weights: [Vec<i16>; 3],
    /// Luma, Cb and Cr of what the input shows.
    resized: [Vec<u8>; 3],
    /// Colours of what the input shows.
    colours: Vec<u8>,
}

impl Lines {
    /// Makes ready for frames like this one, of which the input shows the grid's columns.
    pub fn fit(&mut self, frame: &Frame<'_>, grid: &Grid) {
        let width = grid.luma.columns.len();
        self.blended.resize(frame.row(0).len() + SPARE, 0);
        self.pairs.iter_mut().for_each(|pixels| pixels.resize(width * 3, 0));
        self.resized.iter_mut().for_each(|channel| channel.resize(width, 0));
        self.colours.resize(width * 3, 0);
        for (weights, (axes, times)) in
            self.weights.iter_mut().zip([(&grid.luma, 3), (&grid.luma, 1), (&grid.chroma, 1)])
        {
            weights.clear();
            weights.extend(axes.columns.iter().flat_map(|column| repeat_n(column.weight as i16, times)));
        }
    }

    /// The resized row `y` of what the input shows, as colours; with `grey`, luma is enough.
    pub fn resize(&mut self, y: usize, frame: &Frame<'_>, grid: &Grid, grey: bool) -> (&[u8], Order) {
        let Some(order) = Order::of(frame.format()) else { return self.convert(y, frame, grid, grey) };
        self.blend(0, y, frame, &grid.luma);
        if order == Order::Grey {
            pick::<1, 1>(&self.blended, &grid.luma, &mut self.pairs);
            mix(&self.pairs, &self.weights[1], &mut self.colours);
            return (&self.colours[..grid.luma.columns.len()], order);
        }
        pick::<3, 3>(&self.blended, &grid.luma, &mut self.pairs);
        mix(&self.pairs, &self.weights[0], &mut self.colours);
        (&self.colours, order)
    }

    /// The same for luma and chroma.
    fn convert(&mut self, y: usize, frame: &Frame<'_>, grid: &Grid, grey: bool) -> (&[u8], Order) {
        let [luma, cb, cr] = channels(frame.format());
        let mut blended = None;
        for (channel, axes, to) in [(luma, &grid.luma, 0), (cb, &grid.chroma, 1), (cr, &grid.chroma, 2)] {
            if grey && to > 0 {
                break;
            }
            // Channels of one plane are blended together: they have the same rows.
            if blended != Some(channel.plane) {
                self.blend(channel.plane, y, frame, axes);
                blended = Some(channel.plane);
            }
            let (from, pairs) = (&self.blended[channel.first..], &mut self.pairs);
            match channel.step {
                1 => pick::<1, 1>(from, axes, pairs),
                2 => pick::<1, 2>(from, axes, pairs),
                _ => pick::<1, 4>(from, axes, pairs),
            }
            mix(&self.pairs, &self.weights[1 + to.min(1)], &mut self.resized[to]);
        }
        let matrix = Matrix::of(frame.range());
        let [luma, cb, cr] = &mut self.resized;
        if grey {
            self.colours.iter_mut().zip(luma.iter()).for_each(|(to, &luma)| *to = matrix.grey(luma));
            return (&self.colours[..luma.len()], Order::Grey);
        }
        // Where they are, plane by plane, and only then side by side: each of the two loops vectorises.
        for ((luma, cb), cr) in luma.iter_mut().zip(cb.iter_mut()).zip(cr.iter_mut()) {
            [*luma, *cb, *cr] = matrix.rgb(*luma, *cb, *cr);
        }
        let pixels = self.colours.as_chunks_mut::<3>().0.iter_mut();
        for (((to, &mut red), &mut green), &mut blue) in pixels.zip(luma).zip(cb).zip(cr) {
            *to = [red, green, blue];
        }
        (&self.colours, Order::Rgb)
    }

    /// Blends the two rows of a plane between which row `y` of the input lies.
    fn blend(&mut self, plane: usize, y: usize, frame: &Frame<'_>, axes: &Axes) {
        let (row, plane) = (axes.rows[y], frame.plane(plane));
        let after = (row.low + 1).min(plane.rows() - 1);
        blend(plane.row(row.low), plane.row(after), row.weight as i16, &mut self.blended);
    }
}

/// Where a channel lies: in which plane, its first byte there, and bytes from one to the next.
#[derive(Clone, Copy)]
struct Channel {
    plane: usize,
    first: usize,
    step: usize,
}

/// Luma, Cb and Cr of a format that has them.
fn channels(format: PixelFormat) -> [Channel; 3] {
    let at = |plane, first, step| Channel { plane, first, step };
    match format {
        PixelFormat::Yuyv => [at(0, 0, 2), at(0, 1, 4), at(0, 3, 4)],
        PixelFormat::Uyvy => [at(0, 1, 2), at(0, 0, 4), at(0, 2, 4)],
        PixelFormat::Nv12 => [at(0, 0, 1), at(1, 0, 2), at(1, 1, 2)],
        _ => [at(0, 0, 1), at(1, 0, 1), at(2, 0, 1)],
    }
}

/// Blends two rows of the source: (low · (2^11 - weight) + high · weight) / 2^4, rounded.
fn blend(low: &[u8], high: &[u8], weight: i16, to: &mut [i16]) {
    let rows = to.iter_mut().zip(low).zip(high);
    if weight % (1 << DOWN_BITS) == 0 {
        // Halves and quarters, as of most cameras' sizes, leave nothing to round, and fit 16 bits all the way.
        let weight = weight >> DOWN_BITS;
        let low_weight = (WEIGHT_ONE as i16 >> DOWN_BITS) - weight;
        rows.for_each(|((to, &low), &high)| *to = i16::from(low) * low_weight + i16::from(high) * weight);
        return;
    }
    let (low_weight, half) = (WEIGHT_ONE as i16 - weight, 1 << (DOWN_BITS - 1));
    for ((to, &low), &high) in rows {
        // Products of 16 bits each: instruction sets add pairs of them at once.
        let low = i32::from(i16::from(low)) * i32::from(low_weight);
        let high = i32::from(i16::from(high)) * i32::from(weight);
        *to = ((low + high + half) >> DOWN_BITS) as i16;
    }
}

/// Picks the two pixels that each column lies between: `C` channels of them, with `S` values from one pixel to the next.
/// What follows is then the same for every value, and vectorises.
fn pick<const C: usize, const S: usize>(row: &[i16], axes: &Axes, pairs: &mut [Vec<i16>; 2]) {
    if let Some(Even { first, step, times }) = axes.even_columns {
        let (low, high) = (row.get(first * S..).unwrap_or(&[]), row.get((first + 1) * S..).unwrap_or(&[]));
        let length = axes.columns.len() * C;
        let [lows, highs] = pairs;
        let mut every = |stride: fn(&[i16], &mut [i16])| {
            stride(low, &mut lows[..length]);
            stride(high, &mut highs[..length]);
        };
        // Strides that the compiler knows become shuffles of whole vectors.
        match (times, step * S) {
            (1, 1) => return every(every_nth::<C, 1>),
            (1, 2) => return every(every_nth::<C, 2>),
            (1, 3) => return every(every_nth::<C, 3>),
            (1, 4) => return every(every_nth::<C, 4>),
            (1, 6) => return every(every_nth::<C, 6>),
            (1, 8) => return every(every_nth::<C, 8>),
            (2, _) if C == 1 => return every(every_nth_twice::<S>),
            _ => {}
        }
    }
    let [lows, highs] = pairs;
    let pairs = lows.as_chunks_mut::<C>().0.iter_mut().zip(highs.as_chunks_mut::<C>().0);
    for ((low, high), column) in pairs.zip(&axes.columns) {
        let first = column.low * S;
        let pixels = row.get(first..first + S + C).unwrap_or(&[]);
        *low = pixels.first_chunk().copied().unwrap_or([0; C]);
        *high = pixels.last_chunk().copied().unwrap_or([0; C]);
    }
}

/// The first `C` of every `K` values.
fn every_nth<const C: usize, const K: usize>(from: &[i16], to: &mut [i16]) {
    for (to, from) in to.as_chunks_mut::<C>().0.iter_mut().zip(from.as_chunks::<K>().0) {
        *to = from.first_chunk().copied().unwrap_or([0; C]);
    }
}

/// The first of every `K` values, twice.
fn every_nth_twice<const K: usize>(from: &[i16], to: &mut [i16]) {
    let from = from.as_chunks::<K>().0;
    let (pairs, last) = to.as_chunks_mut::<2>();
    for (to, from) in pairs.iter_mut().zip(from) {
        *to = [from[0]; 2];
    }
    if let ([to], Some(from)) = (last, from.get(pairs.len())) {
        *to = from[0];
    }
}

/// Blends pairs of pixels · 2^7.
fn mix([lows, highs]: &[Vec<i16>; 2], weights: &[i16], to: &mut [u8]) {
    let half = 1 << (ACROSS_BITS - 1);
    for (((to, &low), &high), &weight) in to.iter_mut().zip(lows).zip(highs).zip(weights) {
        let low = i32::from(low) * i32::from(WEIGHT_ONE as i16 - weight);
        let high = i32::from(high) * i32::from(weight);
        *to = ((low + high + half) >> ACROSS_BITS) as u8;
    }
}
