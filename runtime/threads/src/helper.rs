//! A helper's thread: claim parts while there are some, look again for a moment, sleep.

use crate::board::Board;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How often a helper looks for work before it looks at the clock: for about two microseconds.
const LOOKS: u32 = 64;
/// How long a helper stays awake between two steps of a run, so that it need not be woken for each. After its first looks
/// it lets whoever else wants its core go first, which may be the caller.
const AWAKE: Duration = Duration::from_micros(100);

/// What the caller and all helpers share.
pub struct Shared {
    /// Where the parts are.
    pub board: Board,
    /// Whether a run is going on that is to be helped.
    pub helped: AtomicBool,
    /// Helpers that look for work.
    pub awake: AtomicUsize,
    /// Whether the pool is at its end.
    pub over: AtomicBool,
}

/// Wakes a helper.
#[derive(Clone)]
pub struct Alarm {
    asleep: Arc<AtomicBool>,
    thread: Thread,
}

impl Alarm {
    /// Wakes the helper where it sleeps, which costs a system call; otherwise costs next to nothing. One that falls asleep
    /// just now may be missed, which costs its help with one step and nothing else.
    pub fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
    }
}

/// Starts the helper that is thread `thread` and that, once awake, wakes the one that `next` is for: so the caller need
/// wake only the last one started.
pub fn start(shared: &Arc<Shared>, thread: usize, next: Option<Alarm>) -> std::io::Result<(JoinHandle<()>, Alarm)> {
    let asleep = Arc::new(AtomicBool::new(false));
    let started = Arc::new(Barrier::new(2));
    let helper = Helper { thread, shared: Arc::clone(shared), asleep: Arc::clone(&asleep), next };
    let handle = thread::Builder::new().name("retort-helper".into()).spawn({
        let started = Arc::clone(&started);
        move || helper.work(&started)
    })?;
    // A thread allocates while it starts, which must be over when the first run begins.
    started.wait();

    let alarm = Alarm { asleep, thread: handle.thread().clone() };
    Ok((handle, alarm))
}

struct Helper {
    thread: usize,
    shared: Arc<Shared>,
    asleep: Arc<AtomicBool>,
    next: Option<Alarm>,
}

impl Helper {
    fn work(self, started: &Barrier) {
        let Shared { board, helped, awake, over } = &*self.shared;
        let mut scratch = Scratch::new(board.scratch_len());
        started.wait();
        while !over.load(Ordering::SeqCst) {
            awake.fetch_add(1, Ordering::Relaxed);
            self.stay_awake(helped, || board.help(self.thread, scratch.bytes()));
            awake.fetch_sub(1, Ordering::Relaxed);
            self.asleep.store(true, Ordering::SeqCst);
            if !board.has_work() && !over.load(Ordering::SeqCst) {
                thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
    }

    /// Helps for as long as a run goes on in which there is something to do now and then.
    fn stay_awake(&self, helped: &AtomicBool, mut help: impl FnMut() -> bool) {
        let (mut looks, mut idle_since) = (0, None);
        while helped.load(Ordering::Relaxed) {
            if let Some(next) = &self.next {
                next.ring();
            }
            if help() {
                (looks, idle_since) = (0, None);
            } else if looks < LOOKS {
                looks += 1;
                core::hint::spin_loop();
            } else if idle_since.get_or_insert_with(Instant::now).elapsed() < AWAKE {
                thread::yield_now();
            } else {
                return;
            }
        }
    }
}

/// Working memory that begins where a plan's does.
struct Scratch {
    storage: Vec<u8>,
    start: usize,
    len: usize,
}

impl Scratch {
    fn new(len: usize) -> Self {
        let alignment = retort_core::plan::ALIGNMENT;
        let storage = vec![0; len + alignment];
        let start = storage.as_ptr().addr().next_multiple_of(alignment) - storage.as_ptr().addr();
        Scratch { storage, start, len }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..][..self.len]
    }
}
