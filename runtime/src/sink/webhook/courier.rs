//! The thread behind the sink: brings one event after another, and does not go on before one is taken.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::{HeaderName, HeaderValue, Uri};
use ureq::{Agent, Error, Timeout};

use crate::place::Places;
use crate::sink::network::backoff::Backoff;
use crate::sink::network::outbox::{Item, Outbox};
use crate::sink::network::trouble::Trouble;
use crate::sink::network::worker::FLUSH;

/// Bytes of an answer that are read, so that its connection can be used again.
const ANSWER: u64 = 1 << 14;

/// All that the thread needs.
pub(super) struct Courier {
    pub agent: Agent,
    pub uri: Uri,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub retries: u32,
    pub places: Places,
    pub classes: Vec<String>,
    pub outbox: Arc<Outbox>,
    pub backoff: Backoff,
    pub trouble: Trouble,
}

/// What became of an attempt.
enum Outcome {
    Delivered,
    /// The receiver will never take this event.
    Refused(String),
    /// It may take it later.
    Busy(String),
    /// Nobody answered.
    Unreachable(String),
}

impl Courier {
    /// Sends until the outbox is closed and empty, or out of patience.
    pub fn run(mut self) {
        while !self.out_of_time() {
            self.trouble.check_overflow(&self.outbox);
            match self.outbox.pop() {
                Some(item) if self.deliver(item) => {}
                Some(_) => break,
                None if self.outbox.closing().is_some() => break,
                None => thread::park(),
            }
        }
        self.trouble.undelivered(self.outbox.health.read().queued);
    }

    /// Brings one event, however often that takes; whether it is done with, one way or the other.
    fn deliver(&mut self, item: Item) -> bool {
        let body = item.json(&self.places, &self.classes);
        let mut busy = 0;
        loop {
            let outcome = self.attempt(&body);
            let health = &self.outbox.health;
            health.set_connected(!matches!(outcome, Outcome::Unreachable(_)));
            let problem = match outcome {
                Outcome::Delivered => {
                    health.delivered();
                    self.backoff.reset();
                    self.trouble.end(&self.outbox);
                    return true;
                }
                Outcome::Refused(reason) => {
                    health.dropped();
                    self.backoff.reset();
                    self.trouble.gave_up(&reason);
                    return true;
                }
                Outcome::Busy(reason) if busy == self.retries => {
                    health.dropped();
                    self.trouble.gave_up(&format!("{reason}, even when asked {} times", busy + 1));
                    return true;
                }
                Outcome::Busy(reason) => {
                    busy += 1;
                    reason
                }
                Outcome::Unreachable(reason) => reason,
            };
            self.trouble.report(&problem, &self.outbox);
            if !self.pause() {
                return false;
            }
        }
    }

    fn attempt(&self, body: &[u8]) -> Outcome {
        let mut request = self.agent.post(self.uri.clone()).content_type("application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(error) => return Outcome::Unreachable(problem(error)),
        };
        let status = response.status();
        let _ = response.body_mut().with_config().limit(ANSWER).read_to_vec();
        match status.as_u16() {
            200..=299 => Outcome::Delivered,
            300..=399 => {
                Outcome::Refused(format!("the receiver redirects ({status}); put where it leads to into `url`"))
            }
            401 | 403 => {
                Outcome::Refused(format!("the receiver wants to know who this is ({status}); set `token-file`"))
            }
            408 | 425 | 429 | 500.. => Outcome::Busy(format!("the receiver cannot take events now ({status})")),
            _ => Outcome::Refused(format!("the receiver refuses ({status})")),
        }
    }

    /// Waits before the next attempt; whether there is a reason to go on after that.
    fn pause(&mut self) -> bool {
        let end = Instant::now() + self.backoff.after_failure(None);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if self.outbox.closing().is_some() || left == Duration::ZERO {
                return self.outbox.closing().is_none();
            }
            self.trouble.check_overflow(&self.outbox);
            thread::park_timeout(left);
        }
    }

    fn out_of_time(&self) -> bool {
        self.outbox.closing().is_some_and(|closing| closing.elapsed() >= FLUSH)
    }
}

/// What is wrong, for people, and without the address's path.
fn problem(error: Error) -> String {
    match error {
        Error::Timeout(Timeout::Resolve) | Error::HostNotFound => "the host's name is not known".into(),
        Error::Timeout(_) => "no answer in time".into(),
        Error::ConnectionFailed => "nothing listens there (is the receiver running?)".into(),
        Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => "nothing listens there (is the receiver running?)".into(),
            io::ErrorKind::UnexpectedEof => "the receiver closed the connection without an answer".into(),
            _ => error.to_string(),
        },
        Error::Protocol(_) | Error::Http(_) => "what answers there does not speak HTTP".into(),
        #[cfg(feature = "tls")]
        Error::Rustls(error) => format!("{error} (does `ca-file` vouch for the receiver?)"),
        Error::BadUri(_) => "the address cannot be used".into(),
        other => other.to_string(),
    }
}
