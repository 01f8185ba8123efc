//! One step's parts on a board, from which the caller and its helpers claim them.
//!
//! Every thread has its share of neighbouring parts and turns to those of others when its own is done. So threads seldom
//! write the same cache line; and as neighbouring steps cut the same image, each mostly finds in its own cache the rows that
//! it wrote in the step before.
//!
//! # Why lending the task is sound
//! [`Board::run`] puts a pointer to a task on the board that lives only as long as that call. A helper follows it only
//! while it holds a part, and
//! * parts are claimed by compare-and-swap on the one word of their share, so each is held by one thread;
//! * `run` returns, or unwinds, only after it has taken back what nobody claimed and has seen every claimed part finished;
//! * only one `run` uses the board at a time; a second one computes on its own thread.
//!
//! A helper reads nothing before it claims but the word itself, so a word that another step put there in the meantime
//! does no harm: what the helper claims is a part of the step that is on the board now.

use core::cell::UnsafeCell;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a step has to do for each of its parts: the part's number, and working memory.
pub type Task<'t> = dyn Fn(usize, &mut [u8]) + Sync + 't;

/// A part that unwound says why.
type Panic = Box<dyn Any + Send>;

/// How long the caller polls for a part that a helper has begun before it lets other threads have its core meanwhile.
const POLL: Duration = Duration::from_micros(20);

/// A step that the caller put on the board.
#[derive(Clone, Copy)]
struct Step {
    task: *const Task<'static>,
    /// Bytes of working memory that the task wants.
    scratch: usize,
}

/// Parts of a share not yet claimed: the first in the low half, the end in the high half.
#[derive(Clone, Copy)]
struct Unclaimed(u32);

impl Unclaimed {
    fn new(start: usize, end: usize) -> Self {
        Unclaimed(start as u32 | (end as u32) << 16)
    }

    fn start(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    fn end(self) -> usize {
        (self.0 >> 16) as usize
    }

    fn len(self) -> usize {
        self.end().saturating_sub(self.start())
    }
}

/// Keeps what different threads write on cache lines of their own; 128 bytes, because lines are fetched in pairs.
#[repr(align(128))]
struct Apart<T>(T);

/// Where the caller puts a step's parts and helpers find them.
pub struct Board {
    /// By thread, the caller first, its share: see [`Unclaimed`].
    shares: Vec<Apart<AtomicU32>>,
    /// Parts of this step that helpers have finished.
    finished: Apart<AtomicUsize>,
    step: UnsafeCell<Step>,
    /// Whether a caller uses the board.
    taken: AtomicBool,
    /// The longest working memory that helpers have.
    scratch_len: usize,
    /// What the first part that unwound on a helper left behind.
    panic: Mutex<Option<Panic>>,
}

// SAFETY: `step` is written only by the caller that has set `taken`, while no part is claimed, and is read only by
// threads that hold a part. The claim is an acquire of the caller's release, and the caller's wait is an acquire of the
// release that ends the part, so no write meets a read. What `task` points to is `Sync`.
#[allow(unsafe_code)]
unsafe impl Sync for Board {}
// SAFETY: the pointer in `step` is followed only as above, on whatever thread.
#[allow(unsafe_code)]
unsafe impl Send for Board {}

/// How a step on the board went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Parts that helpers ran.
    pub helped: usize,
    /// Parts that the caller ran.
    pub own: usize,
    /// How long the caller worked on its own parts.
    pub worked: Duration,
    /// How long the caller then waited for the helpers' parts.
    pub waited: Duration,
}

impl Board {
    /// A board for so many threads, of which each helper has this many bytes of working memory.
    pub fn new(threads: usize, scratch_len: usize) -> Self {
        fn nothing(_: usize, _: &mut [u8]) {}
        Board {
            shares: (0..threads).map(|_| Apart(AtomicU32::new(0))).collect(),
            finished: Apart(AtomicUsize::new(0)),
            step: UnsafeCell::new(Step { task: &nothing, scratch: 0 }),
            taken: AtomicBool::new(false),
            scratch_len,
            panic: Mutex::new(None),
        }
    }

    /// Bytes of working memory that [`help`](Self::help) must be given.
    pub fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    /// Runs all parts of a step, some of them on the threads that call [`help`](Self::help) meanwhile. `None` where the
    /// step must stay on this thread: nothing has run then.
    ///
    /// # Panics
    /// Where a part panics, on whatever thread, after all parts that were begun have ended.
    pub fn run(&self, parts: usize, scratch: &mut [u8], task: &Task<'_>) -> Option<Outcome> {
        let parts = u16::try_from(parts).ok().filter(|_| scratch.len() <= self.scratch_len)?;
        if self.taken.swap(true, Ordering::Acquire) {
            return None;
        }
        let task: *const Task<'_> = task;
        // SAFETY: only the lifetime changes, which is none of a raw pointer's layout; see the top of this file for why
        // nobody follows the pointer after this call.
        #[allow(unsafe_code)]
        let task = unsafe { core::mem::transmute::<*const Task<'_>, *const Task<'static>>(task) };
        // SAFETY: `taken` is ours and no part is claimed: the last step on the board waited for all of its own.
        #[allow(unsafe_code)]
        unsafe {
            *self.step.get() = Step { task, scratch: scratch.len() };
        }
        self.finished.0.store(0, Ordering::Relaxed);
        // From here on, also while unwinding, the end of `claims` waits for helpers.
        let mut claims = Claims { board: self, parts: usize::from(parts), own: 0 };
        // The furthest helper's first: the caller needs no telling.
        let cut = |thread| usize::from(parts) * thread / self.shares.len();
        for (thread, share) in self.shares.iter().enumerate().rev() {
            share.0.store(Unclaimed::new(cut(thread), cut(thread + 1)).0, Ordering::Release);
        }
        let start = Instant::now();
        while let Some(part) = claims.next() {
            // SAFETY: `task` is borrowed for the whole call.
            #[allow(unsafe_code)]
            unsafe {
                (*task)(part, scratch);
            }
        }
        let worked = start.elapsed();
        let (own, helped) = (claims.own, claims.parts - claims.own);
        let waited = if claims.finished() { Duration::ZERO } else { claims.wait() };
        drop(claims);
        if helped > 0
            && let Some(panic) = self.take_panic()
        {
            resume_unwind(panic);
        }
        Some(Outcome { helped, own, worked, waited })
    }

    /// Whether there is a part to claim.
    pub fn has_work(&self) -> bool {
        self.shares.iter().any(|share| Unclaimed(share.0.load(Ordering::SeqCst)).len() > 0)
    }

    /// Claims one part of the step on the board and runs it as thread `thread`, of which 0 is the caller; false where
    /// there is none. Never panics.
    pub fn help(&self, thread: usize, scratch: &mut [u8]) -> bool {
        if scratch.len() < self.scratch_len {
            return false;
        }
        let Some(part) = self.claim(thread) else { return false };
        // SAFETY: this thread holds a part, so the caller neither returns nor writes `step`.
        #[allow(unsafe_code)]
        let step = unsafe { *self.step.get() };
        // SAFETY: as above, what the task borrows is still there. The part is finished below on every path.
        #[allow(unsafe_code)]
        let run = catch_unwind(AssertUnwindSafe(|| unsafe { (*step.task)(part, &mut scratch[..step.scratch]) }));
        if let Err(panic) = run {
            self.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
        }
        self.finished.0.fetch_add(1, Ordering::Release);
        true
    }

    fn take_panic(&self) -> Option<Panic> {
        self.panic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Claims a part: the first of the thread's own share, or the last of another's.
    fn claim(&self, thread: usize) -> Option<usize> {
        let (before, own) = self.shares.split_at(thread.min(self.shares.len()));
        own.iter().chain(before).enumerate().find_map(|(turn, share)| {
            let mut word = share.0.load(Ordering::Relaxed);
            loop {
                let unclaimed = Unclaimed(word);
                let (start, end) = (unclaimed.start(), unclaimed.end());
                let (part, left) = match turn {
                    _ if start >= end => return None,
                    0 => (start, Unclaimed::new(start + 1, end)),
                    _ => (end - 1, Unclaimed::new(start, end - 1)),
                };
                match share.0.compare_exchange_weak(word, left.0, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => return Some(part),
                    Err(now) => word = now,
                }
            }
        })
    }
}

/// The caller's claims on the parts of its step. Its end takes back what nobody claimed and waits for the rest.
struct Claims<'b> {
    board: &'b Board,
    /// Parts that somebody runs or will run.
    parts: usize,
    /// Those of them that the caller claimed.
    own: usize,
}

impl Claims<'_> {
    fn next(&mut self) -> Option<usize> {
        let part = self.board.claim(0)?;
        self.own += 1;
        Some(part)
    }

    /// Whether the helpers have finished the parts that the caller did not claim.
    fn finished(&self) -> bool {
        self.board.finished.0.load(Ordering::Acquire) == self.parts - self.own
    }

    /// Waits until they have, and says for how long.
    fn wait(&self) -> Duration {
        let start = Instant::now();
        loop {
            for _ in 0..16 {
                if self.finished() {
                    return start.elapsed();
                }
                core::hint::spin_loop();
            }
            if start.elapsed() > POLL {
                std::thread::yield_now();
            }
        }
    }
}

impl Drop for Claims<'_> {
    fn drop(&mut self) {
        // Only a panic leaves any.
        for share in &self.board.shares {
            if Unclaimed(share.0.load(Ordering::Relaxed)).len() > 0 {
                self.parts -= Unclaimed(share.0.swap(0, Ordering::Acquire)).len();
            }
        }
        if !self.finished() {
            self.wait();
        }
        if std::thread::panicking() {
            // The caller's own panic goes on; that of a helper must not wait for the next step.
            drop(self.board.take_panic());
        }
        self.board.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::thread;

    /// Runs `work` with two threads that help until it returns.
    fn with_helpers<T>(board: &Board, work: impl FnOnce() -> T) -> T {
        /// Sends the helpers home, also where `work` panics.
        struct Done<'d>(&'d AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 1..3 {
                let over = &over;
                scope.spawn(move || {
                    let mut scratch = vec![0; board.scratch_len()];
                    while !over.load(Ordering::Relaxed) {
                        if !board.help(thread, &mut scratch) {
                            thread::yield_now();
                        }
                    }
                });
            }
            let _done = Done(&over);
            work()
        })
    }

    #[test]
    fn every_part_runs_once_whoever_runs_it() {
        let board = Board::new(3, 8);
        let mut helped = 0;
        with_helpers(&board, || {
            for parts in (0..40).chain([1000]) {
                let runs: Vec<AtomicU32> = (0..parts).map(|_| AtomicU32::new(0)).collect();
                let task = |part: usize, scratch: &mut [u8]| {
                    assert_eq!(scratch.len(), 5);
                    scratch.fill(part as u8);
                    runs[part].fetch_add(1, Ordering::Relaxed);
                    thread::yield_now();
                    assert!(scratch.iter().all(|&byte| byte == part as u8), "another part wrote our working memory");
                };
                let outcome = board.run(parts, &mut [0; 5], &task).expect("the board is free");
                assert_eq!(outcome.own + outcome.helped, parts);
                assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1), "{parts} parts");
                helped += outcome.helped;
            }
        });
        assert!(helped > 0, "nobody helped");
    }

    #[test]
    fn a_step_that_a_part_starts_stays_on_its_thread() {
        let board = Board::new(3, 0);
        let task = |_: usize, _: &mut [u8]| {
            assert_eq!(board.run(1, &mut [], &|_, _| panic!("runs")), None);
        };
        assert!(board.run(2, &mut [], &task).is_some());
    }

    #[test]
    fn what_helpers_cannot_run_stays_with_the_caller() {
        let board = Board::new(3, 4);
        assert_eq!(board.run(1, &mut [0; 5], &|_, _| {}), None, "more working memory than helpers have");
        assert_eq!(board.run(1 << 16, &mut [0; 4], &|_, _| {}), None, "more parts than can be counted");
        assert!(!board.help(1, &mut [0; 3]));
        assert!(!board.help(1, &mut [0; 4]));
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_once_every_part_has_ended() {
        let board = Board::new(3, 0);
        let caller = thread::current().id();
        with_helpers(&board, || {
            for on_caller in [true, false] {
                let (begun, ended) = (AtomicU32::new(0), AtomicU32::new(0));
                let task = |part: usize, _: &mut [u8]| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    // The first of these is a caller's, the last a helper's, once both are at it.
                    while board.has_work() && begun.load(Ordering::Relaxed) < 2 {
                        thread::yield_now();
                    }
                    ended.fetch_add(1, Ordering::Relaxed);
                    assert!((thread::current().id() == caller) != on_caller, "part {part}");
                };
                let run = catch_unwind(AssertUnwindSafe(|| board.run(8, &mut [], &task)));
                assert!(run.is_err());
                assert_eq!(begun.into_inner(), ended.into_inner());
                // The board is as new, and no panic is left on it.
                assert!(board.run(3, &mut [], &|_, _| {}).is_some());
            }
        });
    }
}
