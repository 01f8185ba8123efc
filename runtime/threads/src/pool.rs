//! The pool: helpers that sleep between runs, and the caller's side of a run.

use crate::board::Board;
use crate::governor::Governor;
use crate::helper::{Alarm, Shared, start};
use retort_core::kernels::Parallel;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// The most threads of a pool, the caller's included.
pub const MAX_THREADS: usize = 64;

/// A fixed number of threads, the caller's included, for one run at a time. Neither a run nor a step of it allocates.
///
/// Results do not depend on how many threads there are, nor on which of them helped.
pub struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// Wakes the helper that wakes the others.
    alarm: Option<Alarm>,
    run: Mutex<Run>,
}

/// The run that is going on, and what earlier ones taught.
struct Run {
    /// `None` where every run is helped.
    governor: Option<Governor>,
    start: Option<Instant>,
}

impl Pool {
    /// Starts as many helpers as make `threads` threads with the caller's, at most [`MAX_THREADS`], each with
    /// `scratch_len` bytes of working memory. Runs go without them while they do not help. Where the system starts no
    /// more threads there are fewer.
    pub fn new(threads: usize, scratch_len: usize) -> Pool {
        Pool::with(threads, scratch_len, Some(Governor::new()))
    }

    /// As [`new`](Self::new), but every run is helped, even where that makes it slower: to measure and to test.
    pub fn unjudged(threads: usize, scratch_len: usize) -> Pool {
        Pool::with(threads, scratch_len, None)
    }

    fn with(threads: usize, scratch_len: usize, governor: Option<Governor>) -> Pool {
        let shared = Arc::new(Shared {
            board: Board::new(scratch_len),
            helped: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let (mut helpers, mut alarm) = (Vec::new(), None);
        for _ in 1..threads.min(MAX_THREADS) {
            // Without its alarm a helper sleeps until the pool ends.
            let Ok((helper, next)) = start(&shared, alarm.take()) else { break };
            helpers.push(helper);
            alarm = Some(next);
        }
        Pool { shared, helpers, alarm, run: Mutex::new(Run { governor, start: None }) }
    }

    /// How many threads there are, the caller's included.
    pub fn size(&self) -> usize {
        self.helpers.len() + 1
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(alarm) = &self.alarm {
            alarm.ring();
        }
    }
}

impl Parallel for Pool {
    /// One while a run is not helped.
    fn threads(&self) -> usize {
        if self.shared.helped.load(Ordering::Relaxed) { self.size() } else { 1 }
    }

    fn begin(&self) {
        if self.helpers.is_empty() {
            return;
        }
        let helped = {
            let mut run = self.lock();
            run.start = Some(Instant::now());
            run.governor.as_mut().is_none_or(Governor::begin)
        };
        if helped {
            self.shared.helped.store(true, Ordering::SeqCst);
            self.wake();
        }
    }

    fn end(&self) {
        self.shared.helped.store(false, Ordering::Relaxed);
        let mut run = self.lock();
        if let (Some(start), Some(governor)) = (run.start.take(), &mut run.governor) {
            governor.end(start.elapsed());
        }
    }

    fn run(&self, parts: usize, scratch: &mut [u8], task: &(dyn Fn(usize, &mut [u8]) + Sync)) {
        if self.threads() > 1
            && let Some(outcome) = self.shared.board.run(parts, scratch, task, || self.wake())
        {
            if !self.lock().governor.as_mut().is_none_or(|governor| governor.step(&outcome)) {
                self.shared.helped.store(false, Ordering::Relaxed);
            }
            return;
        }
        for part in 0..parts {
            task(part, scratch);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.shared.helped.store(false, Ordering::SeqCst);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            // A helper's parts cannot unwind out of it.
            let _ = helper.join();
        }
    }
}
