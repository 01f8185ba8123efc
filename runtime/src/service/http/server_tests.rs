use std::io::Read;
use std::time::Instant;

use super::*;
use crate::service::controls::Settings;
use crate::sink::Findings;
use crate::source::Shot;
use crate::vision::frame::Frame;

fn server(token: Option<&str>) -> (Server, SharedMeters, Controls) {
    let options = PageOptions {
        listen: "127.0.0.1:0".into(),
        token: token.map(String::from),
        rate: 60.0,
        ..PageOptions::default()
    };
    let classes = ["person".to_string()];
    let settings = Settings { score: 0.5, zones: Vec::new(), lines: Vec::new(), masks: Vec::new() };
    let (meters, controls) = (SharedMeters::new(&classes), Controls::new(settings, &classes, None));
    (Server::start(&options, &meters, &controls).unwrap(), meters, controls)
}

fn report(pixels: &[u8], number: u64) -> Report<'_> {
    Report::new(number, Shot::new("camera:0", Frame::rgb(pixels, 320, 240).unwrap()), Findings::Detections(&[]), &[])
}

/// Asks, and reads until the other side closes or `enough` bytes are there.
fn ask(server: &Server, request: &str, enough: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while answer.len() < enough {
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => answer.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    answer
}

fn get(server: &Server, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    String::from_utf8_lossy(&ask(server, &request, usize::MAX)).into_owned()
}

fn post(server: &Server, body: &str) -> String {
    let request = format!(
        "POST /settings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    String::from_utf8_lossy(&ask(server, &request, usize::MAX)).into_owned()
}

#[test]
fn pages_metrics_and_health_are_answered() {
    let (server, meters, _) = server(None);
    assert!(get(&server, "/").contains("<title>Retort</title>"));
    assert!(get(&server, "/page.js").contains("text/javascript"));
    assert!(get(&server, "/metrics").contains("retort_frames_total 0"));
    assert!(get(&server, "/healthz").starts_with("HTTP/1.1 200"));
    meters.lock().is_lost = true;
    assert!(get(&server, "/healthz").starts_with("HTTP/1.1 503"));
    assert!(get(&server, "/nothing").starts_with("HTTP/1.1 404"));
    let refused = ask(&server, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", usize::MAX);
    assert!(refused.starts_with(b"HTTP/1.1 403"));
}

#[test]
fn settings_are_changed_and_wrong_ones_are_refused_with_the_reason() {
    let (server, _, controls) = server(None);
    let zone = r#"{"name":"door","points":[[0,0],[0.5,0],[0.5,0.5]]}"#;
    let settings = |zone: &str| format!(r#"{{"score":0.7,"zones":[{zone}],"lines":[],"masks":[]}}"#);
    assert!(post(&server, &settings(zone)).starts_with("HTTP/1.1 200"));
    assert_eq!((controls.version(), controls.settings().zones[0].name.as_str()), (1, "door"));
    let answer = post(&server, &settings(&zone.replace("0.5,0.5", "0.5,1.5")));
    assert!(answer.starts_with("HTTP/1.1 422") && answer.contains("outside of the picture"), "{answer}");
    assert!(post(&server, "{").starts_with("HTTP/1.1 422"));
    assert_eq!(controls.version(), 1);
    assert!(get(&server, "/settings").contains(r#""name":"door""#));
}

#[test]
fn a_token_in_the_address_becomes_a_cookie() {
    let (server, ..) = server(Some("abcdefgh"));
    assert!(get(&server, "/").starts_with("HTTP/1.1 401"));
    let answer = get(&server, "/?token=abcdefgh");
    assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("retort-token=abcdefgh; HttpOnly"), "{answer}");
    let request = "GET / HTTP/1.1\r\nHost: pi.local\r\nCookie: retort-token=abcdefgh\r\n\r\n";
    assert!(ask(&server, request, usize::MAX).starts_with(b"HTTP/1.1 200"));
}

#[test]
fn watchers_get_pictures_and_those_who_never_read_hold_nobody_up() {
    let (mut server, ..) = server(None);
    let pixels = vec![90; 320 * 240 * 3];
    // Nobody watches: no picture is made.
    server.take(&report(&pixels, 1)).unwrap();
    let idle: Vec<TcpStream> = (0..10)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.write_all(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let address = server.address();
    let reader = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
        while answer.windows(8).filter(|bytes| bytes == b"--frame\r").count() < 3 {
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "it goes on");
            answer.extend_from_slice(&piece[..count]);
        }
        answer
    });
    let began = Instant::now();
    let mut number = 2;
    while !reader.is_finished() {
        server.take(&report(&pixels, number)).unwrap();
        number += 1;
        std::thread::sleep(Duration::from_millis(5));
        assert!(began.elapsed() < Duration::from_secs(60), "no picture comes");
    }
    let answer = reader.join().unwrap();
    let from = answer.windows(2).position(|bytes| bytes == [0xff, 0xd8]).unwrap();
    let jpeg = image::load_from_memory(&answer[from..]).unwrap();
    assert_eq!((jpeg.width(), jpeg.height()), (320, 240));
    drop(idle);
}

#[test]
fn numbers_and_events_come_as_server_sent_events() {
    let (server, ..) = server(None);
    let answer = ask(&server, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n", 1200);
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("text/event-stream") && text.contains("data: {\"frame\":0"), "{text}");
}
