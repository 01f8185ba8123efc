//! The sink against receivers that answer, refuse, are slow, or gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::place::{Event, What};
use crate::sink::happening::tests::{event, places};
use crate::sink::network::outbox::Item;

const QUICK: Pace =
    Pace { first: Duration::from_millis(20), most: Duration::from_millis(100), settled: Duration::from_secs(10) };

/// What a receiver does with a request.
#[derive(Clone, Copy)]
enum Answer {
    Status(u16),
    /// None, until the other side gives up.
    Late,
    /// None, and the connection is closed.
    Close,
}

/// Listens, and answers one request a connection as it is told. What it got: the header in small letters, and the body.
fn receiver(address: SocketAddr, answers: &[Answer]) -> (SocketAddr, Receiver<(String, String)>) {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, got) = channel();
    let answers = answers.to_vec();
    thread::spawn(move || {
        for answer in answers {
            let mut stream = listener.accept().unwrap().0;
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let _ = sender.send((head, String::from_utf8(body).unwrap()));
            match answer {
                Answer::Status(status) => {
                    let text = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(text.as_bytes()).unwrap();
                }
                Answer::Late => {
                    let _ = reader.read(&mut [0]);
                }
                Answer::Close => {}
            }
        }
    });
    (address, got)
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn start(options: &Options, say: fn(&str)) -> Webhook {
    Webhook::start_with(options, &places(), &["person".into()], QUICK, |name| Trouble::saying(name, say)).unwrap()
}

fn options(address: SocketAddr) -> Options {
    Options::new(format!("http://{address}/hook?key=hunter2"))
}

fn push(sink: &Webhook, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let event = Event { frame: number, ..event(What::Entered { zone: 0 }) };
        sink.outbox.push(Item { event, unix_ms: 5 });
    }
    sink.wake();
}

fn frame(body: &str) -> u64 {
    serde_json::from_str::<serde_json::Value>(body).unwrap()["frame"].as_u64().unwrap()
}

fn frames(got: &Receiver<(String, String)>, count: usize) -> Vec<u64> {
    let ten = Duration::from_secs(10);
    (0..count).map(|_| frame(&got.recv_timeout(ten).expect("nothing came for ten seconds").1)).collect()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} did not come to be");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn each_event_is_a_request() {
    let (address, got) = receiver(anywhere(), &[Answer::Status(204); 2]);
    let headers = [("X-Key".to_string(), crate::sink::Secret::new("hunter2"))];
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "t0ken\n").unwrap();
    let options =
        Options { headers: headers.into(), token_file: Some(folder.path().join("token")), ..options(address) };
    let sink = start(&options, |_| {});
    push(&sink, 181..182);
    let (head, body) = got.recv().unwrap();
    assert!(head.starts_with("post /hook?key=hunter2 http/1.1\r\n"), "{head}");
    for line in ["content-type: application/json", "x-key: hunter2", "authorization: bearer t0ken"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
    }
    assert!(body.starts_with(r#"{"event":"entered","zone":"door","class":"person","#), "{body}");
    wait_until("delivery", || sink.health().delivered == 1);
    assert_eq!(sink.health(), SinkHealth { connected: true, delivered: 1, dropped: 0, queued: 0 });
    // What is put in just before the end is sent, too.
    push(&sink, 182..183);
    let watch = sink.watch();
    drop(sink);
    assert_eq!((watch.read().delivered, frames(&got, 1)), (2, vec![182]));
}

#[test]
fn events_wait_for_a_receiver_that_is_gone_slow_or_busy_and_come_in_order() {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let address = TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
    let sink = start(&Options { timeout: 0.2, ..options(address) }, |line| LINES.lock().unwrap().push(line.into()));
    push(&sink, 0..5);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(sink.health(), SinkHealth { connected: false, delivered: 0, dropped: 0, queued: 5 });
    let mut answers = vec![Answer::Status(500), Answer::Status(503), Answer::Late, Answer::Close];
    answers.extend([Answer::Status(200); 5]);
    let (_, got) = receiver(address, &answers);
    assert_eq!(frames(&got, 9), [0, 0, 0, 0, 0, 1, 2, 3, 4]);
    wait_until("delivery", || sink.health().delivered == 5);
    assert_eq!(sink.health(), SinkHealth { connected: true, delivered: 5, dropped: 0, queued: 0 });
    drop(sink);
    let lines = LINES.lock().unwrap().clone();
    let expected =
        ["nothing listens there", "(500", "(503", "no answer in time", "without an answer", "going on after"];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.contains(expected) && line.contains(&format!("http://{address}: ")), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[test]
fn what_is_refused_is_dropped_and_said_once() {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let answers = [301, 404, 404, 200, 500, 500, 500, 200].map(Answer::Status);
    let (address, got) = receiver(anywhere(), &answers);
    let sink = start(&Options { retries: 2, ..options(address) }, |line| LINES.lock().unwrap().push(line.into()));
    push(&sink, 0..6);
    assert_eq!(frames(&got, 8), [0, 1, 2, 3, 4, 4, 4, 5]);
    wait_until("delivery", || sink.health().delivered == 2);
    assert_eq!(sink.health(), SinkHealth { connected: true, delivered: 2, dropped: 4, queued: 0 });
    drop(sink);
    let lines = LINES.lock().unwrap().join("\n");
    assert_eq!(lines.matches("(404").count(), 1, "{lines}");
    assert!(lines.contains("redirects (301") && lines.contains("even when asked 3 times"), "{lines}");
    assert!(!lines.contains("wait; the oldest"), "{lines}");
}

#[test]
fn beyond_the_queue_the_oldest_are_dropped_and_counted() {
    let address = TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
    let sink = start(&Options { queue: 3, ..options(address) }, |_| {});
    push(&sink, 0..1);
    wait_until("an attempt", || sink.outbox.is_empty());
    // The first one is on its way by now, and no longer among the three.
    push(&sink, 1..10);
    assert_eq!(sink.health(), SinkHealth { connected: false, delivered: 0, dropped: 6, queued: 4 });
    let (_, got) = receiver(address, &[Answer::Status(200); 4]);
    assert_eq!(frames(&got, 4), [0, 7, 8, 9]);
}

#[test]
fn a_sink_ends_soon_whatever_the_receiver_does() {
    let (slow, _got) = receiver(anywhere(), &[Answer::Late]);
    let nobody = TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
    for address in [slow, nobody] {
        let sink = start(&options(address), |_| {});
        push(&sink, 0..10);
        thread::sleep(Duration::from_millis(50));
        let start = Instant::now();
        drop(sink);
        assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
    }
}
