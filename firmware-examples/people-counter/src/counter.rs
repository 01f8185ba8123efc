//! The counter: a sink that counts crossings, and a thread that shows and keeps the numbers.
//!
//! The loop only adds. The thread looks five times a second whether the numbers or what is wrong have changed, and only then
//! speaks to the screen; the file is written once in five seconds at most, and at the end.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use retort::Error;
use retort::place::What;
use retort::sink::{Report, Sink};

use crate::bitmap::Bitmap;
use crate::counts::Counts;
use crate::face::{Face, Fault};
use crate::screen::Screen;

const LOOK: Duration = Duration::from_millis(200);
/// Between two writings of the file, and between two tries to find a screen.
const PATIENCE: Duration = Duration::from_secs(5);

type Shared = Arc<Mutex<Counts>>;

/// The sink.
pub struct Counter {
    counts: Shared,
    until: Option<Sender<()>>,
    clerk: Option<JoinHandle<()>>,
}

impl Counter {
    /// Goes on from the numbers in `file`. `open` opens the screen, and does so again after it was lost; `is_lost` says whether
    /// the camera is.
    ///
    /// # Errors
    /// That the file cannot be read, or the system has no thread to give.
    pub fn start(
        file: PathBuf,
        open: impl Fn() -> io::Result<Box<dyn Screen>> + Send + 'static,
        is_lost: impl Fn() -> bool + Send + 'static,
    ) -> io::Result<Counter> {
        let kept = Counts::read(&file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        let counts: Shared = Arc::new(Mutex::new(kept));
        let (until, end) = channel();
        let clerk = Clerk { counts: Arc::clone(&counts), file, kept, written: None, not_saved: false };
        let clerk = thread::Builder::new().name("clerk".into()).spawn(move || clerk.work(&end, open, is_lost))?;
        Ok(Counter { counts, until: Some(until), clerk: Some(clerk) })
    }

    /// The numbers now.
    pub fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Counter {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        for event in report.events() {
            if let What::Crossed { way, .. } = event.what {
                self.counts.lock().unwrap_or_else(PoisonError::into_inner).cross(way);
            }
        }
        Ok(())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.until = None;
        if let Some(clerk) = self.clerk.take() {
            let _ = clerk.join();
        }
    }
}

/// Who shows the numbers and keeps them.
struct Clerk {
    counts: Shared,
    file: PathBuf,
    /// What the file says.
    kept: Counts,
    written: Option<Instant>,
    not_saved: bool,
}

impl Clerk {
    fn work(mut self, end: &Receiver<()>, open: impl Fn() -> io::Result<Box<dyn Screen>>, is_lost: impl Fn() -> bool) {
        let mut board = Board { open, screen: None, shown: None, tried: None, said: String::new() };
        let mut stopped = false;
        while !stopped {
            stopped = end.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected);
            let counts = *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            self.keep(counts, stopped);
            let lost = || is_lost().then_some(Fault::CameraLost);
            let fault = stopped.then_some(Fault::Stopped).or_else(lost).or(self.not_saved.then_some(Fault::NotSaved));
            board.show(Face { counts, fault });
        }
    }

    fn keep(&mut self, counts: Counts, at_once: bool) {
        let due = at_once || self.written.is_none_or(|written| written.elapsed() >= PATIENCE);
        if counts == self.kept || !due {
            return;
        }
        self.written = Some(Instant::now());
        let result = counts.write(&self.file);
        match &result {
            Ok(()) => self.kept = counts,
            Err(error) if !self.not_saved => eprintln!("warning: {}: {error}", self.file.display()),
            Err(_) => {}
        }
        self.not_saved = result.is_err();
    }
}

/// The screen, as far as there is one.
struct Board<O> {
    open: O,
    screen: Option<Box<dyn Screen>>,
    shown: Option<Face>,
    tried: Option<Instant>,
    said: String,
}

impl<O: Fn() -> io::Result<Box<dyn Screen>>> Board<O> {
    /// Shows what is not shown yet.
    fn show(&mut self, face: Face) {
        let waits = self.screen.is_none() && self.tried.is_some_and(|tried| tried.elapsed() < PATIENCE);
        if self.shown == Some(face) || waits {
            return;
        }
        match self.try_show(face) {
            Ok(()) => {
                self.shown = Some(face);
                if !std::mem::take(&mut self.said).is_empty() {
                    eprintln!("note: the screen is back");
                }
            }
            Err(error) => {
                (self.screen, self.shown, self.tried) = (None, None, Some(Instant::now()));
                let said = error.to_string();
                if said != self.said {
                    eprintln!("warning: {said}; counting without a screen, and looking for it");
                    self.said = said;
                }
            }
        }
    }

    fn try_show(&mut self, face: Face) -> io::Result<()> {
        let screen = match &mut self.screen {
            Some(screen) => screen,
            none => none.insert((self.open)()?),
        };
        screen.show(&Bitmap::of(&face))
    }
}
