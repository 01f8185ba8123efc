//! A program that writes frames to a pipe, and why it ended.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Bytes of a program's line of complaint that are read.
const LONGEST_LINE: u64 = 1024;
/// How long to wait for the complaints of a program that has ended: a program of its own may hold their pipe open.
const PATIENCE: Duration = Duration::from_millis(500);

/// A program while it runs. It ends when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    complaints: Receiver<String>,
}

impl Program {
    /// Starts the program, and hands out what it writes to its standard output.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(command: &mut Command) -> std::io::Result<(Program, ChildStdout)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let missing = || std::io::Error::from(ErrorKind::BrokenPipe);
        let output = child.stdout.take().ok_or_else(missing)?;
        let errors = child.stderr.take().ok_or_else(missing)?;
        // Read it must be, or the program waits when the pipe is full.
        let (sender, complaints) = sync_channel(1);
        std::thread::Builder::new().name("complaints".into()).spawn(move || sender.send(last_line(errors)))?;
        Ok((Program { child, complaints }, output))
    }

    /// Ends the program, and says what it complained of last; empty where it did not.
    pub fn end(&mut self) -> String {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.complaints.recv_timeout(PATIENCE).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last line that says anything.
fn last_line(errors: impl Read) -> String {
    let mut errors = BufReader::new(errors);
    let (mut line, mut last) = (Vec::new(), String::new());
    loop {
        line.clear();
        match errors.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return last,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text: String = text.trim().chars().filter(|character| !character.is_control()).collect();
                if !text.is_empty() {
                    last = text;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_says_why_it_ended() {
        let (mut program, mut output) =
            Program::start(Command::new("sh").args(["-c", "printf abc; echo first >&2; echo last >&2; echo >&2"]))
                .unwrap();
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        assert_eq!(last_line(&b"one\n\x1b[31mtwo\n\n"[..]), "[31mtwo");
        assert_eq!(program.end(), "last");
        assert_eq!(program.end(), "", "it was said");
    }

    #[test]
    fn a_program_that_would_run_on_is_ended() {
        let (program, mut output) = Program::start(Command::new("sleep").arg("1000")).unwrap();
        drop(program);
        assert_eq!(output.read(&mut [0]).unwrap(), 0);
    }
}
