//! Cameras of Linux.
//!
//! `device` says which there are, `offers` and `negotiate` which format to take, `backend` captures. This file
//! makes a link of them: frames that borrow the driver's buffers.

mod backend;
pub mod controls;
pub mod device;
pub mod list;
mod negotiate;
mod offers;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nokhwa::camera_traits::CaptureBackendTrait;
use nokhwa::utils::{ApiBackend, CameraFormat, CameraIndex, FrameFormat};
use rustix::time::{ClockId, clock_gettime};

use backend::{Beside, Video4Linux};
use device::{Node, Places};

use super::link::{Connect, Delivered, Link, Lost};
use super::mjpeg::Mjpeg;
use super::{Options, Stop};
use crate::error::Error;
use crate::vision::frame::{Frame, PixelFormat};

/// Damaged frames in a row after which the camera counts as lost.
const MOST_DAMAGED: usize = 30;

/// A camera that may be plugged in or not.
#[derive(Debug)]
pub struct Camera {
    selection: String,
    options: Options,
    places: Places,
    known: Option<Node>,
    /// When the source began, on the clock of the frames' times.
    began: Duration,
}

impl Camera {
    /// The camera that `selection` means: a number, a path, a name or a part of one.
    pub fn new(selection: &str, options: &Options) -> Camera {
        Camera {
            selection: selection.into(),
            options: options.clone(),
            places: Places::default(),
            known: None,
            began: monotonic(),
        }
    }
}

impl Connect for Camera {
    type Link = Stream;

    fn connect(&mut self) -> Result<Stream, Lost> {
        let node = self.places.find(&self.selection, self.known.as_ref()).map_err(Lost)?;
        let named = |problem: String| named(&node.name, problem);
        let Options { timeout, stop, wanted, .. } = &self.options;
        let device = Video4Linux::open(&node.path, &node.name, *timeout, stop.clone());
        let mut device = device.map_err(|error| named(explain(&error, &node.path)))?;
        let offers = device.offers();
        if offers.is_empty() && !node.name.is_empty() {
            return Err(named("captures no pictures that Retort reads; `retort cameras` lists those that do".into()));
        }
        let format = negotiate::choose(&offers, wanted).map_err(named)?;
        let nokhwa = |error: nokhwa::NokhwaError| named(in_words(&error));
        device.set_camera_format(format).map_err(nokhwa)?;
        let beside = device.beside();
        let index = CameraIndex::String(node.path.display().to_string());
        let mut camera = nokhwa::Camera::with_custom(index, ApiBackend::Video4Linux, Box::new(device));
        camera.open_stream().map_err(nokhwa)?;
        let format = camera.camera_format();
        let stream = Stream {
            camera,
            beside,
            format,
            decoder: Mjpeg::default(),
            name: node.name.clone(),
            began: self.began,
            stop: stop.clone(),
        };
        self.known = Some(node);
        Ok(stream)
    }
}

/// Why a device cannot be opened, and what to do.
pub(crate) fn explain(error: &std::io::Error, path: &Path) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "{} may not be opened by this user; add them to the group of the device with `sudo usermod -aG video $USER` and \
             log in again",
            path.display()
        ),
        ErrorKind::ResourceBusy => format!("{} is in use by another program; end that first", path.display()),
        _ => format!("{}: {error}", path.display()),
    }
}

/// Why a device does not do what it should. nokhwa hands on the system's reasons as text.
fn in_words(error: &nokhwa::NokhwaError) -> String {
    let text = error.to_string();
    let busy = std::io::Error::from(rustix::io::Errno::BUSY).to_string();
    if text.contains(&busy) { "is in use by another program; end that first".into() } else { text }
}

/// Frames of a camera, until it is gone.
pub struct Stream {
    camera: nokhwa::Camera,
    beside: Rc<Beside>,
    format: CameraFormat,
    decoder: Mjpeg,
    name: String,
    began: Duration,
    stop: Stop,
}

impl Link for Stream {
    fn format(&self) -> String {
        negotiate::describe(&self.format)
    }

    fn next_frame(&mut self) -> Result<Option<Delivered<'_>>, Lost> {
        match pixel_format(self.format.format()) {
            Some(format) => self.raw(format),
            None => self.decoded(),
        }
    }
}

impl Stream {
    /// A frame as it lies in the driver's buffer.
    fn raw(&mut self, format: PixelFormat) -> Result<Option<Delivered<'_>>, Lost> {
        let about = self.about();
        let Some(pixels) = capture(&mut self.camera, &self.name, &self.stop)? else { return Ok(None) };
        let stride = self.beside.stride.get();
        Ok(Some((about.wrap(pixels, format, stride, &self.beside).map_err(|error| named(&self.name, error))?, None)))
    }

    /// A frame decoded from Motion JPEG. Damaged ones are passed over, as the gap in the numbers tells.
    fn decoded(&mut self) -> Result<Option<Delivered<'_>>, Lost> {
        let (about, mut damage) = (self.about(), String::new());
        for _ in 0..MOST_DAMAGED {
            let Some(jpeg) = capture(&mut self.camera, &self.name, &self.stop)? else { return Ok(None) };
            match self.decoder.decode(jpeg, about.size) {
                Ok(decoding) => {
                    let frame = about.wrap(self.decoder.pixels(), PixelFormat::Rgb8, about.size[0] * 3, &self.beside);
                    return Ok(Some((frame.map_err(|error| named(&self.name, error))?, Some(decoding))));
                }
                Err(problem) => damage = problem,
            }
        }
        Err(named(&self.name, damage))
    }

    fn about(&self) -> About {
        About { size: [self.format.width() as usize, self.format.height() as usize], began: self.began }
    }
}

/// What all frames of a stream have in common.
#[derive(Clone, Copy)]
struct About {
    size: [usize; 2],
    began: Duration,
}

impl About {
    /// The frame that was captured last.
    fn wrap<'a>(
        &self,
        pixels: &'a [u8],
        format: PixelFormat,
        stride: usize,
        beside: &Beside,
    ) -> Result<Frame<'a>, Error> {
        let now = monotonic();
        let captured = match beside.captured.get() {
            Duration::ZERO => now,
            captured => captured,
        };
        let taken = Instant::now().checked_sub(now.saturating_sub(captured));
        let captured = captured.saturating_sub(self.began);
        let frame = Frame::new(pixels, format, self.size[0], self.size[1], stride, captured)?;
        let frame = taken.map_or(frame, |taken| frame.taken_at(taken));
        Ok(frame.numbered(beside.sequence.get().into()).ranged(beside.range.get()))
    }
}

/// The newest frame's bytes; `None` where waiting for them was ended.
fn capture<'a>(camera: &'a mut nokhwa::Camera, name: &str, stop: &Stop) -> Result<Option<&'a [u8]>, Lost> {
    match camera.frame_raw() {
        Ok(Cow::Borrowed(pixels)) => Ok(Some(pixels)),
        Ok(Cow::Owned(_)) => Err(named(name, "the frame is a copy")),
        Err(_) if stop.is_raised() => Ok(None),
        Err(nokhwa::NokhwaError::ReadFrameError(problem)) => Err(named(name, problem)),
        Err(error) => Err(named(name, error)),
    }
}

/// What became of the camera of this name.
fn named(name: &str, problem: impl Display) -> Lost {
    Lost(if name.is_empty() { problem.to_string() } else { format!("{name}: {problem}") })
}

/// The layout of pixels that need no decoding.
fn pixel_format(format: FrameFormat) -> Option<PixelFormat> {
    match format {
        FrameFormat::YUYV => Some(PixelFormat::Yuyv),
        FrameFormat::NV12 => Some(PixelFormat::Nv12),
        FrameFormat::GRAY => Some(PixelFormat::Grey8),
        FrameFormat::RAWRGB => Some(PixelFormat::Rgb8),
        FrameFormat::RAWBGR => Some(PixelFormat::Bgr8),
        FrameFormat::MJPEG => None,
    }
}

/// The clock that drivers take times of frames from.
fn monotonic() -> Duration {
    clock_gettime(ClockId::Monotonic).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn troubles_come_with_their_remedies() {
        let denied = explain(&ErrorKind::PermissionDenied.into(), Path::new("/dev/video0"));
        assert!(denied.contains("/dev/video0") && denied.contains("usermod -aG video"), "{denied}");
        let busy = std::io::Error::from(rustix::io::Errno::BUSY);
        assert!(explain(&busy, Path::new("/dev/video0")).contains("another program"));
        let busy = nokhwa::NokhwaError::OpenStreamError(busy.to_string());
        assert_eq!(in_words(&busy), "is in use by another program; end that first");
        let other = nokhwa::NokhwaError::OpenStreamError("gone".into());
        assert_eq!(in_words(&other), "Could not open device stream: gone");
    }
}
