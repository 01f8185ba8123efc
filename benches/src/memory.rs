//! Memory that begins at a multiple of 64 bytes, as that of plans and arenas does. Two runs of a benchmark would
//! otherwise differ by where the allocator happened to put its operands.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use retort_core::plan::ALIGNMENT;

/// A fixed number of bytes, aligned to [`ALIGNMENT`].
#[derive(Debug)]
pub struct Memory {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Memory {
    /// This many zeros.
    pub fn zeroed(len: usize) -> Self {
        let bytes = vec![0; len + ALIGNMENT];
        let start = bytes.as_ptr().addr().next_multiple_of(ALIGNMENT) - bytes.as_ptr().addr();
        Memory { bytes, start, len }
    }

    /// This many elements, each made from its index.
    pub fn of<T: Pod>(count: usize, element: impl Fn(usize) -> T) -> Self {
        let mut memory = Memory::zeroed(count * size_of::<T>());
        memory.get_mut().iter_mut().enumerate().for_each(|(index, place)| *place = element(index));
        memory
    }

    /// The elements.
    ///
    /// # Panics
    /// Where the length is no multiple of an element's.
    pub fn get<T: Pod>(&self) -> &[T] {
        cast_slice(&self.bytes[self.start..][..self.len])
    }

    /// The elements.
    ///
    /// # Panics
    /// Where the length is no multiple of an element's.
    pub fn get_mut<T: Pod>(&mut self) -> &mut [T] {
        cast_slice_mut(&mut self.bytes[self.start..][..self.len])
    }
}
