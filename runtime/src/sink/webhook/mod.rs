//! Events as HTTP requests: each one a POST of its JSON. `EVENTS.md` says what is promised.
//!
//! | file | idea |
//! |---|---|
//! | `options` | what a configuration says |
//! | `courier` | the thread that brings one event after another |

mod courier;
mod options;

use std::sync::Arc;

use ureq::Agent;

use self::courier::Courier;
use super::network::backoff::{Backoff, Pace};
use super::network::outbox::Outbox;
#[cfg(feature = "tls")]
use super::network::tls::Trusted;
use super::network::trouble::Trouble;
use super::network::worker::Worker;
use super::network::{Health, SinkHealth, check_events};
use super::{Report, Sink, Wish};
use crate::error::Error;
use crate::place::Places;

pub use options::Options;

/// Sends events to a receiver of HTTP requests. Taking a frame never waits for it, and allocates nothing.
///
/// Dropping it sends what is left, for 1.5 seconds at most.
#[derive(Debug)]
pub struct Webhook {
    wishes: Vec<Wish>,
    outbox: Arc<Outbox>,
    worker: Worker,
}

impl Webhook {
    /// Begins to send what happens at `places` to objects of `classes`. That the receiver cannot be reached is no error, but
    /// said on standard error, and tried again after 1 to 60 seconds.
    ///
    /// # Errors
    /// [`Error::Sink`] names the key that is wrong; [`Error::Io`] the token's file, where it cannot be read.
    pub fn start(options: &Options, places: &Places, classes: &[String]) -> Result<Webhook, Error> {
        Webhook::start_with(options, places, classes, Pace::default(), Trouble::new)
    }

    fn start_with(
        options: &Options,
        places: &Places,
        classes: &[String],
        pace: Pace,
        trouble: impl FnOnce(&str) -> Trouble,
    ) -> Result<Webhook, Error> {
        let wrong = |problem| Error::Sink { name: "webhook", problem };
        options.check().map_err(wrong)?;
        check_events("webhook", &options.events, places)?;
        let config = Agent::config_builder()
            .timeout_global(Some(options.patience()))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("retort/", env!("CARGO_PKG_VERSION")));
        let address = options.address().map_err(wrong)?;
        #[cfg(feature = "tls")]
        let config = match address.secure {
            true => config.tls_config(Trusted::new(options.ca_file.as_deref()).map_err(wrong)?.http()),
            false => config,
        };
        let outbox = Outbox::new(options.queue);
        let courier = Courier {
            agent: config.build().new_agent(),
            uri: options.uri().map_err(wrong)?,
            headers: options.all_headers()?,
            retries: options.retries,
            places: places.clone(),
            classes: classes.to_vec(),
            outbox: Arc::clone(&outbox),
            backoff: Backoff::new(pace),
            trouble: trouble(&address.shown),
        };
        let worker = Worker::start("webhook", move || courier.run());
        let worker = worker.map_err(|error| wrong(format!("no thread could be started: {error}")))?;
        Ok(Webhook { wishes: options.events.clone(), outbox, worker })
    }

    /// How it does.
    pub fn health(&self) -> SinkHealth {
        self.outbox.health.read()
    }

    /// The same, for another thread to watch.
    pub fn watch(&self) -> Arc<Health> {
        Arc::clone(&self.outbox.health)
    }

    fn wake(&self) {
        if let Some(thread) = self.worker.thread() {
            thread.unpark();
        }
    }
}

impl Sink for Webhook {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        if self.outbox.take(report, &self.wishes) {
            self.wake();
        }
        Ok(())
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.outbox.close();
        self.wake();
        self.worker.wait();
    }
}

#[cfg(test)]
mod tests;
