//! Reading from a pipe that may stay silent: for so long, and not after Ctrl-C.

use std::io::{Error, ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Stop;

/// Longest wait between two looks at the flag that ends it.
const NAP: Duration = Duration::from_millis(100);

/// Reads from `R` where there is something to read.
pub struct Patient<R> {
    input: R,
    timeout: Option<Duration>,
    stop: Stop,
}

impl<R: Read + AsFd> Patient<R> {
    /// Waits for each piece no longer than `timeout`, and not at all once `stop` is raised.
    pub fn new(input: R, timeout: Option<Duration>, stop: Stop) -> Patient<R> {
        Patient { input, timeout, stop }
    }

    fn wait(&self) -> Result<(), Error> {
        let began = Instant::now();
        let nap = Timespec::try_from(NAP).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        while !self.stop.is_raised() {
            match poll(&mut [PollFd::new(&self.input, PollFlags::IN)], Some(&nap)) {
                Ok(0) if self.timeout.is_some_and(|timeout| began.elapsed() >= timeout) => {
                    return Err(ErrorKind::TimedOut.into());
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::other("stopped"))
    }
}

impl<R: Read + AsFd> Read for Patient<R> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Error> {
        self.wait()?;
        self.input.read(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn silence_ends_and_a_stop_does_not_wait() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let stop = Stop::default();
        let mut patient = Patient::new(reader, Some(Duration::from_millis(1)), stop.clone());
        let mut byte = [0];
        writer.write_all(&[7]).unwrap();
        assert_eq!((patient.read(&mut byte).unwrap(), byte), (1, [7]));
        assert_eq!(patient.read(&mut byte).unwrap_err().kind(), ErrorKind::TimedOut);
        stop.raise();
        assert_eq!(patient.read(&mut byte).unwrap_err().to_string(), "stopped");
        drop(writer);
    }
}
