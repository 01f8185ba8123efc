//! A global allocator that counts every request of every thread.
//!
//! A binary makes it its own with `#[global_allocator]`. The counter is one for the process, so a test that counts must be
//! the only one in its binary: the test harness allocates when it starts another.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting.
pub struct CountingAllocator;

/// How often memory was requested so far: allocations, zeroed allocations and reallocations, of all threads.
pub fn requests() -> usize {
    REQUESTS.load(Ordering::Relaxed)
}

/// How often memory was requested while `work` ran, by any thread.
pub fn requests_during(work: impl FnOnce()) -> usize {
    let before = requests();
    work();
    requests() - before
}

// SAFETY: every method hands its arguments unchanged to the system's allocator, which keeps the trait's promises, and
// returns what that returns. Counting neither allocates nor panics.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above; `memory` came from the system's allocator, as all memory of this one does.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
