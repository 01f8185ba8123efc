//! A source that is looked for again whenever it is lost, less and less often while it stays away.

use std::time::Duration;

use super::clock::{Clock, RealClock};
use super::link::{Connect, Link, Lost};
use super::{Losses, Options, Shot, Source, Stop};
use crate::error::Error;

/// From a loss to the first try.
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
/// Between tries at most; from one to the next the wait doubles.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Frames of a link, and of the links after it.
///
/// Each loss is one [`Error::Lost`]: asked again, the source waits and tries to connect. Frames are numbered through, over
/// all links.
pub struct Persistent<C: Connect> {
    inner: Inner<C, RealClock>,
}

impl<C: Connect> Persistent<C> {
    /// Connects for the first time.
    ///
    /// # Errors
    /// [`Error::Source`] where that fails: what was never there is not waited for.
    pub fn open(name: &str, connect: C, options: &Options) -> Result<Persistent<C>, Error> {
        Ok(Persistent { inner: Inner::open(name, connect, options, RealClock)? })
    }
}

impl<C: Connect> Source for Persistent<C> {
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error> {
        self.inner.next_shot()
    }

    fn count(&self) -> Option<usize> {
        None
    }

    fn losses(&self) -> Losses {
        self.inner.losses
    }

    fn format(&self) -> Option<String> {
        Some(self.inner.format.clone())
    }
}

struct Inner<C: Connect, K> {
    name: String,
    connect: C,
    clock: K,
    stop: Stop,
    reconnect: bool,
    link: Option<C::Link>,
    /// The link gave an error. It is dropped when the next frame is asked for, as that error borrows nothing of it.
    broken: bool,
    wait: Duration,
    losses: Losses,
    numbers: Numbers,
    /// The format of the last link's frames.
    format: String,
}

/// Makes one sequence of the numbers of all links.
#[derive(Debug, Default)]
struct Numbers {
    /// Added to the numbers of this link.
    base: u64,
    /// The link's number of the last frame.
    last: Option<u64>,
}

impl Numbers {
    /// The number of a frame, and how many before it were dropped.
    fn next(&mut self, number: u64) -> (u64, u64) {
        let dropped = self.last.map_or(0, |last| number.saturating_sub(last + 1));
        self.last = Some(number);
        (self.base + number, dropped)
    }

    /// The next number is another link's.
    fn restart(&mut self) {
        self.base += self.last.take().map_or(0, |last| last + 1);
    }
}

impl<C: Connect, K: Clock> Inner<C, K> {
    fn open(name: &str, mut connect: C, options: &Options, clock: K) -> Result<Self, Error> {
        let link = connect.connect().map_err(|lost| Error::Source { name: name.into(), problem: lost.0 })?;
        Ok(Inner {
            format: link.format(),
            name: name.into(),
            connect,
            clock,
            stop: options.stop.clone(),
            reconnect: options.reconnect,
            link: Some(link),
            broken: false,
            wait: SHORTEST_WAIT,
            losses: Losses::default(),
            numbers: Numbers::default(),
        })
    }

    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error> {
        if std::mem::take(&mut self.broken) {
            self.link = None;
        }
        if self.link.is_none() && !self.stop.is_raised() {
            self.find_again()?;
        }
        let Some(link) = self.link.as_mut().filter(|_| !self.stop.is_raised()) else { return Ok(None) };
        match link.next_frame() {
            Ok(Some((frame, decoding))) => {
                self.wait = SHORTEST_WAIT;
                let (number, dropped) = self.numbers.next(frame.sequence());
                self.losses.dropped += dropped;
                Ok(Some(Shot { name: &self.name, frame: frame.numbered(number), decoding }))
            }
            Ok(None) => Ok(None),
            Err(lost) => {
                self.broken = true;
                Err(lost_for(&self.name, lost, self.reconnect.then_some(self.wait)))
            }
        }
    }

    /// Waits, then tries once.
    fn find_again(&mut self) -> Result<(), Error> {
        self.clock.sleep(self.wait, &self.stop);
        if self.stop.is_raised() {
            return Ok(());
        }
        // Only a frame makes the wait short again: something may be found that never delivers.
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        let link = self.connect.connect().map_err(|lost| lost_for(&self.name, lost, Some(self.wait)))?;
        self.format = link.format();
        self.link = Some(link);
        self.losses.reconnects += 1;
        self.numbers.restart();
        Ok(())
    }
}

fn lost_for(name: &str, lost: Lost, wait: Option<Duration>) -> Error {
    let problem = match wait {
        Some(wait) => format!("{lost}; looking for it again in {} s", wait.as_secs_f64()),
        None => lost.0,
    };
    Error::Lost { name: name.into(), problem }
}

#[cfg(test)]
#[path = "persistent_tests.rs"]
mod tests;
