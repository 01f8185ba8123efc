//! Where frames come from: pictures, cameras, videos, pipes.
//!
//! [`open`] understands what the command line calls SOURCE. What can be lost and found again (a camera, a network stream)
//! is a [`Link`](link::Link) behind a [`Persistent`] source, which waits, reports and reconnects.

mod absence;
#[cfg(all(feature = "camera", target_os = "linux"))]
pub mod camera;
mod clock;
#[cfg(test)]
mod faults;
pub(crate) mod ffmpeg;
mod film;
pub mod frames;
pub mod link;
#[cfg(all(feature = "camera", target_os = "linux"))]
pub(crate) mod mjpeg;
mod newest;
mod patient;
mod persistent;
mod pictures;
mod program;
pub mod rpicam;
mod stop;
mod synthetic;
pub mod y4m;

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::limits::Limits;
use crate::vision::frame::Frame;
use patient::Patient;

pub use absence::Absence;
pub use film::Film;
pub use persistent::Persistent;
pub use pictures::Pictures;
pub use stop::Stop;
pub use synthetic::Synthetic;

/// A frame and what it is called.
#[derive(Clone, Copy, Debug)]
pub struct Shot<'a> {
    /// The file, or the device.
    pub name: &'a str,
    /// The pixels.
    pub frame: Frame<'a>,
    /// What it took to decode them, where they came compressed.
    pub decoding: Option<Decoding>,
}

impl<'a> Shot<'a> {
    /// A frame that came as it is.
    pub fn new(name: &'a str, frame: Frame<'a>) -> Shot<'a> {
        Shot { name, frame, decoding: None }
    }
}

/// The cost of decoding a compressed frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoding {
    /// How long it took.
    pub took: Duration,
    /// How often it asked for memory, where the program counts that.
    pub allocations: usize,
}

/// What a source has lost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Frames that were captured but never handed out: there was a newer one, or no memory for them.
    pub dropped: u64,
    /// How often the source was lost and found again.
    pub reconnects: u64,
}

/// Yields frames one after another, each borrowed until the next is asked for.
pub trait Source {
    /// The next frame; `None` after the last.
    ///
    /// # Errors
    /// What makes this frame unreadable, or [`Error::Lost`]. A source may be asked again after one.
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error>;

    /// How many frames there will be in all, where that is known.
    fn count(&self) -> Option<usize>;

    /// What was lost so far.
    fn losses(&self) -> Losses {
        Losses::default()
    }

    /// The format of its frames in a few words, where all have one.
    fn format(&self) -> Option<String> {
        None
    }
}

/// How to open a source.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is wanted of a camera.
    pub wanted: Wanted,
    /// How long to wait for a frame before the source counts as lost.
    pub timeout: Duration,
    /// Whether to look for a lost source again.
    pub reconnect: bool,
    /// Raised to end the source's waiting.
    pub stop: Stop,
    /// How large a picture may be.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            wanted: Wanted::default(),
            timeout: Duration::from_secs(5),
            reconnect: true,
            stop: Stop::default(),
            limits: Limits::default(),
        }
    }
}

/// What is wanted of a camera that offers several formats. What is `None` is left to the choice that suits best.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Width and height of the model's input, which a frame should not have to be enlarged for.
    pub covers: Option<[usize; 2]>,
    /// Width and height of a frame.
    pub size: Option<[usize; 2]>,
    /// Frames a second.
    pub rate: Option<u32>,
    /// The camera's name of a pixel format, as `YUYV` or `MJPG`.
    pub format: Option<String>,
}

/// Opens what the command line calls SOURCE.
///
/// # Errors
/// [`Error::Source`] says what the source is not, and what would do.
pub fn open(name: &str, options: &Options) -> Result<Box<dyn Source>, Error> {
    let refuse = |problem: String| Error::Source { name: name.into(), problem };
    if let Some(size) = name.strip_prefix("synthetic:") {
        return Ok(Box::new(Synthetic::open(name, size)?));
    }
    if name.starts_with("camera:") || name.starts_with("/dev/video") || name.starts_with("/dev/v4l/") {
        return open_camera(name, options);
    }
    if let Some(number) = name.strip_prefix("rpicam:") {
        let camera = rpicam::Rpicam::new(number, options).map_err(refuse)?;
        return Ok(Box::new(Persistent::open(name, camera, options)?));
    }
    if name == "-" {
        // Not through the library's own buffer, in which poll(2) does not see what waits.
        let input = std::io::stdin().as_fd().try_clone_to_owned();
        let input = input.map_err(|source| Error::Io { path: "standard input".into(), source })?;
        return y4m_film(name, File::from(input), options);
    }
    if name.contains("://") {
        return ffmpeg::open(name, options);
    }
    let path = Path::new(name);
    if path.is_file() {
        let io = |source| Error::Io { path: path.into(), source };
        let mut first = Vec::new();
        File::open(path).and_then(|file| file.take(y4m::MAGIC.len() as u64).read_to_end(&mut first)).map_err(io)?;
        if first == y4m::MAGIC {
            return y4m_film(name, File::open(path).map_err(io)?, options);
        }
        if ffmpeg::is_video(name) {
            return ffmpeg::open(name, options);
        }
    }
    Ok(Box::new(Pictures::within(path, &options.limits)?))
}

/// Every frame of a Y4M stream.
fn y4m_film(name: &str, input: impl Read + AsFd + 'static, options: &Options) -> Result<Box<dyn Source>, Error> {
    let input = Patient::new(input, None, options.stop.clone());
    let reader = y4m::Y4m::open(input).map_err(|problem| Error::Source { name: name.into(), problem })?;
    Ok(Box::new(Film::new(name, reader, options.stop.clone())))
}

#[cfg(all(feature = "camera", target_os = "linux"))]
fn open_camera(name: &str, options: &Options) -> Result<Box<dyn Source>, Error> {
    let camera = camera::Camera::new(name.strip_prefix("camera:").unwrap_or(name), options);
    Ok(Box::new(Persistent::open(name, camera, options)?))
}

#[cfg(not(all(feature = "camera", target_os = "linux")))]
fn open_camera(name: &str, _: &Options) -> Result<Box<dyn Source>, Error> {
    let problem = "this build has no cameras; build it for Linux with the feature `camera`".into();
    Err(Error::Source { name: name.into(), problem })
}

/// Reads `640x480`.
pub fn parse_size(text: &str) -> Option<[usize; 2]> {
    let (width, height) = text.split_once('x')?;
    let side = |text: &str| text.parse().ok().filter(|&side| side > 0);
    Some([side(width)?, side(height)?])
}
