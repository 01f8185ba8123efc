//! A source with faults, for tests: it drops, errs, stalls, changes its size and ends, as a script says. Time passes only
//! on its own clock.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::Stop;
use super::clock::Clock;
use super::link::{Connect, Delivered, Link, Lost};
use crate::vision::frame::{Frame, PixelFormat};

/// How long a link waits for a frame.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// What happens next.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection succeeds.
    Found,
    /// A connection fails.
    Missing(&'static str),
    /// A frame with this number, of this width and one row.
    Frame(u32, usize),
    /// The link fails at once.
    Fails(&'static str),
    /// Nothing comes until the timeout.
    Stalls,
    /// There will be no more frames.
    Ends,
    /// Somebody presses Ctrl-C while a frame is waited for.
    Stopped,
}

/// The script, its clock and what was done, shared by the source, its links and its clock.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    inner: Rc<RefCell<Inner>>,
    pub stop: Stop,
}

#[derive(Debug, Default)]
struct Inner {
    script: VecDeque<Event>,
    now: Duration,
    slept: Vec<Duration>,
    open_links: usize,
}

impl Stage {
    pub fn new(script: impl IntoIterator<Item = Event>) -> Stage {
        let stage = Stage::default();
        stage.inner.borrow_mut().script.extend(script);
        stage
    }

    /// The time.
    pub fn now(&self) -> Duration {
        self.inner.borrow().now
    }

    /// All waits between connections.
    pub fn slept(&self) -> Vec<Duration> {
        self.inner.borrow().slept.clone()
    }

    /// Links that were not dropped yet.
    pub fn open_links(&self) -> usize {
        self.inner.borrow().open_links
    }

    fn next(&self) -> Event {
        self.inner.borrow_mut().script.pop_front().expect("the script goes on")
    }
}

impl Clock for Stage {
    fn sleep(&mut self, duration: Duration, _: &Stop) {
        let mut inner = self.inner.borrow_mut();
        inner.now += duration;
        inner.slept.push(duration);
    }
}

impl Connect for Stage {
    type Link = Faulty;

    fn connect(&mut self) -> Result<Faulty, Lost> {
        assert_eq!(self.open_links(), 0, "a camera can be opened once");
        match self.next() {
            Event::Found => {
                self.inner.borrow_mut().open_links += 1;
                Ok(Faulty { stage: self.clone(), pixels: Vec::new() })
            }
            Event::Missing(problem) => Err(Lost(problem.into())),
            other => panic!("{other:?} instead of a connection"),
        }
    }
}

/// A link that does what the script says.
pub struct Faulty {
    stage: Stage,
    pixels: Vec<u8>,
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.stage.inner.borrow_mut().open_links -= 1;
    }
}

impl Link for Faulty {
    fn format(&self) -> String {
        "as scripted".into()
    }

    fn next_frame(&mut self) -> Result<Option<Delivered<'_>>, Lost> {
        match self.stage.next() {
            Event::Frame(number, width) => {
                self.pixels.resize(width, 0);
                let frame = Frame::new(&self.pixels, PixelFormat::Grey8, width, 1, width, self.stage.now());
                Ok(Some((frame.expect("a frame").numbered(number.into()), None)))
            }
            Event::Fails(problem) => Err(Lost(problem.into())),
            Event::Stalls => {
                self.stage.inner.borrow_mut().now += TIMEOUT;
                Err(Lost::timed_out(TIMEOUT))
            }
            Event::Ends => Ok(None),
            Event::Stopped => {
                self.stage.stop.raise();
                Ok(None)
            }
            other => panic!("{other:?} instead of a frame"),
        }
    }
}
