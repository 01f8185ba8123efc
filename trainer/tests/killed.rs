//! The program is killed in the middle of its work, again and again, and ends with the very files of a run that was not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Waits longer and longer before the next kill, so that the run ends.
const FIRST_WAIT: Duration = Duration::from_millis(150);
/// However slow the machine is, a run that is let alone for so long ends.
const LONGEST: Duration = Duration::from_secs(300);

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retort-train"));
    command.args(["distill", "--resume", "--threads", "2", "--run"]).arg(folder);
    for change in [
        "seeds=[1]",
        "data.width=64",
        "data.height=64",
        "scenes.teacher=16",
        "scenes.labelled=8",
        "scenes.transfer=40",
        "scenes.validation=4",
        "scenes.test=6",
        "teacher.widths=[8, 8, 16, 16, 16]",
        "teacher.neck=16",
        "student.widths=[8, 8, 8, 16, 16]",
        "student.neck=8",
        "teaching.steps=40",
        "teaching.batch=4",
        "teaching.save=0",
        "learning.steps=60",
        "learning.batch=4",
        "learning.save=0",
        "learning.validate=20",
        "learning.keep_best=true",
        "quantise.pictures=4",
        "quantise.steps=20",
    ] {
        command.args(["--set", change]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    command
}

/// Runs the program for at most `wait`; whether it ended by itself.
fn run(folder: &Path, wait: Duration) -> bool {
    let mut child = command(folder).spawn().expect("it starts");
    let start = Instant::now();
    while start.elapsed() < wait {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            assert!(status.success(), "it failed: {status}");
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // SIGKILL, which nothing can prepare for.
    child.kill().expect("it is killed");
    child.wait().expect("it is gone");
    false
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_same_files() {
    let place = tempfile::tempdir().expect("a folder");
    let (whole, killed) = (place.path().join("whole"), place.path().join("killed"));
    assert!(run(&whole, LONGEST), "a whole run ends");
    let (mut kills, mut wait) = (0, FIRST_WAIT);
    while !run(&killed, wait) {
        kills += 1;
        wait = wait.mul_f64(1.15).min(LONGEST);
    }
    assert!(kills > 0, "the run ended before it could be killed once");
    let files = ["teacher-7.ckpt", "distilled-1.ckpt", "control-1.ckpt", "distilled-1.qat.ckpt", "control-1.qat.ckpt"];
    for name in files.into_iter().chain(["student.onnx", "results.csv", "results.json"]) {
        let read = |folder: &Path| std::fs::read(folder.join(name)).expect(name);
        assert!(read(&killed) == read(&whole), "{name} differs after {kills} kills");
    }
}
