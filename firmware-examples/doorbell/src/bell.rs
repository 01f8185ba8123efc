//! The bell: a sink that rings for an event, and then is quiet for a while.
//!
//! Switching, waiting and looking for a line that is missing happen on a thread, so that no frame waits. While there is no line,
//! the bell fails as a sink: the service says so once, tries again less and less often, and goes on with everything else.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use retort::Error;
use retort::sink::{Report, Sink, Wish};

use crate::line::Line;

/// What rings the bell, and how.
#[derive(Clone, Debug)]
pub struct BellOptions {
    /// The event that it rings for.
    pub on: Wish,
    /// How long it rings.
    pub ring: Duration,
    /// How long it is quiet after it began to ring, whoever comes.
    pub quiet: Duration,
}

/// What the thread is asked for.
enum Order {
    Ring,
    FindLine,
}

/// What is wrong with the line, if anything.
type Trouble = Arc<Mutex<Option<String>>>;

/// The bell.
pub struct Bell {
    options: BellOptions,
    orders: Option<SyncSender<Order>>,
    trouble: Trouble,
    rang: Option<Instant>,
    ringer: Option<JoinHandle<()>>,
}

impl Bell {
    /// Starts the thread, which opens the line by `open`, and again whenever it is lost.
    ///
    /// # Errors
    /// That the system has no thread to give.
    pub fn start<L: Line>(
        options: BellOptions,
        open: impl FnMut() -> io::Result<L> + Send + 'static,
    ) -> io::Result<Bell> {
        // One order may wait: who rings while it rings is heard once more.
        let (orders, taken) = sync_channel(1);
        let trouble = Trouble::default();
        let (ring, told) = (options.ring, Arc::clone(&trouble));
        let ringer = thread::Builder::new().name("bell".into()).spawn(move || obey(&taken, ring, open, &told))?;
        Ok(Bell { options, orders: Some(orders), trouble, rang: None, ringer: Some(ringer) })
    }

    fn order(&self, order: Order) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.try_send(order).is_ok())
    }
}

impl Sink for Bell {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let failed = |problem| Error::Sink { name: "the bell", problem };
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(problem) = trouble {
            self.order(Order::FindLine);
            return Err(failed(problem));
        }
        let Some(scene) = report.scene else { return Ok(()) };
        self.options.on.check(scene.places()).map_err(failed)?;
        let somebody = scene.events().iter().any(|event| self.options.on.matches(event, scene.places()));
        let now = Instant::now();
        let may_ring = self.rang.is_none_or(|rang| now.duration_since(rang) >= self.options.quiet);
        if somebody && may_ring && self.order(Order::Ring) {
            self.rang = Some(now);
        }
        Ok(())
    }
}

impl Drop for Bell {
    /// Lets it finish ringing, so that the line is off in the end.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(ringer) = self.ringer.take() {
            let _ = ringer.join();
        }
    }
}

/// The thread.
fn obey<L: Line>(orders: &Receiver<Order>, ring: Duration, mut open: impl FnMut() -> io::Result<L>, trouble: &Trouble) {
    let mut line = None;
    let mut next = Some(Order::FindLine);
    while let Some(order) = next {
        let done = match (&mut line, order) {
            (Some(line), Order::Ring) => pulse(line, ring),
            (Some(_), Order::FindLine) => Ok(()),
            (None, _) => open().map(|found| line = Some(found)),
        };
        if done.is_err() {
            line = None;
        }
        let problem = done.err().map(|error| format!("{error}"));
        *trouble.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        next = orders.recv().ok();
    }
}

fn pulse(line: &mut impl Line, ring: Duration) -> io::Result<()> {
    line.set(true)?;
    thread::sleep(ring);
    line.set(false)
}
