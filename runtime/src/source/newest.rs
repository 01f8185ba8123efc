//! The newest frame of a stream that does not wait: a thread reads on while the last frame is looked at.
//!
//! Three buffers go round: one is read into, one holds the newest whole frame, one is looked at. A frame that is not
//! taken before the next is complete is dropped, as the gap in the numbers tells.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Stop;
use super::frames::{FrameReader, StreamFormat};
use super::link::{Delivered, Link, Lost};
use super::program::Program;

/// Longest wait between two looks at the flag that ends it.
const NAP: Duration = Duration::from_millis(100);

/// Frames that a program writes, the newest first.
pub struct Newest {
    desk: Arc<Desk>,
    format: StreamFormat,
    frame: Numbered,
    /// The frame was taken, but not handed out yet.
    held: bool,
    program: Program,
    began: Instant,
    timeout: Duration,
    stop: Stop,
}

/// A frame with its number and the time that it was complete.
#[derive(Debug, Default)]
struct Numbered {
    bytes: Vec<u8>,
    number: u64,
    at: Option<Instant>,
}

impl Numbered {
    fn with_capacity(bytes: usize) -> Numbered {
        Numbered { bytes: Vec::with_capacity(bytes), ..Numbered::default() }
    }
}

/// Where the thread and the link hand buffers to each other.
#[derive(Debug, Default)]
struct Desk {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    newest: Option<Numbered>,
    /// A buffer that nobody needs.
    spare: Option<Numbered>,
    /// Why there will be no more frames.
    ended: Option<String>,
    /// Nobody wants any more.
    left: bool,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads up to the end.
    fn read_on(&self, reader: &mut impl FrameReader, mut frame: Numbered) {
        for number in 0.. {
            let read = reader.read(&mut frame.bytes);
            frame.number = number;
            frame.at = Some(Instant::now());
            let mut inner = self.lock();
            match read {
                Ok(true) => {
                    let spare = inner.spare.take();
                    let older = inner.newest.replace(std::mem::take(&mut frame));
                    frame = older.or(spare).unwrap_or_default();
                }
                Ok(false) => inner.ended = Some("it ended".into()),
                Err(problem) => inner.ended = Some(problem),
            }
            self.changed.notify_one();
            if inner.ended.is_some() || inner.left {
                return;
            }
        }
    }
}

impl Newest {
    /// Begins to read what `program` writes. Times of frames are since `began`.
    ///
    /// # Errors
    /// That the system has no thread to give.
    pub fn start(
        mut reader: impl FrameReader + Send + 'static,
        program: Program,
        began: Instant,
        (timeout, stop): (Duration, Stop),
    ) -> Result<Newest, Lost> {
        let (desk, format) = (Arc::new(Desk::default()), reader.format());
        let bytes = format.bytes().map_err(Lost)?;
        desk.lock().spare = Some(Numbered::with_capacity(bytes));
        let shared = Arc::clone(&desk);
        // It ends by itself: once the program has ended, or its pipe is broken.
        std::thread::Builder::new()
            .name("frames".into())
            .spawn(move || shared.read_on(&mut reader, Numbered::with_capacity(bytes)))
            .map_err(|error| Lost(error.to_string()))?;
        let frame = Numbered::with_capacity(bytes);
        Ok(Newest { desk, format, frame, held: false, program, began, timeout, stop })
    }

    /// The same, once the first frame is there.
    ///
    /// # Errors
    /// Why it does not come.
    pub fn begun(mut self) -> Result<Newest, Lost> {
        self.held = self.take()?;
        Ok(self)
    }

    /// Waits for a frame and takes it; `false` where waiting was ended.
    fn take(&mut self) -> Result<bool, Lost> {
        let end = Instant::now() + self.timeout;
        let mut inner = self.desk.lock();
        loop {
            if let Some(newest) = inner.newest.take() {
                inner.spare = Some(std::mem::replace(&mut self.frame, newest));
                return Ok(true);
            }
            if self.stop.is_raised() {
                return Ok(false);
            }
            if let Some(problem) = inner.ended.clone() {
                drop(inner);
                return Err(because(problem, &self.program.end()));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(inner);
                return Err(because(Lost::timed_out(self.timeout).0, &self.program.end()));
            }
            inner = self.desk.changed.wait_timeout(inner, left.min(NAP)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A problem with what the program complained of.
pub fn because(problem: String, complaint: &str) -> Lost {
    Lost(if complaint.is_empty() { problem } else { format!("{problem} ({complaint})") })
}

impl Drop for Newest {
    fn drop(&mut self) {
        self.desk.lock().left = true;
    }
}

impl Link for Newest {
    fn format(&self) -> String {
        self.format.to_string()
    }

    fn next_frame(&mut self) -> Result<Option<Delivered<'_>>, Lost> {
        if !std::mem::take(&mut self.held) && !self.take()? {
            return Ok(None);
        }
        let captured = self.frame.at.map_or(Duration::ZERO, |at| at.saturating_duration_since(self.began));
        let frame = self.format.wrap(&self.frame.bytes, self.frame.number, captured).map_err(Lost)?;
        let frame = self.frame.at.map_or(frame, |at| frame.taken_at(at));
        Ok(Some((frame, None)))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::vision::frame::{PixelFormat, Range};

    /// Gives a frame for each number that is sent, and says so when it wants the next.
    struct Told {
        numbers: Receiver<Option<u8>>,
        wanting: std::sync::mpsc::Sender<()>,
    }

    impl FrameReader for Told {
        fn format(&self) -> StreamFormat {
            StreamFormat { pixels: PixelFormat::Grey8, range: Range::Limited, size: [1, 1], rate: None }
        }

        fn read(&mut self, frame: &mut Vec<u8>) -> Result<bool, String> {
            let _ = self.wanting.send(());
            match self.numbers.recv() {
                Ok(Some(number)) => {
                    frame.resize(1, 0);
                    frame[0] = number;
                    Ok(true)
                }
                Ok(None) => Ok(false),
                Err(_) => Err("the test is over".into()),
            }
        }
    }

    fn start(timeout: Duration) -> (Newest, std::sync::mpsc::Sender<Option<u8>>, Receiver<()>) {
        let (numbers, receiver) = channel();
        let (wanting, wants) = channel();
        let (program, _) = Program::start(Command::new("sh").args(["-c", "echo no cable >&2"])).unwrap();
        let newest =
            Newest::start(Told { numbers: receiver, wanting }, program, Instant::now(), (timeout, Stop::default()));
        (newest.unwrap(), numbers, wants)
    }

    #[test]
    fn the_newest_frame_wins_and_the_end_is_told() {
        let (mut newest, numbers, wants) = start(Duration::from_secs(60));
        for number in [5, 6, 7] {
            wants.recv().unwrap();
            numbers.send(Some(number)).unwrap();
        }
        // When the fourth is wanted, the third has been put down.
        wants.recv().unwrap();
        let (frame, _) = newest.next_frame().unwrap().unwrap();
        assert_eq!((frame.row(0), frame.sequence()), (&[7][..], 2));
        numbers.send(Some(8)).unwrap();
        let (frame, _) = newest.next_frame().unwrap().unwrap();
        assert_eq!((frame.row(0), frame.sequence()), (&[8][..], 3));
        numbers.send(None).unwrap();
        let lost = newest.next_frame().map(|_| ()).unwrap_err().0;
        assert!(lost.starts_with("it ended"), "{lost}");
    }

    #[test]
    fn silence_is_a_loss() {
        let (mut newest, _numbers, _wants) = start(Duration::from_millis(1));
        assert!(newest.next_frame().map(|_| ()).unwrap_err().0.starts_with("no frame for 0.001 s"));
    }
}
