//! What each path answers.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::door::{Door, Welcome};
use super::request::{Refusal, Request};
use crate::service::controls::{Controls, Settings};
use crate::service::meters::SharedMeters;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub door: Door,
    pub meters: SharedMeters,
    pub controls: Controls,
    pub desk: Arc<Desk>,
    pub stop: Arc<AtomicBool>,
}

const INDEX: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// How often the live page hears of counts and latencies.
const BEAT: Duration = Duration::from_millis(250);
/// How long somebody who asks for one picture waits for it.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(3);
/// Nothing but what we send may be loaded by our page, and no page of others may hold it in a frame.
const SAFE: &str = "Content-Security-Policy: default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; \
                    connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n\
                    X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n";

/// Reads one request and answers it.
///
/// # Errors
/// That the other side hung up or does not read.
pub(super) fn answer(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let request = match Request::read(&mut stream) {
        Ok(request) => request,
        Err(None) => return Ok(()),
        Err(Some(refusal)) => return refuse(&mut stream, refusal),
    };
    let welcome = match shared.door.admit(&request) {
        Ok(welcome) => welcome,
        Err(refusal) => return refuse(&mut stream, refusal),
    };
    if welcome == Welcome::KeepToken && request.path == "/" {
        let cookie = shared.door.cookie().unwrap_or_default();
        let head = format!("HTTP/1.1 303 See Other\r\nLocation: /\r\n{cookie}{SAFE}");
        return stream.write_all(format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
    }
    let text = |kind: &'static str, text: &str| (200, kind, text.as_bytes().to_vec());
    let (status, kind, body) = match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/") => text("text/html; charset=utf-8", INDEX),
        ("GET" | "HEAD", "/page.css") => text("text/css; charset=utf-8", STYLE),
        ("GET" | "HEAD", "/page.js") => text("text/javascript; charset=utf-8", SCRIPT),
        ("GET", "/stream.mjpg") => return stream_pictures(stream, shared),
        ("GET", "/snapshot.jpg") => match shared.desk.watch().after_now().next(SNAPSHOT_WAIT) {
            Some(jpeg) => (200, "image/jpeg", jpeg.to_vec()),
            None => return refuse(&mut stream, Refusal(503, "there is no picture at the moment")),
        },
        ("GET", "/live") => return stream_numbers(stream, shared),
        ("GET", "/settings") => (200, "application/json", settings(shared)),
        ("POST", "/settings") => match change(shared, &request.body) {
            Ok(()) => (200, "application/json", settings(shared)),
            Err(problem) => return respond(&mut stream, 422, "text/plain; charset=utf-8", problem.as_bytes(), false),
        },
        ("GET", "/metrics") => {
            let mut page = String::with_capacity(16 << 10);
            shared.meters.lock().write_prometheus(&mut page);
            (200, "text/plain; version=0.0.4; charset=utf-8", page.into_bytes())
        }
        ("GET", "/healthz") => match shared.meters.lock().is_lost {
            false => text("text/plain", "ok\n"),
            true => (503, "text/plain", b"the source is away\n".to_vec()),
        },
        ("GET" | "HEAD" | "POST", _) => return refuse(&mut stream, Refusal(404, "there is no such page")),
        _ => return refuse(&mut stream, Refusal(405, "only GET and POST are answered")),
    };
    respond(&mut stream, status, kind, &body, request.method == "HEAD")
}

fn respond(stream: &mut TcpStream, status: u16, kind: &str, body: &[u8], head_only: bool) -> io::Result<()> {
    let reason = match status {
        200 => "OK",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Bad Request",
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{SAFE}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    if head_only { Ok(()) } else { stream.write_all(body) }
}

fn refuse(stream: &mut TcpStream, Refusal(status, why): Refusal) -> io::Result<()> {
    respond(stream, status, "text/plain; charset=utf-8", format!("{why}\n").as_bytes(), false)
}

fn settings(shared: &Shared) -> Vec<u8> {
    let classes = shared.controls.classes();
    let value = serde_json::json!({ "settings": shared.controls.settings(), "classes": &classes[..] });
    value.to_string().into_bytes()
}

fn change(shared: &Shared, body: &[u8]) -> Result<(), String> {
    let settings: Settings = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    shared.controls.change(settings)
}

/// Motion JPEG: one picture after another, each in place of the last.
fn stream_pictures(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n{SAFE}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut watcher = shared.desk.watch();
    while !shared.stop.load(Ordering::Relaxed) {
        let Some(jpeg) = watcher.next(Duration::from_secs(1)) else {
            // Without a picture it would not be noticed that the other side hung up.
            if stream.take_error()?.is_some() || is_gone(&stream) {
                return Ok(());
            }
            continue;
        };
        let part = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        stream.write_all(part.as_bytes())?;
        stream.write_all(&jpeg)?;
        stream.write_all(b"\r\n")?;
    }
    Ok(())
}

/// Whether the other side has closed.
fn is_gone(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let mut byte = [0];
    let gone = matches!(stream.peek(&mut byte), Ok(0));
    stream.set_nonblocking(false).is_err() || gone
}

/// Server-sent events: `data` with the numbers of the moment, and `happening` for each event.
fn stream_numbers(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{SAFE}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let (mut text, mut known) = (String::new(), 0);
    while !shared.stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        text.clear();
        {
            let meters = shared.meters.lock();
            text.push_str("data: ");
            meters.write_json(&mut text);
            text.push_str("\n\n");
            let (events, said) = meters.events_after(known);
            for event in events {
                let _ = write!(text, "event: happening\ndata: {event}\n\n");
            }
            known = said;
        }
        stream.write_all(text.as_bytes())?;
        std::thread::sleep(BEAT.saturating_sub(began.elapsed()));
    }
    Ok(())
}
