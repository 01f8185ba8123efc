//! The sink against a broker that behaves as tests want it to.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;
use crate::place::{Event, What};
use crate::sink::happening::tests::{event, places};
use crate::sink::network::outbox::Item;

#[path = "../../../tests/fakes/broker.rs"]
mod broker;

use broker::{Broker, Manner, Seen, free_port};

const QUICK: Pace =
    Pace { first: Duration::from_millis(20), most: Duration::from_millis(100), settled: Duration::from_secs(10) };

fn options(address: SocketAddr) -> Options {
    Options { name: Some("Hall".into()), ..Options::new(format!("mqtt://{address}")) }
}

fn start(options: &Options) -> Mqtt {
    let classes = ["person".into()];
    let sink =
        Mqtt::start_with(options, &places(), &classes, None, QUICK, |name| Trouble::saying(name, |_| {})).unwrap();
    // As the first frame does.
    sink.newest.put(&Counts::none(&places()));
    sink
}

/// The event that has this number.
fn numbered(number: u64) -> Event {
    Event { frame: number, ..event(What::Entered { zone: 0 }) }
}

fn push(sink: &Mqtt, numbers: std::ops::Range<u64>) {
    for number in numbers {
        sink.outbox.push(Item { event: numbered(number), unix_ms: 5 });
    }
    sink.wake.notify_one();
}

/// The numbers of the next events, with everything else left out, until there are `count` different ones.
fn events(broker: &Broker, count: usize) -> Vec<u64> {
    let mut numbers: Vec<u64> = Vec::new();
    while numbers.len() < count {
        if let Seen::Publish { topic, payload, retain } = broker.next()
            && topic == "retort/hall/event"
        {
            assert!(!retain, "an event is not a state");
            let number = serde_json::from_str::<Value>(&payload).unwrap()["frame"].as_u64().unwrap();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
    }
    numbers
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} did not come to be");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn publish(topic: &str, payload: &str, retain: bool) -> Seen {
    Seen::Publish { topic: topic.into(), payload: payload.into(), retain }
}

#[test]
fn a_connection_goes_from_greeting_to_farewell() {
    let broker = Broker::start(free_port(), &[Manner::default()]);
    let options =
        Options { user: Some("u".into()), password: Some(crate::sink::Secret::new("p")), ..options(broker.address) };
    let sink = start(&options);
    let will = Some(("retort/hall/status".to_string(), "offline".to_string()));
    let user = Some(("u".to_string(), "p".to_string()));
    assert_eq!(broker.next(), Seen::Connect { client: "retort-hall".into(), will, user });
    assert_eq!(broker.next(), publish("retort/hall/status", "online", true));
    let (topic, payload, retain) = broker.next_publish();
    assert_eq!((topic.as_str(), retain), ("homeassistant/device/retort_hall/config", true));
    assert!(serde_json::from_str::<Value>(&payload).unwrap()["components"]["zone_door_occupied"].is_object());
    assert_eq!(broker.next(), publish("retort/hall/zone/door", r#"{"now":0,"entered":0}"#, true));
    assert_eq!(broker.next(), publish("retort/hall/line/gate", r#"{"in":0,"out":0}"#, true));
    push(&sink, 181..182);
    let (topic, payload, retain) = broker.next_publish();
    assert_eq!((topic.as_str(), retain), ("retort/hall/event", false));
    assert!(payload.starts_with(r#"{"event":"entered","zone":"door","class":"person","#), "{payload}");
    wait_until("delivery", || sink.health().delivered == 1);
    assert_eq!(sink.health(), SinkHealth { connected: true, delivered: 1, dropped: 0, queued: 0 });
    // What is put in just before the end is sent, too.
    push(&sink, 182..183);
    let watch = sink.watch();
    drop(sink);
    assert_eq!(watch.read(), SinkHealth { connected: false, delivered: 2, dropped: 0, queued: 0 });
    let rest = broker.end();
    assert!(matches!(&rest[0], Seen::Publish { topic, .. } if topic == "retort/hall/event"), "{rest:?}");
    assert_eq!(rest[1..], [publish("retort/hall/status", "offline", true), Seen::Disconnect]);
}

#[test]
fn counts_are_sent_when_they_change_at_most_once_a_second_and_anew_on_each_connection() {
    let broker = Broker::start(free_port(), &[Manner { reads: 4, ..Manner::default() }, Manner::default()]);
    let begin = Instant::now();
    let sink = start(&Options { discovery: false, ..options(broker.address) });
    let tell = |entered| {
        let mut counts = Counts::none(&places());
        counts.zones[0] = crate::place::Occupancy { now: 1, entered };
        sink.newest.put(&counts);
        sink.wake.notify_one();
    };
    assert!(matches!(broker.next(), Seen::Connect { .. }));
    assert_eq!(broker.next(), publish("retort/hall/status", "online", true));
    assert_eq!(broker.next(), publish("retort/hall/zone/door", r#"{"now":0,"entered":0}"#, true));
    assert_eq!(broker.next(), publish("retort/hall/line/gate", r#"{"in":0,"out":0}"#, true));
    for entered in 1..=5 {
        tell(entered);
        std::thread::sleep(Duration::from_millis(5));
    }
    // The broker goes away while it reads this one.
    assert_eq!(broker.next(), publish("retort/hall/zone/door", r#"{"now":1,"entered":5}"#, true));
    assert!(begin.elapsed() >= Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(matches!(broker.next(), Seen::Connect { .. }));
    assert_eq!(broker.next(), publish("retort/hall/status", "online", true));
    assert_eq!(broker.next(), publish("retort/hall/zone/door", r#"{"now":1,"entered":5}"#, true));
    assert_eq!(broker.next(), publish("retort/hall/line/gate", r#"{"in":0,"out":0}"#, true));
    drop(sink);
    broker.end();
}

#[test]
fn events_wait_for_a_broker_that_is_down_and_come_in_order() {
    // It is not there at first, confirms ten messages of thirty when it is, is gone for a while, and comes back.
    let address = free_port();
    let sink = start(&options(address));
    push(&sink, 0..500);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(sink.health(), SinkHealth { connected: false, delivered: 0, dropped: 0, queued: 500 });
    let broker = Broker::start(address, &[Manner { confirms: 10, reads: 30, ..Manner::default() }]);
    // Four messages are no events.
    assert_eq!(events(&broker, 26), (0..26).collect::<Vec<_>>());
    broker.end();
    push(&sink, 500..1000);
    wait_until("loss", || !sink.health().connected);
    // Six were confirmed, as far as the broker's last words arrived before the connection broke; the others come again.
    let delivered = sink.health().delivered;
    assert!(delivered <= 6, "{delivered}");
    assert_eq!(sink.health(), SinkHealth { connected: false, delivered, dropped: 0, queued: 1000 - delivered });
    let broker = Broker::start(address, &[Manner::default()]);
    let left: Vec<_> = (0..1000).skip(delivered as usize).collect();
    assert_eq!(events(&broker, left.len()), left);
    wait_until("delivery", || sink.health().delivered == 1000);
    assert_eq!(sink.health(), SinkHealth { connected: true, delivered: 1000, dropped: 0, queued: 0 });
    drop(sink);
    broker.end();
}

#[test]
fn beyond_the_queue_the_oldest_are_dropped_and_counted() {
    let address = free_port();
    let sink = start(&Options { queue: 100, ..options(address) });
    push(&sink, 0..250);
    assert_eq!(sink.health(), SinkHealth { connected: false, delivered: 0, dropped: 150, queued: 100 });
    let broker = Broker::start(address, &[Manner::default()]);
    assert_eq!(events(&broker, 100), (150..250).collect::<Vec<_>>());
    drop(sink);
    broker.end();
}

#[test]
fn totals_that_outlived_a_change_are_not_preceded_by_zeros() {
    let broker = Broker::start(free_port(), &[Manner::default()]);
    let options = Options { discovery: false, ..options(broker.address) };
    let sink = Mqtt::start(&options, &places(), &[], None).unwrap();
    assert!(matches!(broker.next(), Seen::Connect { .. }));
    assert_eq!(broker.next(), publish("retort/hall/status", "online", true));
    std::thread::sleep(Duration::from_millis(50));
    let mut counts = Counts::none(&places());
    counts.lines[0].forward = 7;
    sink.newest.put(&counts);
    sink.wake.notify_one();
    assert_eq!(broker.next(), publish("retort/hall/zone/door", r#"{"now":0,"entered":0}"#, true));
    assert_eq!(broker.next(), publish("retort/hall/line/gate", r#"{"in":7,"out":0}"#, true));
    drop(sink);
    broker.end();
}

#[test]
fn how_the_machine_does_is_told_before_the_first_frame_and_again_and_again() {
    let broker = Broker::start(free_port(), &[Manner::default()]);
    let options = Options { diagnostics: 1, ..options(broker.address) };
    let sink = Mqtt::start(&options, &places(), &[], Some(Box::new(diagnostics::tests::Steady))).unwrap();
    assert!(matches!(broker.next(), Seen::Connect { .. }));
    assert_eq!(broker.next(), publish("retort/hall/status", "online", true));
    let (_, announced, _) = broker.next_publish();
    let announced: Value = serde_json::from_str(&announced).unwrap();
    let sensor = &announced["components"]["diagnostics_fps"];
    assert_eq!((&sensor["entity_category"], &sensor["expire_after"]), (&"diagnostic".into(), &3.into()));
    let said = r#"{"fps":24.9,"age_p99_ms":41.0,"temperature":null,"level":"full"}"#;
    let first = broker.next();
    let begin = Instant::now();
    assert_eq!(first, publish("retort/hall/diagnostics", said, true));
    assert_eq!(broker.next(), first);
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
    drop(sink);
    let rest = broker.end();
    assert_eq!(rest[rest.len() - 2..], [publish("retort/hall/status", "offline", true), Seen::Disconnect]);
    // Nobody is asked where that is not wanted.
    let broker = Broker::start(free_port(), &[Manner::default()]);
    let options = Options { diagnostics: 0, ..self::options(broker.address) };
    let sink = Mqtt::start(&options, &places(), &[], Some(Box::new(diagnostics::tests::Steady))).unwrap();
    wait_until("connection", || sink.health().connected);
    drop(sink);
    assert!(!broker.end().iter().any(|seen| format!("{seen:?}").contains("diagnostics")));
}

#[test]
fn who_says_no_is_asked_again_and_said_to_say_no() {
    use std::sync::Mutex;
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let refuses = Manner { code: 5, ..Manner::default() };
    let broker = Broker::start(free_port(), &[refuses, refuses, Manner::default()]);
    let secret = Some(crate::sink::Secret::new("hunter2"));
    let options = Options { user: Some("u".into()), password: secret, ..options(broker.address) };
    let say = |line: &str| LINES.lock().unwrap().push(line.into());
    let sink = Mqtt::start_with(&options, &places(), &[], None, QUICK, move |name| Trouble::saying(name, say)).unwrap();
    wait_until("connection", || sink.health().connected);
    drop(sink);
    let lines = LINES.lock().unwrap().clone();
    let name = format!("mqtt://{}", broker.address);
    assert_eq!(
        lines[0],
        format!(
            "warning: {name}: the broker refuses user `u`; check `user` and the password; trying again, up to 1000 events are kept"
        )
    );
    assert!(lines[1].starts_with(&format!("note: {name}: going on after ")) && lines.len() == 2, "{lines:?}");
    broker.end();
}

#[test]
fn a_sink_ends_soon_whatever_the_broker_does() {
    // One that confirms nothing, and one that nobody is.
    let silent = Broker::start(free_port(), &[Manner { confirms: 0, ..Manner::default() }]);
    for address in [silent.address, free_port()] {
        let sink = start(&options(address));
        push(&sink, 0..1000);
        std::thread::sleep(Duration::from_millis(50));
        let (watch, start) = (sink.watch(), Instant::now());
        drop(sink);
        assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
        assert_eq!(watch.read().queued, 1000, "what is not confirmed is not delivered");
    }
    // It did not say goodbye, so that the broker speaks its will.
    assert_eq!(silent.end().last(), Some(&Seen::Lost));
}

#[test]
fn wrong_options_are_refused_by_their_key() {
    let refused = |options: &Options| Mqtt::start(options, &places(), &[], None).unwrap_err().to_string();
    let options = Options::new("mqtt://b");
    let wish = "entered:gate".parse().unwrap();
    assert_eq!(
        refused(&Options { events: vec![wish], ..options.clone() }),
        "mqtt: events: there is no zone `gate`; there are: door"
    );
    assert!(refused(&Options { queue: 0, ..options }).starts_with("mqtt: queue: "));
}
