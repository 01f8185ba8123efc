//! `retort detect --reload`: models replaced while frames are looked at.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

const COMMAND: &[&str] = &["synthetic:96x96", "--json", "--reload", "--frames", "1000000"];

/// The shipped model; its metadata can be changed where they keep their length.
fn shipped() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/shapes-128.onnx")).unwrap()
}

fn changed(model: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut model = model.to_vec();
    let at = model.windows(from.len()).position(|bytes| bytes == from.as_bytes()).expect("it is there");
    model[at..][..to.len()].copy_from_slice(to.as_bytes());
    model
}

fn replace(path: &Path, bytes: &[u8]) {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes).unwrap();
    std::fs::rename(&partial, path).unwrap();
}

/// A program that looks at frames until it is told to stop.
struct Running {
    program: Child,
    lines: BufReader<ChildStdout>,
    said: Option<BufReader<ChildStderr>>,
    frames: u64,
}

impl Running {
    fn start(command: &str, model: &Path, more: &[&str]) -> Running {
        let mut program = Command::new(env!("CARGO_BIN_EXE_retort"))
            .arg(command)
            .arg(model)
            .args(COMMAND)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(program.stdout.take().unwrap());
        let said = program.stderr.take().map(BufReader::new);
        Running { program, lines, said, frames: 0 }
    }

    /// Reads frames, of which none may be missing, until one is as wanted.
    fn until(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it has ended");
            self.frames += 1;
            assert!(line.starts_with(&format!("{{\"frame\":{},", self.frames)), "{line}");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Goes on reading frames until a line is said.
    fn said(mut self) -> (String, Running) {
        let mut stream = self.said.take().expect("it is put back");
        let said = std::thread::spawn(move || {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            (line, stream)
        });
        while !said.is_finished() {
            self.until(|_| true);
        }
        let (said, stream) = said.join().unwrap();
        self.said = Some(stream);
        (said, self)
    }

    fn signal(&self, signal: &str) {
        let id = self.program.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Stops it; what else it said.
    fn stop(mut self) -> String {
        self.signal("-TERM");
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).unwrap();
        let mut said = String::new();
        self.said.take().expect("it is put back").read_to_string(&mut said).unwrap();
        assert!(self.program.wait().unwrap().success(), "{said}");
        said
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    std::fs::write(&model, shipped()).unwrap();
    (folder, model)
}

#[test]
fn a_new_model_takes_over_and_a_wrong_one_does_not() {
    let (_folder, model) = folder();
    let mut running = Running::start("detect", &model, &["--score", "0", "--stats"]);
    running.until(|line| line.contains("\"class\":\"star\""));
    replace(&model, &changed(&shipped(), "\"star\"", "\"moon\""));
    let line = running.until(|line| line.contains("\"class\":\"moon\""));
    assert!(!line.contains("star"), "{line}");
    let (said, running) = running.said();
    assert!(said.contains("model.onnx: replaced"), "{said}");

    replace(&model, &changed(&shipped(), "1188569370", "1188569371"));
    let (said, running) = running.said();
    for part in ["warning: ", "model.onnx", "self-test", "going on with the model from before"] {
        assert!(said.contains(part), "{said}");
    }
    replace(&model, b"no model");
    let (said, mut running) = running.said();
    assert!(said.contains("model.onnx") && said.contains("going on with the model from before"), "{said}");
    running.until(|line| line.contains("moon"));
    // Once only.
    let rest = running.stop();
    assert!(!rest.contains("going on"), "{rest}");
    assert!(rest.contains("\"allocations_per_frame\":0.0,"), "{rest}");
}

#[test]
fn a_signal_is_enough_and_no_frame_is_lost_by_it() {
    let (_folder, model) = folder();
    let mut running = Running::start("detect", &model, &["--track"]);
    running.until(|_| true);
    running.signal("-HUP");
    let (said, mut running) = running.said();
    assert!(said.contains("model.onnx: replaced"), "{said}");
    running.until(|_| true);
    assert_eq!(running.stop(), "");
}
