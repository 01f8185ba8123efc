//! Places buffers in one arena so that none overlaps another that is live at the same time.

use retort_core::plan::ALIGNMENT;

/// A buffer to be placed: its size, and the first and last moment at which it is needed (both included).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Bytes.
    pub len: usize,
    /// The moment it is first written.
    pub first: usize,
    /// The moment it is last read.
    pub last: usize,
}

impl Buffer {
    fn meets(&self, other: &Buffer) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The next multiple of the alignment; what lies beyond the last one is too large for any plan, and stays so.
fn aligned(len: usize) -> usize {
    len.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX)
}

/// Offsets for all buffers, each a multiple of [`ALIGNMENT`], and the arena's length.
///
/// Greedy by size: the largest buffer first, each at the lowest offset where it meets no buffer that is already placed
/// and live with it. (The order that Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
/// 2020, found best on most networks.)
pub fn place(buffers: &[Buffer]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(buffers[i].len), buffers[i].first, i));
    let mut offsets = vec![0usize; buffers.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut total = 0usize;
    for &index in &order {
        let len = aligned(buffers[index].len);
        let mut offset = 0usize;
        // `placed` is sorted by offset: the first gap that is wide enough wins.
        for &other in placed.iter().filter(|&&other| buffers[other].meets(&buffers[index])) {
            if offset.saturating_add(len) <= offsets[other] {
                break;
            }
            offset = offset.max(aligned(offsets[other].saturating_add(buffers[other].len)));
        }
        offsets[index] = offset;
        let at = placed.partition_point(|&other| offsets[other] <= offset);
        placed.insert(at, index);
        total = total.max(offset.saturating_add(len));
    }
    (offsets, total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn live_buffers_never_overlap(raw in prop::collection::vec((0usize..5000, 0usize..30, 0usize..8), 0..40)) {
            let buffers: Vec<Buffer> =
                raw.iter().map(|&(len, first, span)| Buffer { len, first, last: first + span }).collect();
            let (offsets, total) = place(&buffers);
            for (i, a) in buffers.iter().enumerate() {
                prop_assert_eq!(offsets[i] % ALIGNMENT, 0);
                prop_assert!(offsets[i] + a.len <= total);
                for (j, b) in buffers.iter().enumerate().skip(i + 1) {
                    let apart = offsets[i] + a.len <= offsets[j] || offsets[j] + b.len <= offsets[i];
                    prop_assert!(apart || !a.meets(b), "{i} and {j} overlap");
                }
            }
        }
    }

    #[test]
    fn a_chain_needs_two_buffers() {
        let chain: Vec<Buffer> = (0..10).map(|i| Buffer { len: 640, first: i, last: i + 1 }).collect();
        assert_eq!(place(&chain).1, 1280);
    }
}
