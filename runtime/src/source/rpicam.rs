//! Cameras on the Pi's ribbon cable, through the program that comes with them at the other end of a pipe.
//!
//! libcamera has no interface that stays the same from version to version; rpicam-vid's command line does. It is called
//! libcamera-vid where it is older.

use std::io::ErrorKind;
use std::process::Command;
use std::time::{Duration, Instant};

use super::frames::{RawFrames, StreamFormat};
use super::link::{Connect, Lost};
use super::newest::Newest;
use super::patient::Patient;
use super::program::Program;
use super::{Options, Stop, Wanted};
use crate::vision::frame::{PixelFormat, Range};

/// The program's names, the newer first.
const PROGRAMS: &[&str] = &["rpicam-vid", "libcamera-vid"];
/// Rows are padded to a multiple of so many bytes; of such a width none is.
const ALIGNMENT: usize = 64;
/// Sizes to choose from, all of them without padding.
const SIZES: &[[usize; 2]] = &[[320, 240], [640, 480], [1280, 960], [1920, 1080]];
/// Starting the camera takes a moment before the first frame.
const START: Duration = Duration::from_secs(5);

/// A camera that rpicam-vid captures from.
#[derive(Debug)]
pub struct Rpicam {
    number: u32,
    programs: Vec<String>,
    size: [usize; 2],
    rate: Option<u32>,
    timeout: Duration,
    stop: Stop,
    began: Instant,
}

impl Rpicam {
    /// Camera `number`, as `rpicam-vid --list-cameras` counts them.
    ///
    /// # Errors
    /// That the number is none, or that the size is one that frames would be padded to.
    pub fn new(number: &str, options: &Options) -> Result<Rpicam, String> {
        let number =
            number.parse().map_err(|_| "needs a number, as rpicam:0; `retort cameras` lists them".to_string())?;
        let size = size(&options.wanted)?;
        if let Some(format) = &options.wanted.format {
            return Err(format!("gives I420 only, not {format}"));
        }
        Ok(Rpicam {
            number,
            programs: PROGRAMS.iter().map(ToString::to_string).collect(),
            size,
            rate: options.wanted.rate,
            timeout: options.timeout,
            stop: options.stop.clone(),
            began: Instant::now(),
        })
    }

    fn command(&self, program: &str) -> Command {
        let [width, height] = self.size.map(|side| side.to_string());
        let mut command = Command::new(program);
        command.args(["--camera", &self.number.to_string(), "--codec", "yuv420", "--output", "-", "--timeout", "0"]);
        command.args(["--nopreview", "--flush", "--verbose", "0", "--width", &width, "--height", &height]);
        if let Some(rate) = self.rate {
            command.args(["--framerate", &rate.to_string()]);
        }
        command
    }
}

/// A size whose rows are not padded.
fn size(wanted: &Wanted) -> Result<[usize; 2], String> {
    match (wanted.size, wanted.covers) {
        (Some([width, height]), _) if width % ALIGNMENT != 0 || height % 2 != 0 => Err(format!(
            "needs a width that {ALIGNMENT} divides and an even height, as {}x{}",
            width.next_multiple_of(ALIGNMENT),
            height.next_multiple_of(2)
        )),
        (Some(size), _) => Ok(size),
        (None, Some(input)) => {
            let covers = |size: &&[usize; 2]| size[0] >= input[0] || size[1] >= input[1];
            Ok(SIZES.iter().find(covers).copied().unwrap_or(SIZES[SIZES.len() - 1]))
        }
        (None, None) => Ok([640, 480]),
    }
}

impl Connect for Rpicam {
    type Link = Newest;

    fn connect(&mut self) -> Result<Newest, Lost> {
        for program in &self.programs {
            let (program, output) = match Program::start(&mut self.command(program)) {
                Ok(started) => started,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(Lost(format!("{program} cannot be run: {error}"))),
            };
            let format = StreamFormat {
                pixels: PixelFormat::I420,
                range: Range::Limited,
                size: self.size,
                rate: self.rate.map(|rate| (rate, 1)),
            };
            let timeout = self.timeout.max(START);
            let frames = RawFrames::new(Patient::new(output, None, self.stop.clone()), format).map_err(Lost)?;
            return Newest::start(frames, program, self.began, (timeout, self.stop.clone()))?.begun();
        }
        let programs = self.programs.join(" nor ");
        Err(Lost(format!(
            "neither {programs} is there; on Raspberry Pi OS install it (`sudo apt install rpicam-apps`)"
        )))
    }
}

/// A camera that rpicam-vid lists.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// N of rpicam:N.
    pub number: u32,
    /// The sensor, its size and where it is.
    pub about: String,
}

/// Cameras that rpicam-vid lists; `None` where the program is not there.
pub fn list() -> Option<Vec<Listed>> {
    let output = PROGRAMS.iter().find_map(|program| Command::new(program).arg("--list-cameras").output().ok())?;
    Some(cameras(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines as `0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)` of a listing.
fn cameras(listing: &str) -> Vec<Listed> {
    let camera = |line: &str| {
        let (number, about) = line.split_once(" : ")?;
        Some(Listed { number: number.trim().parse().ok()?, about: about.trim().into() })
    };
    listing.lines().filter_map(camera).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::source::link::Link;

    #[test]
    fn sizes_are_those_without_padding() {
        let covering = |width, height| size(&Wanted { covers: Some([width, height]), ..Wanted::default() });
        assert_eq!(covering(320, 320), Ok([320, 240]));
        assert_eq!(covering(416, 416), Ok([640, 480]));
        assert_eq!(covering(5000, 5000), Ok([1920, 1080]));
        let sized = |size| super::size(&Wanted { size: Some(size), ..Wanted::default() });
        assert_eq!(sized([1280, 720]), Ok([1280, 720]));
        assert!(sized([2028, 1520]).unwrap_err().contains("2048x1520"));
    }

    #[test]
    fn cameras_are_read_off_the_listing() {
        let listing = "Available cameras\n-----------------\n0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c@1/imx219@10)\n    \
                       Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]\n";
        let about = "imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c@1/imx219@10)".into();
        assert_eq!(cameras(listing), [Listed { number: 0, about }]);
        assert!(cameras("No cameras available!\n").is_empty());
    }

    /// A script in the place of rpicam-vid.
    fn camera(script: &str) -> (tempfile::TempDir, Rpicam) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("rpicam-vid");
        std::fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let wanted = Wanted { size: Some([64, 2]), rate: Some(15), ..Wanted::default() };
        let mut camera = Rpicam::new("1", &Options { wanted, ..Options::default() }).unwrap();
        camera.programs = vec!["/nowhere/rpicam-vid".into(), program.display().to_string()];
        (folder, camera)
    }

    #[test]
    fn frames_come_off_the_pipe() {
        // 64 × 2 of luma and twice 32 of chroma, from a program that checks how it is called.
        let (_folder, mut camera) = camera(
            "case \"$*\" in *'--camera 1 --codec yuv420 --output - --timeout 0'*'--width 64 --height 2 --framerate 15') ;; *) exit 1;; esac\n\
             head -c 192 /dev/zero; echo sensor gone >&2",
        );
        let mut link = camera.connect().unwrap();
        let (frame, _) = link.next_frame().unwrap().unwrap();
        assert_eq!((frame.width(), frame.height(), frame.format()), (64, 2, PixelFormat::I420));
        let lost = link.next_frame().map(|_| ()).unwrap_err().0;
        assert!(lost.starts_with("it ended"), "{lost}");
    }

    #[test]
    fn a_camera_that_is_not_there_is_no_link() {
        let (_folder, mut camera) = camera("echo 'ERROR: *** no cameras available ***' >&2; exit 1");
        assert_eq!(camera.connect().err().unwrap().0, "it ended (ERROR: *** no cameras available ***)");
    }

    #[test]
    fn what_is_missing_is_named() {
        let (_folder, mut camera) = camera("");
        camera.programs.truncate(1);
        assert!(camera.connect().err().unwrap().0.contains("apt install rpicam-apps"));
        assert!(Rpicam::new("front", &Options::default()).is_err());
    }
}
