//! `retort run-service` as whoever installs it meets it: a configuration, signals, lines of JSON, the page.
#![cfg(feature = "onnx")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// What anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Service {
    child: Child,
    lines: Receiver<String>,
    said: Receiver<String>,
}

/// The lines of a pipe, as they come.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    std::thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).all(|line| to.send(line).is_ok()));
    lines
}

fn config(folder: &TempDir, more: &str) -> PathBuf {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join("shapes-128.onnx");
    let path = folder.path().join("retort.toml");
    let text = format!(
        "source = \"synthetic:320x240\"\n[model]\nfile = \"{}\"\nscore = 0.2\n[to.json]\n{more}",
        model.display()
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn start(path: &Path, arguments: &[&str]) -> Service {
    let mut child = Command::new(env!("CARGO_BIN_EXE_retort"))
        .arg("run-service")
        .arg(path)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let (out, err): (ChildStdout, ChildStderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    Service { child, lines: lines(out), said: lines(err) }
}

impl Service {
    /// Waits for a line on standard error with these words in it.
    fn hears(&self, words: &str) -> String {
        let mut heard = Vec::new();
        while let Ok(line) = self.said.recv_timeout(PATIENCE) {
            if line.contains(words) {
                return line;
            }
            heard.push(line);
        }
        panic!("nobody says `{words}`, but {heard:?}");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Ends it, and requires that it ends well.
    fn ends(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn frames_and_events_are_said_and_nothing_is_allocated_in_the_loop() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder, "frames = true\n[[zone]]\nname = \"all\"\nsettle = 0.1\n");
    let mut service = start(&path, &["--frames", "400", "--stats"]);
    let lines: Vec<Value> = service.lines.iter().map(|line| serde_json::from_str(&line).expect(&line)).collect();
    let summary: Value = serde_json::from_str(&service.hears("\"summary\"")).unwrap();
    assert!(service.child.wait().unwrap().success());
    assert_eq!(lines.iter().filter(|line| line["detections"].is_array()).count(), 400);
    assert!(lines.iter().any(|line| line["event"] == "entered" && line["zone"] == "all"), "{}", lines.len());
    let summary = &summary["summary"];
    assert_eq!((summary["frames"].as_u64(), summary["warm_frames"].as_u64()), (Some(400), Some(300)));
    assert_eq!(summary["allocations"].as_u64(), Some(0), "{summary}");
}

#[test]
fn a_configuration_is_read_anew_and_one_with_a_slip_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder, "[[zone]]\nname = \"first\"\nsettle = 0\n");
    let service = start(&path, &[]);
    let happens = |zone: &str| {
        let words = format!("\"zone\":\"{zone}\"");
        while let Ok(line) = service.lines.recv_timeout(PATIENCE) {
            if line.contains(&words) {
                return;
            }
        }
        panic!("nothing happens in {zone}");
    };
    happens("first");
    config(&folder, "[[zone]]\nname = \"second\"\nsetle = 0\n");
    service.signal("HUP");
    let said = service.hears("going on as before");
    assert!(said.contains("retort.toml: line 8") && said.contains("setle"), "{said}");
    happens("first");
    config(&folder, "[[zone]]\nname = \"second\"\nsettle = 0\n");
    service.signal("HUP");
    service.hears("read anew");
    happens("second");
    service.ends();
}

#[test]
fn what_cannot_be_had_is_said_in_one_line_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    for (more, says) in [
        ("[[zone]]\nname = \"a\"\nclasses = [\"zebra\"]\n", "no class `zebra`"),
        ("[to.snapshots]\nfolder = \"/dev/null/a\"\n", "/dev/null/a"),
        ("[to.page]\nlisten = \"0.0.0.0:0\"\n", "give a token"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_retort")).arg("run-service").arg(config(&folder, more)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: ") && said.contains(says) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn the_page_changes_a_zone_and_the_change_outlives_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder, "[to.page]\nlisten = \"127.0.0.1:0\"\n");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("settings = \"kept.json\"\n{text}")).unwrap();
    let service = start(&path, &[]);
    let said = service.hears("the page is at http://");
    let address = said.split("http://").nth(1).unwrap().trim_end_matches('/').to_string();
    let ask = |request: String| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let settings = r#"{"score":0.2,"zones":[{"name":"yard","settle":0}],"lines":[],"masks":[]}"#;
    let answer = ask(format!(
        "POST /settings HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{settings}",
        settings.len()
    ));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let line = service.lines.recv_timeout(PATIENCE).unwrap();
    assert!(line.contains("\"zone\":\"yard\""), "{line}");
    assert!(
        ask(format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n")).contains("retort_zone_objects{zone=\"yard\"}")
    );
    service.ends();
    let service = start(&path, &[]);
    let line = service.lines.recv_timeout(PATIENCE).unwrap();
    assert!(line.contains("\"zone\":\"yard\""), "{line}");
    service.ends();
}

#[test]
fn a_model_that_is_put_in_the_place_of_another_takes_over_and_a_broken_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = config(&folder, "[[zone]]\nname = \"all\"\nsettle = 0\n");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join("shapes-128.onnx");
    let model = folder.path().join("model.onnx");
    std::fs::copy(&shipped, &model).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace(&shipped.display().to_string(), "model.onnx").replace("score", "reload = true\nscore");
    std::fs::write(&path, text).unwrap();
    let service = start(&path, &[]);
    service.lines.recv_timeout(PATIENCE).unwrap();
    let replace = |bytes: &[u8]| {
        let new = folder.path().join("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(&new, &model).unwrap();
    };
    replace(b"no model");
    let said = service.hears("going on with the model from before");
    assert!(said.contains("model.onnx"), "{said}");
    replace(&std::fs::read(&shipped).unwrap());
    service.hears("the new model looks at what comes next");
    service.ends();
}
