//! Memory for results, at multiples of 64 bytes, and used again.
//!
//! A large buffer fresh from the system costs a page fault every 4 KiB, which for training's short-lived maps takes about
//! as long as computing them. So blocks that tensors let go of are kept, and the next result of about the same size takes one.
//! What lies idle is bounded: with what is in use it never exceeds a quarter more than the most that was in use at once.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::backend::{Flex, tensor::FloatTensor};
use burn::tensor::{AllocationProperty, Bytes, Element, TensorData};
use burn_std::{AccessError, AccessPolicy, AllocationController};

use crate::Real;

/// Blocks begin at multiples of this: a line of the cache, and the longest vector.
const ALIGN: usize = 64;
/// Smaller blocks are left to the allocator.
const SMALLEST_KEPT: usize = 16 << 10;
/// A block may be larger than what is asked for by this part of it.
const SLACK: usize = 8;

/// Memory from the allocator, every byte of it initialised.
struct Block {
    start: NonNull<u8>,
    size: usize,
}

// SAFETY: a block owns its memory.
#[allow(unsafe_code)]
unsafe impl Send for Block {}
// SAFETY: a shared block can only be read.
#[allow(unsafe_code)]
unsafe impl Sync for Block {}

impl Block {
    fn layout(size: usize) -> Layout {
        match Layout::from_size_align(size.max(ALIGN), ALIGN) {
            Ok(layout) => layout,
            Err(_) => panic!("{size} bytes are more than an address space has"),
        }
    }

    #[allow(unsafe_code)]
    fn new(size: usize) -> Block {
        let layout = Block::layout(size);
        // SAFETY: the size is not 0.
        let start = unsafe { alloc_zeroed(layout) };
        match NonNull::new(start) {
            Some(start) => Block { start, size: layout.size() },
            None => handle_alloc_error(layout),
        }
    }
}

impl Drop for Block {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.start.as_ptr(), Block::layout(self.size)) }
    }
}

/// Blocks that nobody uses, and how much there is of what.
#[derive(Default)]
struct Shelf {
    /// By size; those let go of last are last.
    idle: BTreeMap<usize, Vec<Block>>,
    idle_bytes: usize,
    used_bytes: usize,
    most_used: usize,
}

static SHELF: Mutex<Shelf> = Mutex::new(Shelf { idle: BTreeMap::new(), idle_bytes: 0, used_bytes: 0, most_used: 0 });

fn shelf() -> MutexGuard<'static, Shelf> {
    SHELF.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    /// A block of `size` bytes or a little more, and those that had to go for it.
    fn take(&mut self, size: usize) -> (Option<Block>, Vec<Block>) {
        let fitting = self.idle.range_mut(size..=size + size / SLACK).next();
        let block = fitting.and_then(|(_, blocks)| blocks.pop());
        if let Some(block) = &block {
            self.idle_bytes -= block.size;
            self.forget_empty(block.size);
        }
        self.used_bytes += block.as_ref().map_or(size, |block| block.size);
        self.most_used = self.most_used.max(self.used_bytes);
        (block, self.surplus())
    }

    fn give(&mut self, block: Block) -> Vec<Block> {
        self.used_bytes -= block.size;
        self.idle_bytes += block.size;
        self.idle.entry(block.size).or_default().push(block);
        self.surplus()
    }

    fn forget_empty(&mut self, size: usize) {
        if self.idle.get(&size).is_some_and(Vec::is_empty) {
            self.idle.remove(&size);
        }
    }

    /// The largest idle blocks, until what is left is within the bound.
    fn surplus(&mut self) -> Vec<Block> {
        let mut gone = Vec::new();
        while self.idle_bytes + self.used_bytes > self.most_used + self.most_used / 4 {
            let Some((&size, blocks)) = self.idle.iter_mut().next_back() else { break };
            gone.extend(blocks.pop());
            self.idle_bytes -= size;
            self.forget_empty(size);
        }
        gone
    }
}

/// Gives all memory that lies idle back to the system.
pub fn release_memory() {
    let mut shelf = shelf();
    let idle = std::mem::take(&mut shelf.idle);
    shelf.idle_bytes = 0;
    shelf.most_used = shelf.used_bytes;
    drop(shelf);
    drop(idle);
}

/// A block in use, which goes back to the shelf in the end.
struct Loan {
    block: Option<Block>,
}

impl Loan {
    fn new(size: usize) -> Loan {
        let size = size.max(ALIGN).next_multiple_of(ALIGN);
        if size < SMALLEST_KEPT {
            return Loan { block: Some(Block::new(size)) };
        }
        let (block, gone) = shelf().take(size);
        drop(gone);
        Loan { block: Some(block.unwrap_or_else(|| Block::new(size))) }
    }

    fn block(&self) -> &Block {
        match &self.block {
            Some(block) => block,
            None => unreachable!("a loan has its block until it is dropped"),
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(block) = self.block.take()
            && block.size >= SMALLEST_KEPT
        {
            let gone = shelf().give(block);
            drop(gone);
        }
    }
}

impl AllocationController for Loan {
    fn alloc_align(&self) -> usize {
        // Blocks are aligned to more, but burn makes copies with this, and knows of no more.
        align_of::<u128>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    #[allow(unsafe_code)]
    unsafe fn memory_mut(&mut self, _policy: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let block = self.block();
        // SAFETY: the block is that long, and borrowed for as long as the loan is.
        Ok(unsafe { std::slice::from_raw_parts_mut(block.start.as_ptr().cast(), block.size) })
    }

    #[allow(unsafe_code)]
    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let block = self.block();
        // SAFETY: the block is that long, and borrowed for as long as the loan is.
        Ok(unsafe { std::slice::from_raw_parts(block.start.as_ptr().cast(), block.size) })
    }
}

/// `len` elements of whatever values, to be overwritten.
pub struct Buffer<T> {
    loan: Loan,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Real> Buffer<T> {
    /// Elements of whatever values.
    pub fn stale(len: usize) -> Buffer<T> {
        Buffer { loan: Loan::new(len * size_of::<T>()), len, element: PhantomData }
    }

    /// Zeros.
    pub fn zeros(len: usize) -> Buffer<T> {
        let mut buffer = Buffer::stale(len);
        buffer.fill(T::ZERO);
        buffer
    }

    /// A tensor of these elements, without copying them.
    #[allow(unsafe_code)]
    pub fn into_tensor(self, shape: impl Into<Vec<usize>>) -> FloatTensor<Flex> {
        let shape: Vec<usize> = shape.into();
        assert_eq!(self.len, shape.iter().product::<usize>(), "as many elements as the shape says");
        // SAFETY: every byte of a block is initialised.
        let bytes = unsafe { Bytes::from_controller(Box::new(self.loan), self.len * size_of::<T>()) };
        FloatTensor::<Flex>::from_data(TensorData::from_bytes(bytes, shape, <T as Element>::dtype()))
    }
}

impl<T: Real> Deref for Buffer<T> {
    type Target = [T];
    #[allow(unsafe_code)]
    fn deref(&self) -> &[T] {
        // SAFETY: the block is long enough, aligned for every float, and initialised; any bits are a float.
        unsafe { std::slice::from_raw_parts(self.loan.block().start.as_ptr().cast(), self.len) }
    }
}

impl<T: Real> DerefMut for Buffer<T> {
    #[allow(unsafe_code)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and the buffer is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.loan.block().start.as_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_what_lies_idle_is_bounded() {
        let mut shelf = Shelf::default();
        let size = 1 << 20;
        assert!(shelf.take(size).0.is_none());
        assert!(shelf.give(Block::new(size)).is_empty());
        assert_eq!((shelf.used_bytes, shelf.idle_bytes), (0, size));
        // One that is a little smaller takes it, one that is half as large does not.
        let (block, _) = shelf.take(size - size / 16);
        assert!(shelf.give(block.expect("the block")).is_empty());
        let (block, gone) = shelf.take(size / 2);
        assert!(block.is_none() && gone.len() == 1, "idle and used together would exceed the bound");
        assert_eq!((shelf.used_bytes, shelf.idle_bytes), (size / 2, 0));
    }

    #[test]
    fn tensors_keep_their_values_and_copies_are_their_own() {
        let mut buffer = Buffer::<f32>::stale(10_000);
        buffer.iter_mut().enumerate().for_each(|(i, v)| *v = i as f32);
        assert_eq!(buffer.as_ptr().align_offset(ALIGN), 0);
        let mut tensor = buffer.into_tensor([100, 100]);
        let copy = tensor.clone();
        tensor.storage_mut::<f32>()[0] = 7.0;
        assert_eq!(copy.as_slice::<f32>().map(|v| (v[0], v[9_999])), Some((0.0, 9_999.0)));
        assert_eq!(tensor.into_data().try_into_vec::<f32>().map(|v| v[0]).ok(), Some(7.0));
    }
}
