//! Bytes that begin at an address the core accepts for plans and arenas.

use retort_core::plan::ALIGNMENT;

/// A fixed number of bytes, aligned to [`ALIGNMENT`].
pub(super) struct AlignedBytes {
    /// Longer than needed by what alignment may take. Never grows, so its heap block and `start` stay valid.
    storage: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    /// This many zeros.
    pub fn zeroed(len: usize) -> Self {
        let storage = vec![0; len + ALIGNMENT];
        let start = storage.as_ptr().addr().next_multiple_of(ALIGNMENT) - storage.as_ptr().addr();
        AlignedBytes { storage, start, len }
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut copy = AlignedBytes::zeroed(bytes.len());
        copy.as_mut().copy_from_slice(bytes);
        copy
    }
}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.storage[self.start..][..self.len]
    }
}

impl AsMut<[u8]> for AlignedBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_aligned_and_equal_even_after_a_move() {
        for len in [0, 1, 63, 64, 1000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let boxed = Box::new(AlignedBytes::copy_of(&bytes));
            assert_eq!((*boxed).as_ref(), bytes);
            assert!((*boxed).as_ref().as_ptr().addr().is_multiple_of(ALIGNMENT));
        }
    }
}
