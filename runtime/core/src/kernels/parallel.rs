//! Splitting one step among threads: what a kernel asks of a pool, and what it may write from each part.

use core::marker::PhantomData;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

/// Threads that run the parts of a step together.
pub trait Parallel: Sync {
    /// Among how many threads it is worth splitting a step now, the caller's included; at least 1.
    fn threads(&self) -> usize;

    /// A run begins, of many steps one after another: helpers may wake.
    fn begin(&self) {}

    /// The run that began last is over: helpers may sleep.
    fn end(&self) {}

    /// Calls `task(part, scratch)` once for every part below `parts`, in any order, and returns when all calls have
    /// returned. Working memory is `scratch` on the caller's thread and memory of the pool's own, of the same length, on
    /// the others; what it holds at the start of a call is not defined.
    fn run(&self, parts: usize, scratch: &mut [u8], task: &(dyn Fn(usize, &mut [u8]) + Sync));
}

/// The caller's thread alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Parallel for Alone {
    fn threads(&self) -> usize {
        1
    }

    fn run(&self, parts: usize, scratch: &mut [u8], task: &(dyn Fn(usize, &mut [u8]) + Sync)) {
        for part in 0..parts {
            task(part, scratch);
        }
    }
}

/// What a step has to work with besides its operands.
pub struct Work<'w> {
    /// Working memory of one thread.
    pub scratch: &'w mut [u8],
    /// The threads.
    pub parallel: &'w dyn Parallel,
}

/// Multiply-accumulates of the smallest piece worth cutting: a microsecond or two of int8 on vectors, during which two
/// threads can tell each other of a step and its end some times over.
const WORTH_A_PIECE: u64 = 200_000;
/// Pieces a thread, so that one that was interrupted holds the others up only for a short while. More would cost more
/// than they save: most kernels have some work to do at the edges of a piece.
const PIECES_A_THREAD: usize = 4;

/// The most pieces that a step is cut into.
const MAX_PIECES: usize = 128;

/// Computes some rows: which, the elements of the output that they own, and working memory.
type RowTask<'t, T> = dyn Fn(Range<usize>, &mut [T], &mut [u8]) + Sync + 't;

impl Work<'_> {
    /// Cuts `len` rows, which cost `macs` multiply-accumulates together, into pieces of whole rows and calls
    /// `task(rows, elements, scratch)` for each, where `elements` are those of `y` that these rows own: row i begins at
    /// i · `pitch`. Which rows share a piece depends on the number of threads, so results must not.
    pub fn rows<T: Send>(self, len: usize, macs: u64, pitch: usize, y: &mut [T], task: &RowTask<'_, T>) {
        let threads = self.parallel.threads();
        let worth = usize::try_from(macs / WORTH_A_PIECE).unwrap_or(usize::MAX);
        let pieces = if threads == 1 { 1 } else { (threads * PIECES_A_THREAD).min(worth).min(len).min(MAX_PIECES) };
        if pieces <= 1 {
            return task(0..len, y, self.scratch);
        }
        let whole = Shared::new(y);
        let begun = [const { AtomicU32::new(0) }; MAX_PIECES / 32];
        self.parallel.run(pieces, self.scratch, &|piece, scratch| {
            // Soundness must not rest on the promise of others to run each piece once.
            let bit = 1 << (piece % 32);
            if piece >= pieces || begun[piece / 32].fetch_or(bit, Ordering::Relaxed) & bit != 0 {
                return;
            }
            let rows = len * piece / pieces..len * (piece + 1) / pieces;
            let end = if rows.end == len { whole.len } else { (rows.end * pitch).min(whole.len) };
            let range = (rows.start * pitch).min(end)..end;
            // SAFETY: the row ranges of different pieces are disjoint and ascending, and no piece gets here twice, so no
            // element is borrowed twice.
            #[allow(unsafe_code)]
            let elements = unsafe { whole.slice(range) };
            task(rows, elements, scratch);
        });
    }
}

/// A slice of which different threads borrow different parts.
struct Shared<'y, T> {
    start: *mut T,
    len: usize,
    borrowed: PhantomData<&'y mut [T]>,
}

// SAFETY: it only hands out parts that its user vouches are disjoint, as `split_at_mut` would.
#[allow(unsafe_code)]
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'y, T> Shared<'y, T> {
    fn new(y: &'y mut [T]) -> Self {
        Shared { start: y.as_mut_ptr(), len: y.len(), borrowed: PhantomData }
    }

    /// The elements in `range`.
    ///
    /// # Safety
    /// The range lies inside, and no two ranges that are borrowed at one time overlap.
    #[allow(unsafe_code, clippy::mut_from_ref)]
    unsafe fn slice(&self, range: Range<usize>) -> &mut [T] {
        debug_assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the slice this was made of, and apart from all other borrowed parts, says the caller.
        unsafe { core::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// Says that it has three threads and runs the parts backwards.
    struct Backwards;

    impl Parallel for Backwards {
        fn threads(&self) -> usize {
            3
        }

        fn run(&self, parts: usize, scratch: &mut [u8], task: &(dyn Fn(usize, &mut [u8]) + Sync)) {
            (0..parts).rev().for_each(|part| task(part, scratch));
        }
    }

    #[test]
    fn every_row_is_written_once_by_its_own_piece() {
        for len in [1, 2, 7, 12, 13, 100] {
            // The last row is shorter, as where an image is a slice of the channels of a wider one.
            let mut y = vec![0u32; len * 5 - 2];
            let work = Work { scratch: &mut [], parallel: &Backwards };
            work.rows(len, u64::MAX, 5, &mut y, &|rows, y, _| {
                for (index, element) in y.iter_mut().enumerate() {
                    *element += (rows.start * 5 + index + 1) as u32;
                }
                assert_eq!(y.len(), (rows.len() * 5).min(len * 5 - 2 - rows.start * 5));
            });
            assert!(y.iter().enumerate().all(|(index, &element)| element == index as u32 + 1), "{len} rows");
        }
    }

    #[test]
    fn a_piece_that_is_run_again_does_nothing() {
        /// Runs everything twice, and a part that there is not.
        struct Twice;

        impl Parallel for Twice {
            fn threads(&self) -> usize {
                2
            }

            fn run(&self, parts: usize, scratch: &mut [u8], task: &(dyn Fn(usize, &mut [u8]) + Sync)) {
                (0..=parts).chain(0..parts).for_each(|part| task(part, scratch));
            }
        }

        let mut y = vec![0u32; 40];
        let work = Work { scratch: &mut [], parallel: &Twice };
        work.rows(40, u64::MAX, 1, &mut y, &|_, y, _| y.iter_mut().for_each(|element| *element += 1));
        assert_eq!(y, [1; 40]);
    }

    #[test]
    fn little_work_stays_on_one_thread() {
        let mut calls = std::sync::atomic::AtomicUsize::new(0);
        let work = Work { scratch: &mut [], parallel: &Backwards };
        work.rows(8, 1000, 1, &mut [0; 8], &|_, _, _| {
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        assert_eq!(*calls.get_mut(), 1);
    }
}
