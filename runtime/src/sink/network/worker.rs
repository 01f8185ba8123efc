//! A thread that ends soon after it is told to.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// For how long a sink goes on sending once it is dropped.
pub(in crate::sink) const FLUSH: Duration = Duration::from_millis(1500);

/// What is left then for saying goodbye, and for the thread to end.
pub(in crate::sink) const FAREWELL: Duration = Duration::from_millis(400);

/// The thread.
#[derive(Debug)]
pub(in crate::sink) struct Worker {
    thread: Option<JoinHandle<()>>,
    /// Closed when the work has ended.
    ended: Receiver<()>,
}

impl Worker {
    pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<Worker> {
        let (guard, ended): (Sender<()>, _) = channel();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            let _guard = guard;
            work();
        })?;
        Ok(Worker { thread: Some(thread), ended })
    }

    /// The thread, while it is not waited for.
    pub fn thread(&self) -> Option<&Thread> {
        self.thread.as_ref().map(JoinHandle::thread)
    }

    /// Waits for it to end, but no longer than it may take; one that hangs in a system call is left to itself.
    pub fn wait(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.ended.recv_timeout(FLUSH + FAREWELL) == Err(RecvTimeoutError::Disconnected) {
            let _ = thread.join();
        }
    }
}
