//! Making the next batches on other threads while the present one is learned from.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What a thread made, or what it panicked with.
type Made<T> = Result<T, Box<dyn Any + Send>>;

/// The results of a function of the step, in the order of the steps, made ahead of whoever takes them.
///
/// The function depends on the step alone, so that the results do not depend on the number of threads. A panic in it becomes
/// one of the thread that takes the step's result. Dropped early, it waits for no more than the results in work.
pub struct Prefetch<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    make: Box<dyn Fn(usize) -> T + Send + Sync>,
    state: Mutex<State<T>>,
    /// There is room, or nothing more to do.
    room: Condvar,
    /// A result is there.
    ready: Condvar,
    end: usize,
    /// How many results may be made or in work beyond the one to be taken.
    ahead: usize,
}

struct State<T> {
    /// The step to be taken next.
    wanted: usize,
    /// The step to be made next.
    next: usize,
    made: BTreeMap<usize, Made<T>>,
    stopped: bool,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Makes `steps` on `threads` threads, at most `ahead` results beyond those that were taken (at least one for each thread).
    /// Without threads, each result is made when it is asked for.
    pub fn new(
        steps: Range<usize>,
        threads: usize,
        ahead: usize,
        make: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Prefetch<T> {
        let state = State { wanted: steps.start, next: steps.start, made: BTreeMap::new(), stopped: false };
        let shared = Arc::new(Shared {
            make: Box::new(make),
            state: Mutex::new(state),
            room: Condvar::new(),
            ready: Condvar::new(),
            end: steps.end,
            ahead: ahead.max(threads),
        });
        // More threads than steps have nothing to do. Where the system has no thread to give, fewer do, or none.
        let threads = (0..threads.min(steps.len())).map_while(|_| {
            let shared = shared.clone();
            std::thread::Builder::new().name("data".into()).spawn(move || shared.work()).ok()
        });
        let threads = threads.collect();
        Prefetch { shared, threads }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes results until there are no more steps, or nobody wants them.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            while !state.stopped && state.next < self.end && state.next >= state.wanted + self.ahead {
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.stopped || state.next >= self.end {
                return;
            }
            let step = state.next;
            state.next += 1;
            drop(state);
            let made = catch_unwind(AssertUnwindSafe(|| (self.make)(step)));
            state = self.lock();
            state.made.insert(step, made);
            self.ready.notify_all();
        }
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let mut state = self.shared.lock();
        let step = state.wanted;
        if step >= self.shared.end || state.stopped {
            return None;
        }
        if self.threads.is_empty() {
            state.wanted += 1;
            drop(state);
            return Some((self.shared.make)(step));
        }
        let made = loop {
            match state.made.remove(&step) {
                Some(made) => break made,
                None => state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        state.wanted += 1;
        state.stopped = made.is_err();
        drop(state);
        self.shared.room.notify_all();
        Some(made.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // Panics of the function were caught.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// Takes longer for some steps than for others, so that threads overtake each other.
    fn slow_square(step: usize) -> usize {
        std::thread::sleep(Duration::from_micros((step * 7919 % 5 * 200) as u64));
        step * step
    }

    #[test]
    fn results_are_in_order_on_any_number_of_threads() {
        let expected: Vec<usize> = (3..40).map(|step| step * step).collect();
        for threads in [0, 1, 2, 5, 64] {
            for ahead in [0, 1, 8] {
                assert_eq!(Prefetch::new(3..40, threads, ahead, slow_square).collect::<Vec<_>>(), expected);
            }
        }
        assert_eq!(Prefetch::new(3..3, 2, 2, slow_square).count(), 0);
    }

    #[test]
    fn no_more_is_made_than_may_wait() {
        let made = Arc::new(AtomicUsize::new(0));
        let counter = made.clone();
        let mut results = Prefetch::new(0..1000, 3, 4, move |step| {
            counter.fetch_add(1, Ordering::SeqCst);
            step
        });
        for taken in 1..=20 {
            assert!(results.next().is_some());
            assert!(made.load(Ordering::SeqCst) <= taken + 4);
        }
        drop(results);
        assert!(made.load(Ordering::SeqCst) <= 24);
    }

    #[test]
    fn stopping_early_neither_hangs_nor_leaks_threads() {
        let held = Arc::new(());
        for threads in [0, 1, 4] {
            let inside = held.clone();
            let mut results = Prefetch::new(0..usize::MAX - 8, threads, 3, move |step| {
                let _ = &inside;
                slow_square(step)
            });
            assert_eq!(results.next(), Some(0));
            drop(results);
            // Every thread gave up its share of the function.
            assert_eq!(Arc::strong_count(&held), 1);
        }
    }

    #[test]
    fn a_panic_reaches_whoever_takes_its_result() {
        for threads in [0, 1, 3] {
            let mut results = Prefetch::new(0..10, threads, 2, |step| {
                assert!(step != 4, "step {step} fails");
                step
            });
            assert_eq!(results.by_ref().take(4).collect::<Vec<_>>(), [0, 1, 2, 3]);
            let panic = catch_unwind(AssertUnwindSafe(|| results.next())).expect_err("it panics");
            assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("step 4 fails"));
        }
    }
}
