//! The thread behind the sink: connects to the broker, and when that fails, waits and connects again.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes;
use rumqttc::{ConnectReturnCode, ConnectionError, MqttOptions, StateError};
use tokio::select;
use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::counts::Newest;
use super::diagnostics::Rounds;
use super::link::{self, Link};
use super::topics::Topics;
use crate::place::Places;
use crate::sink::network::backoff::{Backoff, Pace};
use crate::sink::network::outbox::Outbox;
use crate::sink::network::trouble::Trouble;

/// What the status says.
pub(super) const ONLINE: &str = "online";
/// What it says once the connection is lost or ended.
pub(super) const OFFLINE: &str = "offline";

/// All that the thread needs.
pub(super) struct Station {
    pub broker: MqttOptions,
    pub user: Option<String>,
    pub topics: Topics,
    /// Topic and payload.
    pub discovery: Option<(String, Vec<u8>)>,
    pub places: Places,
    pub classes: Vec<String>,
    pub outbox: Arc<Outbox>,
    pub newest: Arc<Newest>,
    /// Who says how the machine does, where that is to be sent.
    pub rounds: Option<Rounds>,
    /// Rung when there is something to send, and when the end is near.
    pub wake: Arc<Notify>,
}

impl Station {
    /// Sends until the outbox is closed and empty, or out of patience.
    pub async fn run(self, pace: Pace, trouble: &mut Trouble) {
        // Events that were sent but not confirmed outlive their connection here, and are the first on the next one.
        let mut unconfirmed = VecDeque::with_capacity(link::WINDOW);
        let mut backoff = Backoff::new(pace);
        loop {
            let (mut link, mut eventloop) = Link::new(&self, &mut unconfirmed);
            let ended = link.run(&mut eventloop, trouble).await;
            let since = link.since;
            self.outbox.health.set_connected(false);
            match ended {
                Ok(()) => break,
                // As one is thrown out by the next one under its name, which is no trouble.
                Err(_) if self.outbox.closing().is_some() => break,
                Err(error) => trouble.report(&self.problem(&error, since.is_some()), &self.outbox),
            }
            if !self.pause(backoff.after_failure(since), trouble).await {
                break;
            }
        }
        trouble.undelivered(self.outbox.health.read().queued);
    }

    /// Waits; whether there is a reason to go on after that.
    async fn pause(&self, time: Duration, trouble: &mut Trouble) -> bool {
        let end = Instant::now() + time;
        loop {
            if self.outbox.closing().is_some() {
                return false;
            }
            trouble.check_overflow(&self.outbox);
            select! {
                () = until(Some(end)) => return true,
                () = self.wake.notified() => {}
            }
        }
    }

    /// What is wrong, for people.
    fn problem(&self, error: &ConnectionError, connected: bool) -> String {
        use ConnectReturnCode::{BadUserNamePassword, NotAuthorized};
        match error {
            ConnectionError::ConnectionRefused(BadUserNamePassword | NotAuthorized) => match &self.user {
                Some(user) => format!("the broker refuses user `{user}`; check `user` and the password"),
                None => "the broker lets nobody in without a user; set `user` and `password-file`".into(),
            },
            ConnectionError::ConnectionRefused(ConnectReturnCode::BadClientId) => {
                format!("the broker refuses the client `{}`; choose another `name`", self.broker.client_id())
            }
            ConnectionError::ConnectionRefused(ConnectReturnCode::ServiceUnavailable) => {
                "the broker is not available".into()
            }
            ConnectionError::ConnectionRefused(code) => format!("the broker refuses: {code:?}"),
            ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => "no answer in time".into(),
            ConnectionError::MqttState(StateError::AwaitPingResp) => "the broker no longer answers".into(),
            ConnectionError::MqttState(StateError::ConnectionAborted) if connected => {
                format!("the broker closed the connection (is another client called `{}`?)", self.broker.client_id())
            }
            ConnectionError::MqttState(StateError::ConnectionAborted) => "the connection was closed at once".into(),
            ConnectionError::Io(error)
            | ConnectionError::MqttState(
                StateError::Io(error) | StateError::Deserialization(mqttbytes::Error::Io(error)),
            ) => match error.kind() {
                io::ErrorKind::ConnectionRefused => "nothing listens there (is the broker running?)".into(),
                _ => error.to_string(),
            },
            ConnectionError::NotConnAck(_) | ConnectionError::MqttState(StateError::Deserialization(_)) => {
                "what answers there does not speak MQTT".into()
            }
            #[cfg(feature = "tls")]
            ConnectionError::Tls(error) => format!("{error} (does `ca-file` vouch for the broker?)"),
            other => other.to_string(),
        }
    }
}

/// Sleeps until then; for ever, where there is no such time.
pub(super) async fn until(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then.into()).await,
        None => pending().await,
    }
}
