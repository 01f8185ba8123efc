//! Rows of an image interleaved by fours, padded: what depthwise dot products read.
//!
//! Element (column, channel) holds four bytes, those of four rows, so that one dot product multiplies them with the four
//! weights of a kernel column. Columns begin with the padding on the left; what no pixel is written to stays padding. All
//! bytes are [flipped](Int8::flip).

use super::Task;
use super::int8::Int8;
use super::layout::Chunk;
use super::ring::Source;

/// Four rows to be interleaved: for each, its index, or `None` for padding.
pub type FourRows = [Option<usize>; 4];

/// The interleaved rows of a chunk of channels.
pub struct Quads<'q> {
    /// Four bytes an element.
    pub elements: &'q mut [u8],
    /// The chunk; elements lie `pitch` a column.
    pub chunk: Chunk,
    /// Columns of padding on the left.
    pub pad: usize,
    /// Columns that are read, padding included.
    pub columns: usize,
    /// What padding holds.
    pub padding: u8,
}

/// The most bytes of a vector.
const VECTOR: usize = 64;

/// Where the pixels of a row begin, and how many bytes lie from one to the next; 0 for a row of padding, which is one
/// pixel over and over.
#[derive(Clone, Copy)]
struct Row {
    start: *const u8,
    step: usize,
}

impl Quads<'_> {
    /// Makes all of it padding; bytes are XORed with `flip`.
    pub fn clear(&mut self, flip: u8) {
        self.elements.fill(self.padding ^ flip);
    }

    /// Interleaves four rows of an image. Chunks of four vectors keep the order that instructions leave them in; see
    /// [`Int8::interleave`].
    #[inline(always)]
    pub fn fill<I: Int8>(&mut self, isa: I, source: &Source<'_, u8>, rows: FourRows) {
        let flat = source.stride == self.chunk.pitch;
        match self.chunk.pitch / I::LANES {
            1 if flat => isa.invoke(Fill::<1, true> { quads: self, source, rows }),
            1 => isa.invoke(Fill::<1, false> { quads: self, source, rows }),
            2 if flat => isa.invoke(Fill::<2, true> { quads: self, source, rows }),
            2 => isa.invoke(Fill::<2, false> { quads: self, source, rows }),
            _ => isa.invoke(Fill::<4, false> { quads: self, source, rows }),
        }
    }
}

/// Interleaving pixels of N vectors. FLAT: they lie side by side.
struct Fill<'f, 'q, const N: usize, const FLAT: bool> {
    quads: &'f mut Quads<'q>,
    source: &'f Source<'f, u8>,
    rows: FourRows,
}

impl<I: Int8, const N: usize, const FLAT: bool> Task<I> for Fill<'_, '_, N, FLAT> {
    #[inline(always)]
    fn run(self, isa: I) {
        let Fill { quads, source, rows } = self;
        let (together, bytes) = (4 / N, N * I::LANES);
        let count = quads.columns.saturating_sub(quads.pad).min(source.width);
        if count == 0 {
            // Padding is all there is under the window, however far it reaches.
            return;
        }
        let to = &mut quads.elements[quads.pad * bytes * 4..];
        assert!(to.len() >= count.next_multiple_of(together) * bytes * 4, "interleaved rows");
        let blank = [quads.padding; VECTOR];
        let mut from = [Row { start: blank.as_ptr(), step: 0 }; 4];
        // Pixels that can be read a vector at a time: channels behind those of the chunk are read with them.
        let mut whole = count;
        for (from, row) in from.iter_mut().zip(rows) {
            let Some(row) = row else { continue };
            let pixels = &source.elements[row * source.width * source.stride..];
            whole = whole.min((pixels.len() + source.stride).saturating_sub(bytes) / source.stride);
            *from = Row { start: pixels.as_ptr(), step: source.stride };
        }
        let whole = whole / together * together;
        let (mut to, mut column) = (to.as_mut_ptr(), 0);
        // SAFETY: every row has as many whole pixels, and there is room for whole blocks, which was asserted.
        #[allow(unsafe_code)]
        unsafe {
            while column < whole {
                let mut vectors = [read::<I, N, FLAT>(isa, from[0]); 4];
                for i in 1..4 {
                    vectors[i] = read::<I, N, FLAT>(isa, from[i]);
                }
                write::<I, N>(isa, vectors, to);
                for row in &mut from {
                    row.start = row.start.add(together * row.step);
                }
                to = to.add(16 * I::LANES);
                column += together;
            }
        }
        while column < count {
            let mut pieces = [blank; 4];
            for (piece, row) in pieces.iter_mut().zip(rows) {
                let Some(row) = row else { continue };
                let first = (row * source.width + column) * source.stride;
                for pixel in 0..together.min(count - column) {
                    let from = &source.elements[first + pixel * source.stride..][..source.channels];
                    piece[pixel * bytes..][..source.channels].copy_from_slice(from);
                }
            }
            // SAFETY: a piece is as long as the longest vector, and there is room for whole blocks.
            #[allow(unsafe_code)]
            unsafe {
                let mut vectors = [isa.bytes(pieces[0].as_ptr()); 4];
                for i in 1..4 {
                    vectors[i] = isa.bytes(pieces[i].as_ptr());
                }
                write::<I, N>(isa, vectors, to);
                to = to.add(16 * I::LANES);
            }
            column += together;
        }
    }
}

/// Reads 4 / N pixels of N vectors.
///
/// # Safety
/// The row has them; a row of padding is as long as a vector and read over and over.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn read<I: Int8, const N: usize, const FLAT: bool>(isa: I, row: Row) -> I::Bytes {
    let pixel = |index: usize| row.start.wrapping_add(index * row.step);
    // SAFETY: as the caller says.
    unsafe { if FLAT { isa.bytes(row.start) } else { isa.pixels::<N>([row.start, pixel(1), pixel(2), pixel(3)]) } }
}

/// Interleaves four rows and writes them.
///
/// # Safety
/// There is room for four vectors of bytes.
#[inline(always)]
#[allow(unsafe_code)]
unsafe fn write<I: Int8, const N: usize>(isa: I, rows: [I::Bytes; 4], to: *mut u8) {
    let mut rows = rows;
    for row in &mut rows {
        *row = isa.flip(*row);
    }
    let quads = if N == 4 { isa.interleave::<false>(rows) } else { isa.interleave::<true>(rows) };
    for v in 0..4 {
        // SAFETY: as the caller says.
        unsafe { isa.store::<4, 0>(quads[v], to.add(v * 4 * I::LANES), 4 * I::LANES) };
    }
}
