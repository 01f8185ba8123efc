//! Videos and network streams, decoded by ffmpeg at the other end of a pipe.

use std::io::ErrorKind;
use std::process::{ChildStdout, Command};
use std::time::{Duration, Instant};

use super::film::Film;
use super::frames::{FrameReader, StreamFormat};
use super::link::{Connect, Lost};
use super::newest::{Newest, because};
use super::patient::Patient;
use super::program::Program;
use super::y4m::Y4m;
use super::{Options, Persistent, Source, Stop};
use crate::error::Error;

/// Finding out what a stream is takes ffmpeg a moment before the first frame.
const START: Duration = Duration::from_secs(15);
/// What is said where there is no ffmpeg.
pub(crate) const MISSING: &str = "needs ffmpeg, which is not there; install it (`sudo apt install ffmpeg`)";
/// What the name of a video ends in.
const VIDEOS: &[&str] = &[
    "avi", "flv", "gif", "m2ts", "m4v", "mjpeg", "mjpg", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts",
    "webm", "wmv",
];

/// Whether a name is a video's.
pub fn is_video(name: &str) -> bool {
    let path = name.split(['?', '#']).next().unwrap_or_default();
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    VIDEOS.iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Opens a video file, or an address: of a video, every frame of it is read, and anything else is taken to be live, where the
/// newest frame wins and a lost stream is looked for again.
///
/// # Errors
/// [`Error::Source`] with what ffmpeg says.
pub fn open(name: &str, options: &Options) -> Result<Box<dyn Source>, Error> {
    let address = name.contains("://");
    if address && !is_video(name) {
        return Ok(Box::new(Persistent::open(name, Live::new(name, options), options)?));
    }
    // What looks like a protocol in a file's name is none.
    let input = if address { name.to_string() } else { format!("file:{name}") };
    // Those who read a file wait for nobody.
    let timeout = address.then_some(options.timeout);
    let film = Whole::start(&input, timeout, options.stop.clone());
    let film = film.map_err(|lost| Error::Source { name: name.into(), problem: lost.0 })?;
    Ok(Box::new(Film::new(name, film, options.stop.clone())))
}

/// ffmpeg reading `input`, and the frames that it writes.
fn start(input: &str, timeout: Option<Duration>, stop: Stop) -> Result<(Program, Y4m<Patient<ChildStdout>>), Lost> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]);
    if input.starts_with("rtsp://") {
        // Over UDP, what is lost on the way shows as smears.
        command.args(["-rtsp_transport", "tcp"]);
    }
    command.args(["-i", input, "-map", "0:v:0", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-"]);
    let (mut program, output) = Program::start(&mut command).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Lost(MISSING.into()),
        _ => Lost(format!("ffmpeg cannot be run: {error}")),
    })?;
    match Y4m::open(Patient::new(output, timeout.map(|timeout| timeout.max(START)), stop)) {
        Ok(reader) => Ok((program, reader)),
        Err(problem) => {
            let complaint = program.end();
            // The name is said before it, anyhow.
            let complaint = complaint.strip_prefix(&format!("{input}: ")).unwrap_or(&complaint);
            Err(Lost(if complaint.is_empty() { format!("what ffmpeg writes {problem}") } else { complaint.into() }))
        }
    }
}

/// A whole video.
struct Whole {
    reader: Y4m<Patient<ChildStdout>>,
    program: Program,
}

impl Whole {
    fn start(input: &str, timeout: Option<Duration>, stop: Stop) -> Result<Whole, Lost> {
        let (program, reader) = start(input, timeout, stop)?;
        Ok(Whole { reader, program })
    }
}

impl FrameReader for Whole {
    fn format(&self) -> StreamFormat {
        self.reader.format()
    }

    fn read(&mut self, frame: &mut Vec<u8>) -> Result<bool, String> {
        self.reader.read(frame).map_err(|problem| because(problem, &self.program.end()).0)
    }
}

/// A stream that goes on whether it is read or not.
struct Live {
    address: String,
    timeout: Duration,
    stop: Stop,
    began: Instant,
}

impl Live {
    fn new(address: &str, options: &Options) -> Live {
        let (timeout, stop) = (options.timeout, options.stop.clone());
        Live { address: address.into(), timeout, stop, began: Instant::now() }
    }
}

impl Connect for Live {
    type Link = Newest;

    fn connect(&mut self) -> Result<Newest, Lost> {
        let (program, reader) = start(&self.address, Some(self.timeout), self.stop.clone())?;
        Newest::start(reader, program, self.began, (self.timeout, self.stop.clone()))?.begun()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_are_known_by_their_names() {
        for video in ["a.mp4", "A.MKV", "http://host/a.webm?token=1.x", "dir.d/film.avi"] {
            assert!(is_video(video), "{video}");
        }
        for other in ["rtsp://host/stream", "http://host:8080/?action=stream", "a.mp4/b", "mp4", ""] {
            assert!(!is_video(other), "{other}");
        }
    }

    #[test]
    fn a_video_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a:b.mkv");
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1"])
            .args(["-c:v", "mpeg4"])
            .arg(format!("file:{}", file.display()))
            .status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: there is no ffmpeg");
            return;
        }
        let mut film = open(file.to_str().unwrap(), &Options::default()).unwrap();
        let mut frames = 0;
        while let Some(shot) = film.next_shot().unwrap() {
            assert_eq!([shot.frame.width(), shot.frame.height()], [64, 48]);
            assert_eq!(shot.frame.captured(), Duration::from_millis(100 * frames));
            frames += 1;
        }
        assert_eq!(frames, 10);
        // What is no video is refused in ffmpeg's words.
        std::fs::write(folder.path().join("no.mp4"), "text").unwrap();
        let name = folder.path().join("no.mp4").display().to_string();
        let error = open(&name, &Options::default()).err().unwrap().to_string();
        assert!(error.contains("Invalid data"), "{error}");
    }
}
