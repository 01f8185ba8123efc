//! What sinks share that send events over a network.
//!
//! The thread that looks at frames only puts plain data into an [`Outbox`] and wakes a thread that waits for it. That one does
//! all that may take long: names, JSON, connections, waiting.
//!
//! | file | idea |
//! |---|---|
//! | `outbox` | events on their way from one thread to the other, never more than so many |
//! | `health` | how a sink does, for whoever watches it |
//! | `worker` | a thread that ends soon after it is told to |
//! | `backoff` | how long to wait before the next attempt |
//! | `trouble` | what is wrong, said once |
//! | `address` | a host and a port out of an address |
//! | `tls` | whom to believe that it is who it says |
//! | `secret` | what must not be shown |

pub(super) mod address;
pub(super) mod backoff;
pub(super) mod health;
pub(super) mod outbox;
pub(super) mod secret;
#[cfg(feature = "tls")]
pub(super) mod tls;
pub(super) mod trouble;
pub(super) mod worker;

pub use health::{Health, SinkHealth};
pub use secret::Secret;

use std::path::PathBuf;

use super::Wish;
use crate::error::Error;
use crate::place::Places;
use address::Address;

/// Events that wait for an address that cannot be reached, where nothing is said.
pub(super) fn queue() -> usize {
    1000
}

/// Not more than this many may wait.
const MOST: usize = 100_000;

/// All events.
pub(super) fn every_event() -> Vec<Wish> {
    vec![Wish::default()]
}

/// Requires a number of events that memory has room for.
pub(super) fn check_queue(queue: usize) -> Result<(), String> {
    if (1..=MOST).contains(&queue) { Ok(()) } else { Err(format!("queue: {queue}, where 1 to {MOST} events may wait")) }
}

/// Requires of the events that a sink is to send that there are such places.
///
/// # Errors
/// [`Error::Sink`], which calls the sink `name`.
pub(super) fn check_events(name: &'static str, wishes: &[Wish], places: &Places) -> Result<(), Error> {
    let check =
        |wish: &Wish| wish.check(places).map_err(|problem| Error::Sink { name, problem: format!("events: {problem}") });
    wishes.iter().try_for_each(check)
}

/// Requires that certificates are named only where there is TLS.
pub(super) fn check_certificates(file: Option<&PathBuf>, address: &Address) -> Result<(), String> {
    match file {
        Some(_) if !address.secure => Err(format!("ca-file: {} is not over TLS; leave it out", address.shown)),
        _ => Ok(()),
    }
}
