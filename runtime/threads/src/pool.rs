//! The pool: helpers that sleep between runs, and the caller's side of a run.

use crate::board::Board;
use crate::governor::{Governor, Help};
use crate::helper::{Alarm, Shared, start};
use retort_core::kernels::Parallel;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    /// Whether steps are cut for all helpers, rather than for those that are awake.
    all: AtomicBool,
}

/// The run that is going on, and what earlier ones taught.
struct Run {
    /// `None` where every run is helped; see [`Pool::unjudged`].
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

    /// As [`new`](Self::new), but every step is cut for all threads, even where that makes it slower: for tests.
    pub fn unjudged(threads: usize, scratch_len: usize) -> Pool {
        Pool::with(threads, scratch_len, None)
    }

    fn with(threads: usize, scratch_len: usize, governor: Option<Governor>) -> Pool {
        let threads = threads.clamp(1, MAX_THREADS);
        let shared = Arc::new(Shared {
            board: Board::new(threads, scratch_len),
            helped: AtomicBool::new(false),
            awake: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let (mut helpers, mut alarm) = (Vec::new(), None);
        for thread in 1..threads {
            // Without its alarm a helper sleeps until the pool ends.
            let Ok((helper, next)) = start(&shared, thread, alarm.clone()) else { break };
            helpers.push(helper);
            alarm = Some(next);
        }
        Pool { shared, helpers, alarm, run: Mutex::new(Run { governor, start: None }), all: AtomicBool::new(false) }
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
    fn threads(&self) -> usize {
        if !self.shared.helped.load(Ordering::Relaxed) {
            return 1;
        }
        self.wake();
        match self.all.load(Ordering::Relaxed) {
            true => self.size(),
            false => 1 + self.shared.awake.load(Ordering::Relaxed),
        }
    }

    fn begin(&self) {
        if self.helpers.is_empty() {
            return;
        }
        let help = {
            let mut run = self.lock();
            run.start = Some(Instant::now());
            run.governor.as_mut().map_or(Help::All, Governor::begin)
        };
        self.all.store(help == Help::All, Ordering::Relaxed);
        if help != Help::Alone {
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
        if self.shared.helped.load(Ordering::Relaxed)
            && let Some(outcome) = self.shared.board.run(parts, scratch, task)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    /// Runs of three steps; every part of each must run once.
    fn run_some(pool: &Pool, runs: usize) {
        for _ in 0..runs {
            pool.begin();
            for parts in [1, 7, 64] {
                let counts: Vec<AtomicU32> = (0..parts).map(|_| AtomicU32::new(0)).collect();
                pool.run(parts, &mut [0; 16], &|part, scratch| {
                    assert!(scratch.len() == 16 && part < parts);
                    counts[part].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
            }
            pool.end();
        }
    }

    #[test]
    fn any_number_of_threads_runs_every_part_once() {
        for threads in [0, 1, 2, 3, 7] {
            for pool in [Pool::new(threads, 16), Pool::unjudged(threads, 16)] {
                assert_eq!(pool.size(), threads.max(1));
                assert_eq!(pool.threads(), 1, "before a run");
                run_some(&pool, 200);
            }
        }
    }

    #[test]
    fn a_pool_too_large_is_cut() {
        assert_eq!(Pool::new(1000, 0).size(), MAX_THREADS);
    }

    #[test]
    fn callers_that_share_a_pool_get_by() {
        let pool = Pool::unjudged(3, 16);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| run_some(&pool, 200));
            }
        });
    }

    #[test]
    fn helpers_are_awake_in_a_run_and_asleep_after_it() {
        let pool = Pool::unjudged(3, 0);
        let awake = |wanted| {
            while pool.shared.awake.load(Ordering::Relaxed) != wanted {
                pool.wake();
                std::thread::yield_now();
            }
        };
        awake(0);
        pool.begin();
        // In the end all of them have something to do at once.
        let working = AtomicU32::new(0);
        pool.run(3, &mut [], &|_, _| {
            working.fetch_add(1, Ordering::Relaxed);
            while working.load(Ordering::Relaxed) < 3 {
                pool.wake();
                std::thread::yield_now();
            }
        });
        pool.end();
        awake(0);
    }
}
