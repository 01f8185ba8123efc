//! Where the loop leaves a picture for those who watch, and where they find it as JPEG.
//!
//! The loop looks whether somebody watches and whether the desk is free, and copies the pixels there; a thread of its own draws
//! the boxes and makes one JPEG for all. Whoever is slow gets the newest when they are ready for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::sink::{Picture, Report, Sink};

/// Quality of the JPEGs, 1 to 100.
const QUALITY: u8 = 75;
/// Longest side of the picture that is shown.
const LONGEST_SIDE: usize = 960;

/// The desk, shared by the loop, the thread that makes JPEGs, and those who watch.
#[derive(Debug, Default)]
pub struct Desk {
    raw: Mutex<Raw>,
    put: Condvar,
    made: Mutex<Made>,
    changed: Condvar,
    watchers: AtomicUsize,
}

/// A picture that waits to be made a JPEG.
#[derive(Debug, Default)]
struct Raw {
    picture: Picture,
    is_new: bool,
    ended: bool,
}

/// The newest JPEG and its number.
#[derive(Debug, Default)]
struct Made {
    jpeg: Arc<Vec<u8>>,
    number: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// A desk, and the thread that works at it until the desk is closed.
    ///
    /// # Errors
    /// That the system has no thread to give.
    pub fn open() -> std::io::Result<Arc<Desk>> {
        let desk = Arc::new(Desk::default());
        let worker = Arc::clone(&desk);
        std::thread::Builder::new().name("live picture".into()).spawn(move || worker.work())?;
        Ok(desk)
    }

    /// Ends the thread.
    pub fn close(&self) {
        lock(&self.raw).ended = true;
        self.put.notify_all();
    }

    fn work(&self) {
        let mut own = Picture::default();
        loop {
            {
                let mut raw = lock(&self.raw);
                while !raw.is_new && !raw.ended {
                    raw = self.put.wait(raw).unwrap_or_else(PoisonError::into_inner);
                }
                if raw.ended {
                    return;
                }
                raw.is_new = false;
                std::mem::swap(&mut raw.picture, &mut own);
            }
            own.draw();
            let Ok(jpeg) = own.jpeg(QUALITY) else { continue };
            let mut made = lock(&self.made);
            *made = Made { jpeg: Arc::new(jpeg), number: made.number + 1 };
            self.changed.notify_all();
        }
    }

    /// Somebody watches, until what is given back is dropped.
    pub fn watch(self: &Arc<Desk>) -> Watcher {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Watcher { desk: Arc::clone(self), known: 0 }
    }

    /// How many watch.
    pub fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Relaxed)
    }
}

/// Somebody who watches.
#[derive(Debug)]
pub struct Watcher {
    desk: Arc<Desk>,
    known: u64,
}

impl Watcher {
    /// The next picture; `None` where there is none for so long.
    pub fn next(&mut self, patience: Duration) -> Option<Arc<Vec<u8>>> {
        let made = lock(&self.desk.made);
        let waits = |made: &mut Made| made.number == self.known;
        let waited = self.desk.changed.wait_timeout_while(made, patience, waits);
        let (made, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if made.number == self.known {
            return None;
        }
        self.known = made.number;
        Some(Arc::clone(&made.jpeg))
    }

    /// Only pictures that are made from now on.
    pub fn after_now(mut self) -> Watcher {
        self.known = lock(&self.desk.made).number;
        self
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.desk.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The sink that leaves pictures on a desk.
#[derive(Debug)]
pub struct Easel {
    desk: Arc<Desk>,
    /// From one picture to the next at least.
    interval: Duration,
    last: Option<Instant>,
}

impl Easel {
    /// For a desk, and no more than `rate` pictures a second.
    pub fn new(desk: Arc<Desk>, rate: f64) -> Easel {
        Easel { desk, interval: Duration::from_secs_f64(1.0 / rate), last: None }
    }
}

impl Sink for Easel {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        if self.desk.watchers() == 0 || self.last.is_some_and(|last| last.elapsed() < self.interval) {
            return Ok(());
        }
        let mut raw = match self.desk.raw.try_lock() {
            Ok(raw) if !raw.is_new => raw,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // The thread is at it: the next frame will do.
            Ok(_) | Err(TryLockError::WouldBlock) => return Ok(()),
        };
        self.last = Some(Instant::now());
        raw.picture.copy(report, LONGEST_SIDE);
        raw.is_new = true;
        self.desk.put.notify_one();
        Ok(())
    }
}

impl Drop for Easel {
    fn drop(&mut self) {
        self.desk.close();
    }
}
