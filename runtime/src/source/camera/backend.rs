//! Video4Linux2 as a capture backend of nokhwa, over the same crate `v4l` that nokhwa's own stands on.
//!
//! nokhwa takes other backends ([`nokhwa::Camera::with_custom`]), and its own one for Linux would not do: it waits for a
//! frame for ever, so that a camera that stops delivering stops the program; it hands out the oldest of the waiting frames
//! rather than the newest; it keeps neither number nor time of a frame, nor whether it is damaged; it knows grey under a
//! name that no driver has, and refuses rates of broken numbers. This one hands out the mapped buffer of the newest frame,
//! as it lies, and puts what nokhwa's interface has no place for into [`Beside`].

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nokhwa::camera_traits::CaptureBackendTrait;
use nokhwa::utils::{
    ApiBackend, CameraControl, CameraFormat, CameraIndex, CameraInfo, ControlValueSetter, FrameFormat,
    KnownCameraControl, Resolution,
};
use nokhwa::{Buffer, NokhwaError};
use polonius_the_crab::{polonius_loop, polonius_return};
use rustix::event::PollFlags;
use v4l::buffer::{Flags, Type};
use v4l::device::Handle;
use v4l::format::Quantization;
use v4l::io::mmap::Stream as MmapStream;
use v4l::io::traits::CaptureStream;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format};

use super::controls::{self, Control};
use super::negotiate::describe;
use super::offers::{code_of, format_of, offers, rate};
use crate::guard::guarded;
use crate::source::Stop;
use crate::source::link::Lost;
use crate::vision::frame::Range;

/// Buffers that the driver fills in turn: one is held, one is being filled, and two wait, of which the newest is wanted.
const BUFFERS: u32 = 4;
/// Longest wait between two looks at the flag that ends it.
const NAP: Duration = Duration::from_millis(100);

/// There is a frame.
const POLLIN: i16 = PollFlags::IN.bits() as i16;

/// What nokhwa's interface has no place for: of the format as it was set, and of the last frame.
#[derive(Debug, Default)]
pub struct Beside {
    /// From one row's first byte to the next's, in the first plane.
    pub stride: Cell<usize>,
    /// Of luma and chroma.
    pub range: Cell<Range>,
    /// The driver's number of the last frame.
    pub sequence: Cell<u32>,
    /// When the last frame was captured, since the machine started; zero where the driver does not say so.
    pub captured: Cell<Duration>,
}

/// A camera of Linux.
pub struct Video4Linux {
    // Before the device, which must outlive it.
    stream: Option<MmapStream<'static>>,
    device: Device,
    path: PathBuf,
    info: CameraInfo,
    format: CameraFormat,
    /// Bytes that a frame of raw pixels has at least.
    whole: usize,
    timeout: Duration,
    stop: Stop,
    beside: Rc<Beside>,
}

impl Video4Linux {
    /// Opens the device at `path`, which the system calls `name`.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, name: &str, timeout: Duration, stop: Stop) -> std::io::Result<Video4Linux> {
        let device = Device::with_path(path)?;
        let shown = path.display().to_string();
        Ok(Video4Linux {
            stream: None,
            device,
            path: path.into(),
            info: CameraInfo::new(name, &shown, "", CameraIndex::String(shown.clone())),
            format: CameraFormat::default(),
            whole: 0,
            timeout,
            stop,
            beside: Rc::default(),
        })
    }

    /// What is known beside nokhwa's own.
    pub fn beside(&self) -> Rc<Beside> {
        Rc::clone(&self.beside)
    }

    /// All that the camera offers and Retort reads.
    pub fn offers(&self) -> Vec<CameraFormat> {
        offers(&self.device)
    }

    /// Reads the format that the driver has set.
    fn read_format(&mut self) -> Result<(), NokhwaError> {
        let unread = |error: String| NokhwaError::GetPropertyError { property: "format".into(), error };
        let format = guarded(|| self.device.format()).unwrap_or_else(|| Err(ErrorKind::InvalidData.into()));
        let format = format.map_err(|error| unread(error.to_string()))?;
        let pixels = format_of(format.fourcc).ok_or_else(|| unread(format!("it has set {}", format.fourcc)))?;
        let rate = self.device.params().map_or(0, |set| rate(set.interval.numerator, set.interval.denominator));
        self.format = CameraFormat::new(Resolution::new(format.width, format.height), pixels, rate);
        self.beside.stride.set(format.stride as usize);
        // Drivers that say nothing of it mean what the pixels have by custom.
        let full = matches!(format.quantization, Quantization::FullRange);
        self.beside.range.set(if full { Range::Full } else { Range::Limited });
        let rows = format.height as usize * format.stride as usize;
        self.whole = match pixels {
            FrameFormat::MJPEG => 1,
            FrameFormat::NV12 => rows + rows / 2,
            _ => rows,
        };
        Ok(())
    }
}

/// How long to wait for a frame.
struct Patience<'a> {
    timeout: Duration,
    stop: &'a Stop,
}

impl Patience<'_> {
    /// Waits until there is a frame, or an error to report.
    fn wait(&self, handle: &Handle, end: Instant) -> Result<(), NokhwaError> {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match handle.poll(POLLIN, left.min(NAP).as_millis() as i32) {
                Ok(0) if left.is_zero() => return Err(NokhwaError::ReadFrameError(Lost::timed_out(self.timeout).0)),
                Ok(0) => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(NokhwaError::ReadFrameError(error.to_string())),
            }
            if self.stop.is_raised() {
                return Err(NokhwaError::ReadFrameError("stopped".into()));
            }
        }
    }
}

/// Waits for a frame of at least `whole` bytes, and takes the newest of those that wait; the others, and damaged ones, go
/// back to the driver.
fn newest<'a>(
    mut stream: &'a mut MmapStream<'static>,
    patience: &Patience<'_>,
    whole: usize,
    beside: &Beside,
) -> Result<&'a [u8], NokhwaError> {
    let (handle, end) = (stream.handle(), Instant::now() + patience.timeout);
    let mut older = 1;
    // A loop that returns what it borrowed is sound, but the borrow checker does not see that without help.
    polonius_loop!(|stream| -> Result<&'polonius [u8], NokhwaError> {
        if let Err(error) = patience.wait(&handle, end) {
            polonius_return!(Err(error));
        }
        match stream.next() {
            Err(error) => polonius_return!(Err(NokhwaError::ReadFrameError(error.to_string()))),
            Ok((pixels, meta)) => {
                let filled = (meta.bytesused as usize).min(pixels.len());
                let damaged = meta.flags.contains(Flags::ERROR) || filled < whole;
                // A camera faster than this loop must not keep it here.
                let newer = older < BUFFERS && handle.poll(POLLIN, 0).is_ok_and(|ready| ready > 0);
                if newer {
                    older += 1;
                } else if !damaged {
                    let monotonic = meta.flags.contains(Flags::TIMESTAMP_MONOTONIC);
                    beside.captured.set(if monotonic { meta.timestamp.into() } else { Duration::ZERO });
                    beside.sequence.set(meta.sequence);
                    polonius_return!(Ok(&pixels[..filled]));
                }
            }
        }
    })
}

impl CaptureBackendTrait for Video4Linux {
    fn backend(&self) -> ApiBackend {
        ApiBackend::Video4Linux
    }

    fn camera_info(&self) -> &CameraInfo {
        &self.info
    }

    fn refresh_camera_format(&mut self) -> Result<(), NokhwaError> {
        self.read_format()
    }

    fn camera_format(&self) -> CameraFormat {
        self.format
    }

    /// Sets size and pixel format, which must become as they are asked for, and the rate, which need not.
    fn set_camera_format(&mut self, wanted: CameraFormat) -> Result<(), NokhwaError> {
        let refuse = |error: String| NokhwaError::SetPropertyError {
            property: "format".into(),
            value: describe(&wanted),
            error,
        };
        let format = Format::new(wanted.width(), wanted.height(), code_of(wanted.format()));
        let set = guarded(|| self.device.set_format(&format)).unwrap_or_else(|| Err(ErrorKind::InvalidData.into()));
        set.map_err(|error| refuse(error.to_string()))?;
        if wanted.frame_rate() > 0 {
            // Some drivers have one rate only, and no way to set it.
            let _ = self.device.set_params(&Parameters::with_fps(wanted.frame_rate()));
        }
        self.read_format()?;
        let same = (self.format.resolution(), self.format.format()) == (wanted.resolution(), wanted.format());
        if same { Ok(()) } else { Err(refuse(format!("the driver makes it {}", describe(&self.format)))) }
    }

    fn compatible_list_by_resolution(
        &mut self,
        format: FrameFormat,
    ) -> Result<HashMap<Resolution, Vec<u32>>, NokhwaError> {
        let mut list: HashMap<Resolution, Vec<u32>> = HashMap::new();
        for offer in self.offers().iter().filter(|offer| offer.format() == format) {
            list.entry(offer.resolution()).or_default().push(offer.frame_rate());
        }
        Ok(list)
    }

    fn compatible_fourcc(&mut self) -> Result<Vec<FrameFormat>, NokhwaError> {
        let mut formats: Vec<FrameFormat> = self.offers().iter().map(CameraFormat::format).collect();
        formats.sort();
        formats.dedup();
        Ok(formats)
    }

    fn resolution(&self) -> Resolution {
        self.format.resolution()
    }

    fn set_resolution(&mut self, resolution: Resolution) -> Result<(), NokhwaError> {
        self.set_camera_format(CameraFormat::new(resolution, self.frame_format(), self.frame_rate()))
    }

    fn frame_rate(&self) -> u32 {
        self.format.frame_rate()
    }

    fn set_frame_rate(&mut self, rate: u32) -> Result<(), NokhwaError> {
        self.set_camera_format(CameraFormat::new(self.resolution(), self.frame_format(), rate))
    }

    fn frame_format(&self) -> FrameFormat {
        self.format.format()
    }

    fn set_frame_format(&mut self, format: FrameFormat) -> Result<(), NokhwaError> {
        self.set_camera_format(CameraFormat::new(self.resolution(), format, self.frame_rate()))
    }

    fn camera_control(&self, control: KnownCameraControl) -> Result<CameraControl, NokhwaError> {
        let found = self.camera_controls()?.into_iter().find(|known| known.control() == control);
        let error = "the camera does not have it".to_string();
        found.ok_or_else(|| NokhwaError::GetPropertyError { property: control.to_string(), error })
    }

    fn camera_controls(&self) -> Result<Vec<CameraControl>, NokhwaError> {
        let listed = controls::controls(&self.path);
        let listed = listed.map_err(|error| NokhwaError::GetPropertyError { property: "controls".into(), error })?;
        Ok(listed.iter().map(Control::to_nokhwa).collect())
    }

    fn set_camera_control(&mut self, id: KnownCameraControl, value: ControlValueSetter) -> Result<(), NokhwaError> {
        let text = match &value {
            ControlValueSetter::Integer(number) | ControlValueSetter::EnumValue(number) => number.to_string(),
            ControlValueSetter::Boolean(switch) => switch.to_string(),
            _ => String::new(),
        };
        let name = self.camera_control(id)?.name().to_string();
        controls::set(&self.path, &name, &text).map_err(|error| NokhwaError::SetPropertyError {
            property: name,
            value: text,
            error,
        })
    }

    fn open_stream(&mut self) -> Result<(), NokhwaError> {
        let refuse = |error: std::io::Error| NokhwaError::OpenStreamError(error.to_string());
        let mut stream = MmapStream::with_buffers(&self.device, Type::VideoCapture, BUFFERS).map_err(refuse)?;
        stream.set_timeout(self.timeout);
        // Left to itself, the stream begins to capture when the first frame is asked for, and waits for that one out of
        // our sight. It begins here instead, with all buffers but the first, which `next` hands over; drivers may give
        // more buffers than were asked for, and refuse the one after the last.
        for index in 1.. {
            if CaptureStream::queue(&mut stream, index).is_err() {
                break;
            }
        }
        v4l::io::traits::Stream::start(&mut stream).map_err(refuse)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn is_stream_open(&self) -> bool {
        self.stream.is_some()
    }

    fn frame(&mut self) -> Result<Buffer, NokhwaError> {
        let format = self.format;
        Ok(Buffer::new(format.resolution(), &self.frame_raw()?, format.format()))
    }

    fn frame_raw(&mut self) -> Result<Cow<'_, [u8]>, NokhwaError> {
        let patience = Patience { timeout: self.timeout, stop: &self.stop };
        let stream = self.stream.as_mut().ok_or_else(|| NokhwaError::ReadFrameError("no stream is open".into()))?;
        newest(stream, &patience, self.whole, &self.beside).map(Cow::Borrowed)
    }

    fn stop_stream(&mut self) -> Result<(), NokhwaError> {
        // Dropping a stream panics where the driver does not let it be stopped.
        let stream = self.stream.take();
        guarded(|| drop(stream)).ok_or_else(|| NokhwaError::StreamShutdownError("the driver refuses".into()))
    }
}

impl Drop for Video4Linux {
    fn drop(&mut self) {
        let _ = self.stop_stream();
    }
}
