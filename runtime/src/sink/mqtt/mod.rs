//! Events, counts and how the machine does over MQTT 3.1.1, described for Home Assistant. `EVENTS.md` says what is sent, and what is promised.
//!
//! | file | idea |
//! |---|---|
//! | `options` | what a configuration says |
//! | `topics` | where things are published, and names that every program takes |
//! | `discovery` | what Home Assistant is told |
//! | `counts` | the newest counts, sent when they change |
//! | `diagnostics` | how the machine does, every so often |
//! | `station` | the thread: connects, waits, connects again |
//! | `link` | one connection, from its greeting to its farewell |

mod counts;
mod diagnostics;
mod discovery;
mod link;
mod options;
mod station;
mod topics;

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tls")]
use rumqttc::Transport;
use rumqttc::{LastWill, MqttOptions, QoS};
use tokio::sync::Notify;

use self::counts::{Counts, Newest};
use self::diagnostics::Rounds;
use self::station::Station;
use self::topics::Topics;
use super::network::backoff::Pace;
use super::network::outbox::Outbox;
#[cfg(feature = "tls")]
use super::network::tls::Trusted;
use super::network::trouble::Trouble;
use super::network::worker::Worker;
use super::network::{Health, SinkHealth, check_events};
use super::{Report, Sink, Wish};
use crate::error::Error;
use crate::place::Places;

pub use diagnostics::{Diagnose, Diagnostics};
pub use options::Options;

/// How often the broker is asked whether it is still there. Two silent periods are one too many.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The largest packet that is sent, in bytes: the description of some thousand places.
const PACKET: usize = 1 << 20;

/// Sends events and counts to a broker. Taking a frame never waits for it, and allocates nothing.
///
/// Dropping it sends what is left, for 1.5 seconds at most, and says goodbye; the next one under the same name begins after
/// that.
#[derive(Debug)]
pub struct Mqtt {
    wishes: Vec<Wish>,
    outbox: Arc<Outbox>,
    newest: Arc<Newest>,
    /// The counts of the last frame.
    seen: Counts,
    /// Whether there was one.
    began: bool,
    wake: Arc<Notify>,
    worker: Worker,
}

impl Mqtt {
    /// Begins to send what happens at `places` to objects of `classes`, and what `asked` says of the machine. That the broker cannot be reached is no error, but
    /// said on standard error, and tried again after 1 to 60 seconds.
    ///
    /// # Errors
    /// [`Error::Sink`] names the key that is wrong; [`Error::Io`] the password's file, where it cannot be read.
    pub fn start(
        options: &Options,
        places: &Places,
        classes: &[String],
        asked: Option<Box<dyn Diagnose>>,
    ) -> Result<Mqtt, Error> {
        Mqtt::start_with(options, places, classes, asked, Pace::default(), Trouble::new)
    }

    fn start_with(
        options: &Options,
        places: &Places,
        classes: &[String],
        asked: Option<Box<dyn Diagnose>>,
        pace: Pace,
        trouble: impl FnOnce(&str) -> Trouble,
    ) -> Result<Mqtt, Error> {
        let wrong = |problem| Error::Sink { name: "mqtt", problem };
        options.check().map_err(wrong)?;
        check_events("mqtt", &options.events, places)?;
        let address = options.parsed().map_err(wrong)?;
        let name = options.device();
        let topics = Topics::new(&options.prefix, &name, places);
        if topics.device.is_empty() {
            return Err(wrong("name: the host name has neither letters nor digits; name the device".into()));
        }
        let mut broker = MqttOptions::new(format!("retort-{}", topics.device), address.host, address.port);
        #[cfg(feature = "tls")]
        if address.secure {
            let trusted = Trusted::new(options.ca_file.as_deref()).map_err(wrong)?;
            broker.set_transport(Transport::tls_with_config(trusted.client().map_err(wrong)?.into()));
        }
        broker.set_keep_alive(KEEP_ALIVE).set_max_packet_size(PACKET, PACKET);
        broker.set_last_will(LastWill::new(topics.status(), station::OFFLINE, QoS::AtLeastOnce, true));
        if let Some((user, password)) = options.credentials()? {
            broker.set_credentials(user, password.reveal());
        }
        let every = Duration::from_secs(options.diagnostics);
        let rounds = asked.filter(|_| !every.is_zero()).map(|asked| Rounds { asked, every });
        let discovery = options
            .discovery
            .then(|| discovery::message(&options.discovery_prefix, &name, &topics, places, rounds.as_ref()));
        let (outbox, wake) = (Outbox::new(options.queue), Arc::new(Notify::new()));
        let newest = Arc::new(Newest::none(places));
        let station = Station {
            broker,
            user: options.user.clone(),
            topics,
            discovery,
            places: places.clone(),
            classes: classes.to_vec(),
            outbox: Arc::clone(&outbox),
            newest: Arc::clone(&newest),
            rounds,
            wake: Arc::clone(&wake),
        };
        let mut trouble = trouble(&address.shown);
        let no_thread = |error: std::io::Error| wrong(format!("no thread could be started: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(no_thread)?;
        let work = move || {
            runtime.block_on(station.run(pace, &mut trouble));
            // A name may still be looked up, which nothing can hurry.
            runtime.shutdown_background();
        };
        let worker = Worker::start("mqtt", work).map_err(no_thread)?;
        let (wishes, seen) = (options.events.clone(), Counts::none(places));
        Ok(Mqtt { wishes, outbox, newest, seen, began: false, wake, worker })
    }

    /// How it does.
    pub fn health(&self) -> SinkHealth {
        self.outbox.health.read()
    }

    /// The same, for another thread to watch.
    pub fn watch(&self) -> Arc<Health> {
        Arc::clone(&self.outbox.health)
    }
}

impl Sink for Mqtt {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let happened = self.outbox.take(report, &self.wishes);
        let changed =
            report.scene.is_some_and(|scene| self.seen.take(scene) | !std::mem::replace(&mut self.began, true));
        if changed {
            self.newest.put(&self.seen);
        }
        if happened || changed {
            self.wake.notify_one();
        }
        Ok(())
    }
}

impl Drop for Mqtt {
    fn drop(&mut self) {
        self.outbox.close();
        self.wake.notify_one();
        self.worker.wait();
    }
}

#[cfg(test)]
mod tests;
