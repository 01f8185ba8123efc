//! A source in which everything goes wrong that can, for as many frames as one has patience for: short frames, damaged JPEG,
//! other sizes and formats, silence, times that jump. `RETORT_SOAK_FRAMES=1000000` has it run that long.

use std::io::Cursor;

use super::*;
use crate::board::memory::Process;
use crate::source::mjpeg::Mjpeg;
use crate::source::{Decoding, Losses};
use crate::vision::frame::{Frame, PixelFormat};

/// Frames where nobody asks for more.
const FRAMES: u64 = 2000;
/// Bytes that memory may grow after the first tenth: the heap's own unrest.
const UNREST: u64 = 4 << 20;

/// Numbers that are the same in every run (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Faults by chance.
struct Chaos {
    dice: Dice,
    pixels: Vec<u8>,
    jpeg: Vec<u8>,
    decoder: Mjpeg,
    number: u64,
    now: Duration,
    losses: Losses,
    faults: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Chaos {
    fn new(faults: std::rc::Rc<std::cell::Cell<u64>>) -> Chaos {
        let picture = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([x as u8 * 4, y as u8 * 5, 90]));
        let mut jpeg = Cursor::new(Vec::new());
        picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        Chaos {
            dice: Dice(0x9e37_79b9_7f4a_7c15),
            pixels: (0..640 * 480 * 3).map(|i: u32| (i % 251) as u8).collect(),
            jpeg: jpeg.into_inner(),
            decoder: Mjpeg::default(),
            number: 0,
            now: Duration::ZERO,
            losses: Losses::default(),
            faults,
        }
    }

    fn fault(&mut self, problem: &str) -> Error {
        self.faults.set(self.faults.get() + 1);
        Error::Lost { name: "chaos".into(), problem: problem.into() }
    }
}

impl Source for Chaos {
    fn next_shot(&mut self) -> Result<Option<Shot<'_>>, Error> {
        // Numbers have gaps, and begin anew when the camera does.
        self.number += 1 + self.dice.roll(3) / 2;
        self.now += Duration::from_millis(33);
        match self.dice.roll(100) {
            0 => return Err(self.fault("no frame for 5 s")),
            1 => {
                self.losses.reconnects += 1;
                self.number = 0;
                return Err(self.fault("it was unplugged"));
            }
            2 => self.now += Duration::from_secs(self.dice.roll(1_000_000)),
            3 => self.now = self.now.saturating_sub(Duration::from_secs(self.dice.roll(1000))),
            _ => {}
        }
        let (format, width, height) = match self.dice.roll(50) {
            0 => (PixelFormat::Yuyv, 320, 240),
            1 => (PixelFormat::Nv12, 640, 480),
            2 => (PixelFormat::Grey8, 1, 1),
            3 => (PixelFormat::I420, 33, 17),
            _ => (PixelFormat::Rgb8, 320, 240),
        };
        if self.dice.roll(10) == 0 {
            let mut jpeg = self.jpeg.clone();
            if self.dice.roll(2) == 0 {
                let at = self.dice.roll(jpeg.len() as u64) as usize;
                jpeg[at] ^= 1 << self.dice.roll(8);
                jpeg.truncate(self.dice.roll(jpeg.len() as u64 + 1) as usize);
            }
            return match self.decoder.decode(&jpeg, [64, 48]) {
                Ok(decoding) => {
                    let frame = Frame::new(self.decoder.pixels(), PixelFormat::Rgb8, 64, 48, 64 * 3, self.now)?;
                    let decoding: Option<Decoding> = Some(decoding);
                    Ok(Some(Shot { decoding, ..Shot::new("chaos", frame.numbered(self.number)) }))
                }
                Err(problem) => Err(self.fault(&problem.to_string())),
            };
        }
        let row = format.row_bytes(width).unwrap();
        let whole = format.picture_bytes(width, height).unwrap();
        // Now and then a buffer that was not filled.
        let length = if self.dice.roll(40) == 0 { self.dice.roll(whole as u64) as usize } else { whole };
        match Frame::new(&self.pixels[..length], format, width, height, row, self.now) {
            Ok(frame) => Ok(Some(Shot::new("chaos", frame.numbered(self.number)))),
            Err(error) => {
                self.faults.set(self.faults.get() + 1);
                Err(error.into())
            }
        }
    }

    fn count(&self) -> Option<usize> {
        None
    }

    fn losses(&self) -> Losses {
        self.losses
    }
}

#[test]
fn everything_that_can_go_wrong_does_and_the_service_goes_on() {
    let asked = std::env::var("RETORT_SOAK_FRAMES").ok().and_then(|frames| frames.parse().ok());
    let frames: u64 = asked.unwrap_or(FRAMES);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("retort.toml");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("models").join("shapes-128.onnx");
    let config = format!(
        "source = \"synthetic:64x48\"\n[model]\nfile = \"{}\"\nscore = 0.2\n[[zone]]\nname = \"all\"\nsettle = 0\n\
         [[line]]\nname = \"middle\"\nfrom = [0.5, 1]\nto = [0.5, 0]\n[to.json]\nfile = \"log.jsonl\"\n\
         [to.snapshots]\nfolder = \"shots\"\nquota = 1\n[watchdog]\nseconds = 600\n",
        model.display()
    );
    std::fs::write(&path, config).unwrap();
    let faults = std::rc::Rc::default();
    let chaos = Chaos::new(std::rc::Rc::clone(&faults));
    let mut service = Service::with_source(&path, Stop::default(), Arc::default(), |_, _| Ok(Box::new(chaos))).unwrap();
    let memory = || Process::read(&Root::system()).anonymous_bytes;
    assert_eq!(service.run(Some(frames / 10)).unwrap(), Ended::Enough);
    let warm = memory();
    assert_eq!(service.run(Some(frames - frames / 10)).unwrap(), Ended::Enough);
    let meters = service.meters.lock();
    assert_eq!(meters.frames, frames);
    println!("{frames} frames, {} faults, {} events, memory {warm:?} → {:?}", faults.get(), meters.said(), memory());
    assert!(faults.get() > frames / 100, "{} faults", faults.get());
    if let (Some(warm), Some(end)) = (warm, memory()) {
        assert!(end < warm + UNREST, "memory grew from {warm} to {end}");
    }
}
