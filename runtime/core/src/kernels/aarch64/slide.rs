//! An output row of a depthwise convolution by dot products: what its code in assembly needs, and which code that is.

use super::depthwise_columns::Dots;
use super::finish::Finish;
use super::neon::Rounding;
use super::padded::Edges;
use super::parts::in_parts;
use crate::kernels::vector::{Constants, Target};

/// Channels that the code in assembly computes.
pub const CHANNELS: usize = 16;

/// An output row of a chunk of channels, under a window of ROWS rows.
#[derive(Clone, Copy)]
pub struct Slide<const ROWS: usize> {
    /// The rows under the window.
    pub rows: [*const u8; ROWS],
    /// Bytes from one column to the next.
    pub column: usize,
    pub pixels: usize,
    /// Columns that are not in the rows.
    pub edges: Edges,
    pub constants: Constants,
    pub rounding: Rounding,
    pub to: Target,
}

/// What the code in assembly multiplies.
#[derive(Clone, Copy)]
pub struct Operands<const ROWS: usize> {
    /// The rows under the window, flipped where the products are those of signed bytes.
    pub rows: [*const u8; ROWS],
    /// Bytes from one column to the next.
    pub column: usize,
    /// Columns that are not in the rows; none of five rows.
    pub edges: Edges,
    pub weights: *const u8,
    pub bias: *const i32,
    /// See [`Window::PLACES`].
    pub places: *const u8,
    /// How many times sixteen channels, which lie behind each other everywhere; at least one.
    pub chunks: usize,
}

/// A window that there is code in assembly for.
pub trait Window<const ROWS: usize> {
    /// Which bytes of a column's rows lie side by side.
    const PLACES: &'static [u8; 64];

    /// Computes `pixels` pixels of every chunk, at least one, over which the window moves by STRIDE columns, one or two. SIGNED: of signed
    /// bytes.
    ///
    /// # Safety
    /// The processor has SDOT, or where not SIGNED, USDOT. Rows, as whole vectors, weights, biases, multipliers and places can be
    /// read, results can be written.
    #[allow(unsafe_code)]
    unsafe fn row<const STRIDE: usize, const SIGNED: bool>(operands: Operands<ROWS>, pixels: usize, finish: Finish);
}

impl<const ROWS: usize> Slide<ROWS> {
    /// The row of `channels` behind so many chunks, of which each has `weight_len` bytes of weights.
    ///
    /// # Safety
    /// There are so many.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub unsafe fn after(self, chunks: usize, weight_len: usize, channels: usize) -> Self {
        let Constants { weights, bias, multiplier, .. } = self.constants;
        let before = chunks * CHANNELS;
        // SAFETY: as the caller says.
        unsafe {
            let constants = Constants {
                weights: weights.add(chunks * weight_len),
                bias: bias.add(before),
                multiplier: multiplier.add(before),
                ..self.constants
            };
            let to = Target { first: self.to.first.add(before), channels, ..self.to };
            Slide { rows: self.rows.map(|row| row.add(before)), constants, to, ..self }
        }
    }

    /// Computes the row in assembly, of some whole chunks or of one of fewer channels. The window moves over it by `stride` columns,
    /// one or two.
    ///
    /// # Safety
    /// Rows, a vector at a time, and constants can be read, results can be written, and rounding is [plain](Rounding::is_plain).
    #[inline(always)]
    #[allow(unsafe_code)]
    pub unsafe fn in_assembly<I: Dots, W: Window<ROWS>>(self, stride: usize, chunks: usize) {
        // SAFETY: as the caller says.
        unsafe {
            if self.to.channels == CHANNELS {
                return self.whole::<I, W>(stride, chunks);
            }
            in_parts(self.pixels, self.to, CHANNELS, |first, pixels, to| {
                let rows = self.rows.map(|row| row.add(first * stride * self.column));
                Slide { rows, pixels, to, ..self }.whole::<I, W>(stride, 1);
            });
        }
    }

    /// Computes the row of chunks of sixteen channels.
    ///
    /// # Safety
    /// As for [`in_assembly`](Self::in_assembly).
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn whole<I: Dots, W: Window<ROWS>>(self, stride: usize, chunks: usize) {
        let Slide { rows, column, pixels, edges, constants: Constants { weights, bias, multiplier, .. }, rounding, to } =
            self;
        let operands = Operands { rows, column, edges, weights, bias, places: W::PLACES.as_ptr(), chunks };
        let finish = Finish::new(&rounding, multiplier, to);
        // SAFETY: as the caller says; the token proves that there are dot products, of signed bytes where bytes are flipped.
        unsafe {
            match (stride, I::FLIP) {
                (1, 0) => W::row::<1, false>(operands, pixels, finish),
                (1, _) => W::row::<1, true>(operands, pixels, finish),
                (_, 0) => W::row::<2, false>(operands, pixels, finish),
                _ => W::row::<2, true>(operands, pixels, finish),
            }
        }
    }
}
