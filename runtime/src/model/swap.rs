//! A new model in the place of the one that runs, between two frames.
//!
//! A thread looks at the model's files once a second. Where one was replaced, it prepares what is made of them anew: it loads,
//! verifies, plans, tries, and takes whatever memory is needed. The loop that runs the old one asks after each frame whether
//! there is news, which costs one atomic load and no memory, and goes on with the old one where there is none, or where what
//! was prepared is not good.
//!
//! ```no_run
//! # use std::{path::Path, sync::Arc, time::Duration};
//! # use retort::{Error, contract::Contract, model::{LoadOptions, Model, swap::{self, Swap, Watched}}, vision::detector::Detector};
//! # fn frames() -> impl Iterator<Item = ()> { [(); 3].into_iter() }
//! fn prepare(path: &Path) -> Result<Detector, Error> {
//!     let model = Model::open(path, &LoadOptions::default())?;
//!     let contract = model.find_contract(None)?;
//!     swap::prove(&model, &contract)?;
//!     Detector::new(&model, &contract)
//! }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let path = Path::new("model.onnx");
//! let watched = Watched::model(path, None);
//! let mut detector = prepare(path)?;
//! let swap = Swap::start(watched, Arc::default(), || prepare(path))?;
//! for frame in frames() {
//!     // … detector.detect(&frame)
//!     match swap.news() {
//!         Some(Ok(new)) => detector = new,
//!         Some(Err(error)) => eprintln!("{error}; going on as before"),
//!         None => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::Model;
use super::golden::{golden, self_test};
use crate::contract::Contract;
use crate::error::Error;
use crate::guard::{MISTAKE, guarded};
use crate::sidecar;
use crate::signature::signature_path;

/// How often files are looked at. What was replaced is prepared once it has been the same for two looks, so that whatever
/// is replaced with it, such as its signature, is there too.
const LOOK: Duration = Duration::from_secs(1);
/// Longest wait between two looks at the flag that has everything prepared at once.
const NAP: Duration = Duration::from_millis(200);
/// The golden picture that a model has to run on whose contract promises nothing.
const SEED: u32 = 1;

/// The identity of a file: another one under its name, or other contents of it, has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    node: u64,
    length: u64,
    /// When it was written, and when it was changed at all, in seconds and nanoseconds.
    times: [i64; 4],
}

impl Stamp {
    /// Of what lies there now, if anything does. Does not allocate where the path has less than 384 bytes.
    fn of(path: &Path) -> Option<Stamp> {
        let found = metadata(path).ok()?;
        Some(Stamp {
            device: found.dev(),
            node: found.ino(),
            length: found.len(),
            times: [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()],
        })
    }
}

/// Files as they are at some moment: what is made of them afterwards is at least as new.
#[derive(Debug)]
pub struct Watched {
    files: Vec<PathBuf>,
    /// As they were when something was last made of them.
    made: Vec<Option<Stamp>>,
    /// As they were at the last look.
    last: Vec<Option<Stamp>>,
    every: Duration,
}

impl Watched {
    /// Files as they are now; to be called before they are read.
    pub fn now(files: Vec<PathBuf>) -> Watched {
        let made: Vec<Option<Stamp>> = files.iter().map(|file| Stamp::of(file)).collect();
        Watched { last: made.clone(), made, files, every: LOOK }
    }

    /// A model, the contract beside it or the one given instead, and the signatures of both.
    pub fn model(model: &Path, contract: Option<&Path>) -> Watched {
        let contract = contract.map_or_else(|| sidecar::path(model), Path::to_owned);
        let signatures = [signature_path(model), signature_path(&contract)];
        Watched::now([vec![model.to_owned(), contract], signatures.to_vec()].concat())
    }

    /// The same, looked at so often instead of once a second.
    pub fn every(mut self, every: Duration) -> Watched {
        self.every = every;
        self
    }

    /// Looks at the files; whether something new is to be made of them: they are others than were made something of, and
    /// the same as at the last look.
    fn is_due(&mut self) -> bool {
        let mut still = true;
        for (file, last) in self.files.iter().zip(&mut self.last) {
            let now = Stamp::of(file);
            still &= *last == now;
            *last = now;
        }
        still && self.last != self.made
    }

    /// Something is made of them as they are now.
    fn make(&mut self) {
        for ((file, last), made) in self.files.iter().zip(&mut self.last).zip(&mut self.made) {
            *last = Stamp::of(file);
            *made = *last;
        }
    }
}

/// Where the thread puts what it has prepared.
struct Desk<T, E> {
    news: Mutex<Option<Result<T, E>>>,
    /// There is some.
    ready: AtomicBool,
    /// Memory is being taken for something new.
    preparing: AtomicBool,
    /// It was, since that was last asked.
    prepared: AtomicBool,
    /// Nobody wants any more.
    left: AtomicBool,
}

/// Prepares what takes the place of a `T`, whenever the files that it is made of are replaced.
pub struct Swap<T, E> {
    desk: Arc<Desk<T, E>>,
    thread: Thread,
}

impl<T: Send + 'static, E: Send + From<Error> + 'static> Swap<T, E> {
    /// Begins to watch, on a thread of its own. `prepare` makes a new one of the files, and is called when they were
    /// replaced, or once `now` is raised, which a signal may do; a panic in it becomes an error.
    ///
    /// # Errors
    /// That the system has no thread to give.
    pub fn start(
        mut watched: Watched,
        now: Arc<AtomicBool>,
        mut prepare: impl FnMut() -> Result<T, E> + Send + 'static,
    ) -> std::io::Result<Swap<T, E>> {
        let desk = Arc::new(Desk {
            news: Mutex::new(None),
            ready: AtomicBool::new(false),
            preparing: AtomicBool::new(true),
            prepared: AtomicBool::new(false),
            left: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&desk);
        let work = move || {
            // A thread takes some memory when it begins.
            std::thread::park_timeout(Duration::ZERO);
            theirs.rest();
            let mut looked = Instant::now();
            while !theirs.left.load(Ordering::Relaxed) {
                std::thread::park_timeout(NAP.min(watched.every));
                let asked = now.swap(false, Ordering::Relaxed);
                let due = looked.elapsed() >= watched.every && {
                    looked = Instant::now();
                    watched.is_due()
                };
                if asked || due {
                    theirs.preparing.store(true, Ordering::SeqCst);
                    watched.make();
                    let news = guarded(&mut prepare).unwrap_or_else(|| Err(mistake(&watched).into()));
                    theirs.put(news);
                }
            }
        };
        let thread = std::thread::Builder::new().name("swap".into()).spawn(work)?.thread().clone();
        Ok(Swap { desk, thread })
    }

    /// What was prepared, once: a new one, or why there is none. Neither waits nor allocates.
    pub fn news(&self) -> Option<Result<T, E>> {
        if !self.desk.ready.load(Ordering::Acquire) {
            return None;
        }
        let mut news = self.desk.news.lock().unwrap_or_else(PoisonError::into_inner);
        self.desk.ready.store(false, Ordering::Relaxed);
        news.take()
    }

    /// Whether memory is taken for something new, or was since this was last asked: what a frame itself took can then not
    /// be told. Does not allocate.
    pub fn takes_memory(&self) -> bool {
        // In this order: whoever is found not to be preparing any more has said before that it was.
        let preparing = self.desk.preparing.load(Ordering::SeqCst);
        self.desk.prepared.swap(false, Ordering::SeqCst) | preparing
    }
}

impl<T, E> Desk<T, E> {
    fn put(&self, news: Result<T, E>) {
        let mut place = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let before = place.replace(news);
        self.ready.store(true, Ordering::Release);
        drop(place);
        // What nobody took.
        drop(before);
        self.rest();
    }

    /// From now on no memory is taken.
    fn rest(&self) {
        self.prepared.store(true, Ordering::SeqCst);
        self.preparing.store(false, Ordering::SeqCst);
    }
}

impl<T, E> Drop for Swap<T, E> {
    /// Does not wait for what is being prepared.
    fn drop(&mut self) {
        self.desk.left.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

fn mistake(watched: &Watched) -> Error {
    let path = watched.files.first().cloned().unwrap_or_default();
    Error::Model { path, problem: format!("preparing it {MISTAKE}; please report it, with the model") }
}

/// What has to hold of a model before it takes another's place: it fits its contract, runs, and computes here what it
/// computed where it was made, as far as the contract says what that is.
///
/// # Errors
/// What does not hold, with the file's name.
pub fn prove(model: &Model, contract: &Contract) -> Result<(), Error> {
    let path = model.path();
    model.check(contract)?;
    let Some(test) = self_test(model, contract)? else {
        return golden(model, contract, SEED).map(|_| ());
    };
    if test.found == test.promised {
        return Ok(());
    }
    let problem = format!(
        "fails its self-test: the outputs have checksum {:08x}, the exporter's had {:08x}; `retort verify` says the same of \
         it, and the file or its contract is another than was exported",
        test.found.output_crc32, test.promised.output_crc32
    );
    Err(Error::Model { path: path.into(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(10);

    fn wait<T: Send + 'static>(swap: &Swap<T, Error>) -> Result<T, Error> {
        let began = Instant::now();
        loop {
            if let Some(news) = swap.news() {
                return news;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "no news");
            std::thread::sleep(SOON);
        }
    }

    fn replace(path: &Path, text: &str) {
        let partial = path.with_extension("partial");
        std::fs::write(&partial, text).unwrap();
        std::fs::rename(&partial, path).unwrap();
    }

    #[test]
    fn what_is_replaced_is_prepared_once_and_errors_and_panics_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, "1").unwrap();
        let watched = Watched::model(&path, None).every(SOON);
        let file = path.clone();
        let prepare = move || {
            let text = std::fs::read_to_string(&file).map_err(|source| Error::Io { path: file.clone(), source })?;
            Ok(text.parse::<u32>().expect("a number"))
        };
        crate::guard::silence_guarded_panics();
        let now = Arc::new(AtomicBool::new(false));
        let swap = Swap::start(watched, Arc::clone(&now), prepare).unwrap();
        while swap.takes_memory() {}
        std::thread::sleep(10 * SOON);
        assert!(swap.news().is_none() && !swap.takes_memory(), "nothing was replaced");
        for number in 2..4 {
            replace(&path, &number.to_string());
            assert_eq!(wait(&swap).unwrap(), number);
            // Of two that come at once, one.
            while swap.takes_memory() {}
            std::thread::sleep(10 * SOON);
            assert!(swap.news().is_none());
        }
        // In place, as `cp` does it.
        std::fs::write(&path, "14").unwrap();
        assert_eq!(wait(&swap).unwrap(), 14);
        // What lies beside it counts, too.
        std::fs::write(signature_path(&path), "x").unwrap();
        assert_eq!(wait(&swap).unwrap(), 14);
        replace(&path, "no number");
        let error = wait(&swap).unwrap_err().to_string();
        assert!(error.contains("model.onnx") && error.contains(MISTAKE), "{error}");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(wait(&swap), Err(Error::Io { .. })));
        replace(&path, "15");
        assert_eq!(wait(&swap).unwrap(), 15);
        // On demand, though nothing changed.
        now.store(true, Ordering::Relaxed);
        assert_eq!(wait(&swap).unwrap(), 15);
    }

    #[test]
    fn files_are_left_alone_while_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        let mut watched = Watched::now(vec![path.clone()]);
        assert!(!watched.is_due());
        std::fs::write(&path, "a").unwrap();
        assert!(!watched.is_due(), "it may still be written");
        std::fs::write(&path, "ab").unwrap();
        assert!(!watched.is_due());
        assert!(watched.is_due());
        watched.make();
        assert!(!watched.is_due());
    }
}
