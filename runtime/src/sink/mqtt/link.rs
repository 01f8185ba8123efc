//! One connection to the broker: greeting, counts, the machine's own state, events, farewell, each confirmed before it counts as said.

use std::collections::VecDeque;
use std::time::Instant;

use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, NetworkOptions, Outgoing, Packet, QoS};
use tokio::select;

use super::counts::{Counts, Place, Told};
use super::diagnostics::Clock;
use super::station::{OFFLINE, ONLINE, Station, until};
use crate::sink::network::outbox::Item;
use crate::sink::network::trouble::Trouble;
use crate::sink::network::worker::{FAREWELL, FLUSH};

/// So many messages may be on their way unconfirmed.
pub(super) const WINDOW: usize = 32;

/// Seconds within which a connection has to be there.
const CONNECT: u64 = 10;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    /// Something that is said again on every connection.
    State,
    /// The oldest event that is not confirmed.
    Event,
    /// The last message.
    Farewell,
}

struct Message {
    topic: String,
    retain: bool,
    payload: Vec<u8>,
    about: About,
}

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Greeting {
    Status,
    Discovery,
    Done,
}

/// The connection.
pub(super) struct Link<'a> {
    station: &'a Station,
    client: AsyncClient,
    /// Since when the broker lets us in.
    pub since: Option<Instant>,
    greeting: Greeting,
    counts: Counts,
    /// Whether there are any yet.
    counted: bool,
    told: Told,
    /// When it is to be told next how the machine does.
    clock: Clock,
    /// Whether counts are told of that have no pause after them yet.
    telling: bool,
    /// Events out of the outbox that are not confirmed, the oldest first.
    unconfirmed: &'a mut VecDeque<Item>,
    /// So many of them were sent on this connection.
    sent: usize,
    /// Messages that have no number yet, in the order in which they get one.
    unnumbered: VecDeque<About>,
    /// Messages that have one, in that order, and whether they are confirmed.
    numbered: VecDeque<(u16, About, bool)>,
    said_goodbye: bool,
}

impl Link<'_> {
    pub fn new<'a>(station: &'a Station, unconfirmed: &'a mut VecDeque<Item>) -> (Link<'a>, EventLoop) {
        let (client, mut eventloop) = AsyncClient::new(station.broker.clone(), WINDOW);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT);
        eventloop.set_network_options(network);
        let link = Link {
            station,
            client,
            since: None,
            greeting: Greeting::Status,
            counts: Counts::none(&station.places),
            counted: false,
            told: Told::nothing(&station.places),
            clock: Clock::default(),
            telling: false,
            unconfirmed,
            sent: 0,
            unnumbered: VecDeque::with_capacity(WINDOW),
            numbered: VecDeque::with_capacity(WINDOW),
            said_goodbye: false,
        };
        (link, eventloop)
    }

    /// Connects and sends until the outbox is closed, and for as long as there is time then.
    ///
    /// # Errors
    /// How the connection was lost, or why there was none.
    pub async fn run(&mut self, eventloop: &mut EventLoop, trouble: &mut Trouble) -> Result<(), ConnectionError> {
        loop {
            // Never dropped before it has something to say, since half a message might be lost with it.
            let poll = eventloop.poll();
            tokio::pin!(poll);
            let event = loop {
                let next = self.since.and_then(|_| self.fill());
                let end = self.station.outbox.closing().map(|closing| closing + FLUSH + FAREWELL);
                trouble.check_overflow(&self.station.outbox);
                select! {
                    event = &mut poll => break event?,
                    () = self.station.wake.notified() => {}
                    () = until(next) => {}
                    () = until(end) => return Ok(()),
                }
            };
            match event {
                Event::Incoming(Packet::ConnAck(_)) => {
                    self.since = Some(Instant::now());
                    self.station.outbox.health.set_connected(true);
                    trouble.end(&self.station.outbox);
                }
                Event::Outgoing(Outgoing::Publish(number)) => {
                    let about = self.unnumbered.pop_front();
                    self.numbered.extend(about.map(|about| (number, about, false)));
                }
                Event::Incoming(Packet::PubAck(ack)) => self.confirm(ack.pkid),
                Event::Outgoing(Outgoing::Disconnect) => return Ok(()),
                _ => {}
            }
        }
    }

    /// Hands over what there is to send, as far as there may be more on its way; when there will be more to send by itself.
    fn fill(&mut self) -> Option<Instant> {
        let now = Instant::now();
        self.counted = self.station.newest.get(&mut self.counts);
        while self.unnumbered.len() + self.numbered.len() < WINDOW {
            let Some(Message { topic, retain, payload, about }) = self.next(now) else {
                let closing = self.station.outbox.closing();
                let closed = closing.filter(|_| !self.said_goodbye).map(|closing| closing + FLUSH);
                let round = self.clock.due().filter(|_| closing.is_none());
                return self.told.due(&self.counts).into_iter().chain(closed).chain(round).min();
            };
            self.unnumbered.push_back(about);
            // The channel is as long as the window, and topics are checked before they are made.
            let handed = self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload);
            debug_assert!(handed.is_ok(), "{handed:?}");
        }
        None
    }

    fn next(&mut self, now: Instant) -> Option<Message> {
        if self.said_goodbye {
            return None;
        }
        let closing = self.station.outbox.closing();
        if closing.is_some_and(|closing| now >= closing + FLUSH) {
            return Some(self.goodbye());
        }
        if let Some(greeting) = self.greet() {
            return Some(greeting);
        }
        if self.counted
            && let Some(place) = self.told.next(&self.counts, closing.is_none().then_some(now))
        {
            self.telling = true;
            return Some(self.tell(place));
        }
        if std::mem::take(&mut self.telling) {
            self.told.rest(now);
        }
        if closing.is_none()
            && let Some(rounds) = &self.station.rounds
            && let Some(payload) = self.clock.next(rounds, now)
        {
            return Some(Message {
                topic: self.station.topics.diagnostics(),
                retain: true,
                payload,
                about: About::State,
            });
        }
        if self.sent == self.unconfirmed.len() {
            self.unconfirmed.extend(self.station.outbox.pop());
        }
        if let Some(item) = self.unconfirmed.get(self.sent) {
            self.sent += 1;
            let payload = item.json(&self.station.places, &self.station.classes);
            return Some(Message { topic: self.station.topics.event(), retain: false, payload, about: About::Event });
        }
        let idle = self.unnumbered.is_empty() && self.numbered.is_empty();
        (closing.is_some() && idle).then(|| self.goodbye())
    }

    fn greet(&mut self) -> Option<Message> {
        let (topic, payload) = match self.greeting {
            Greeting::Status => {
                self.greeting = Greeting::Discovery;
                (self.station.topics.status(), ONLINE.into())
            }
            Greeting::Discovery => {
                self.greeting = Greeting::Done;
                self.station.discovery.clone()?
            }
            Greeting::Done => return None,
        };
        Some(Message { topic, retain: true, payload, about: About::State })
    }

    fn tell(&self, place: Place) -> Message {
        let topic = match place {
            Place::Zone(zone, _) => self.station.topics.zone(zone),
            Place::Line(line, _) => self.station.topics.line(line),
        };
        Message { topic, retain: true, payload: place.json(&self.station.places.lines), about: About::State }
    }

    fn goodbye(&mut self) -> Message {
        self.said_goodbye = true;
        let topic = self.station.topics.status();
        Message { topic, retain: true, payload: OFFLINE.into(), about: About::Farewell }
    }

    /// The broker has a message. Brokers confirm in order; should one not, what it confirms early waits for the rest.
    fn confirm(&mut self, number: u16) {
        if let Some(message) = self.numbered.iter_mut().find(|(known, _, confirmed)| *known == number && !confirmed) {
            message.2 = true;
        }
        while let Some((_, about, _)) = self.numbered.pop_front_if(|(_, _, confirmed)| *confirmed) {
            match about {
                About::State => {}
                About::Event => {
                    self.unconfirmed.pop_front();
                    self.sent -= 1;
                    self.station.outbox.health.delivered();
                }
                About::Farewell => {
                    let _ = self.client.try_disconnect();
                }
            }
        }
    }
}
