//! What the command line calls a display: its kind, its device and its options, as `st7789:/dev/spidev0.0,dc=25,240x240`.

use std::fmt;
use std::path::PathBuf;

use super::{Controller, Depth, Layout, PanelOptions};
use crate::error::Error;
use crate::source::parse_size;

/// The longest side.
const LONGEST_SIDE: usize = 8192;

/// How fast a panel's bus is where nothing else is said; short wires carry it.
const HERTZ: u32 = 32_000_000;

/// A display's name, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    text: String,
    /// What it stands for.
    pub kind: Kind,
}

/// What kind of screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `fb:/dev/fb0`, or a file with a size and depth as `fb:FILE,320x240,bits=16`.
    Framebuffer {
        /// The device.
        path: PathBuf,
        /// How its pixels lie; `None` where the system says.
        layout: Option<Layout>,
    },
    /// `st7789:/dev/spidev0.0,dc=25,rst=27,240x240`, and the same with `ili9341`.
    Panel {
        /// The panel's controller.
        controller: Controller,
        /// The SPI device.
        path: PathBuf,
        /// How the panel is mounted and made.
        options: PanelOptions,
        /// Bits a second.
        hertz: u32,
        /// The GPIO device that has the pins.
        chip: PathBuf,
        /// The line that is high for data, and low for commands.
        data: u32,
        /// The line that resets the panel when it is low.
        reset: Option<u32>,
    },
    /// `ssd1306:/dev/i2c-1,128x64`.
    Ssd1306 {
        /// The I²C bus.
        path: PathBuf,
        /// Width and height.
        size: [usize; 2],
        /// The controller's address.
        address: u16,
    },
    /// `png:DIR,240x240`.
    Png {
        /// Where files go.
        folder: PathBuf,
        /// Width and height.
        size: [usize; 2],
        /// What a pixel can be.
        depth: Depth,
        /// Of so many frames one is written.
        every: u64,
    },
}

impl Kind {
    /// What to do where the device is not there.
    pub(super) fn when_missing(&self) -> &'static str {
        match self {
            Kind::Framebuffer { .. } => "; is the display's driver loaded? `ls /sys/class/graphics` lists framebuffers",
            Kind::Panel { .. } => "; on a Raspberry Pi `dtparam=spi=on` in config.txt makes /dev/spidev0.0",
            Kind::Ssd1306 { .. } => "; on a Raspberry Pi `dtparam=i2c_arm=on` in config.txt makes /dev/i2c-1",
            Kind::Png { .. } => "",
        }
    }
}

impl Name {
    /// Understands a name.
    ///
    /// # Errors
    /// [`Error::Display`] says what is wrong with it, and what would do.
    pub fn parse(text: &str) -> Result<Name, Error> {
        let refuse = |problem: String| Error::Display { name: text.into(), problem };
        let (kind, rest) = text.split_once(':').ok_or_else(|| refuse(FORMS.into()))?;
        let mut parts = rest.split(',');
        let path = parts.next().filter(|path| !path.is_empty());
        let path = PathBuf::from(path.ok_or_else(|| refuse(format!("names no device or folder; {FORMS}")))?);
        let mut options = Options::read(parts).map_err(refuse)?;
        let kind = match kind {
            "fb" => framebuffer(path, &mut options),
            "st7789" => panel(Controller::St7789, path, &mut options),
            "ili9341" => panel(Controller::Ili9341, path, &mut options),
            "ssd1306" => ssd1306(path, &mut options),
            "png" => png(path, &mut options),
            _ => Err(FORMS.into()),
        };
        let kind = kind.and_then(|kind| options.end().map(|()| kind)).map_err(refuse)?;
        Ok(Name { text: text.into(), kind })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const FORMS: &str = "is no display; there are fb:/dev/fb0, st7789:/dev/spidev0.0,dc=25,rst=27,240x240, \
                     ili9341:/dev/spidev0.0,dc=25,rst=27,320x240, ssd1306:/dev/i2c-1,128x64 and png:DIR,240x240";

fn framebuffer(path: PathBuf, options: &mut Options<'_>) -> Result<Kind, String> {
    let bits = options.number("bits", 16..=32)?;
    let layout = match (options.size, bits) {
        (Some(size), bits) => Some(Layout::dense(size, bits.unwrap_or(32) as usize)),
        (None, Some(_)) => return Err("bits without a size say too little: add one, as 320x240".into()),
        (None, None) => None,
    };
    Ok(Kind::Framebuffer { path, layout })
}

fn panel(controller: Controller, path: PathBuf, options: &mut Options<'_>) -> Result<Kind, String> {
    let usual = match controller {
        Controller::St7789 => [240, 240],
        Controller::Ili9341 => [320, 240],
    };
    let usual = PanelOptions::of(controller, options.size.unwrap_or(usual));
    let rotation = options.number("rotate", 0..=270)?;
    if rotation.is_some_and(|rotation| rotation % 90 != 0) {
        return Err("rotate must be 0, 90, 180 or 270".into());
    }
    let mounted = PanelOptions {
        rotation: rotation.map_or(usual.rotation, |rotation| rotation as u16),
        inverted: options.flag("invert")?.unwrap_or(usual.inverted),
        bgr: options.flag("bgr")?.unwrap_or(usual.bgr),
        mirrored: options.flag("mirror")?.unwrap_or(usual.mirrored),
        offset: [options.number("x", 0..=319)?, options.number("y", 0..=319)?].map(|edge| edge.unwrap_or(0) as u16),
        ..usual
    };
    let data = options.number("dc", 0..=u32::MAX)?;
    Ok(Kind::Panel {
        controller,
        path,
        options: mounted,
        hertz: options.number("mhz", 1..=125)?.map_or(HERTZ, |megahertz| megahertz * 1_000_000),
        chip: PathBuf::from(options.text("chip").unwrap_or("/dev/gpiochip0")),
        data: data.ok_or("lacks dc=LINE, the GPIO line that tells data from commands")?,
        reset: options.number("rst", 0..=u32::MAX)?,
    })
}

fn ssd1306(path: PathBuf, options: &mut Options<'_>) -> Result<Kind, String> {
    let address = options.number("address", 0x08..=0x77)?;
    Ok(Kind::Ssd1306 { path, size: options.size.unwrap_or([128, 64]), address: address.unwrap_or(0x3C) as u16 })
}

fn png(folder: PathBuf, options: &mut Options<'_>) -> Result<Kind, String> {
    let depth = if options.flag("mono")?.unwrap_or(false) { Depth::Mono } else { Depth::Rgb565 };
    let every = options.number("every", 1..=u32::MAX)?.unwrap_or(1).into();
    Ok(Kind::Png { folder, size: options.size.unwrap_or([240, 240]), depth, every })
}

/// What follows the device: a size, and keys with values, each to be asked for once.
struct Options<'a> {
    size: Option<[usize; 2]>,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Options<'a> {
    fn read(parts: impl Iterator<Item = &'a str>) -> Result<Options<'a>, String> {
        let mut options = Options { size: None, pairs: Vec::new() };
        for part in parts {
            match (part.split_once('='), parse_size(part)) {
                (Some(pair), _) => options.pairs.push(pair),
                (None, Some(size)) if size.iter().all(|&side| side <= LONGEST_SIDE) => options.size = Some(size),
                (None, Some(_)) => return Err(format!("{part}: no side is longer than {LONGEST_SIDE} pixels")),
                // A word by itself is a yes.
                (None, None) => options.pairs.push((part, "1")),
            }
        }
        Ok(options)
    }

    fn text(&mut self, key: &str) -> Option<&'a str> {
        let at = self.pairs.iter().position(|(name, _)| *name == key)?;
        Some(self.pairs.remove(at).1)
    }

    /// A number, also written as `0x3c`.
    fn number(&mut self, key: &str, range: std::ops::RangeInclusive<u32>) -> Result<Option<u32>, String> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        let number = number.filter(|number| range.contains(number));
        number
            .map(Some)
            .ok_or_else(|| format!("{key}={text}: must be a number from {} to {}", range.start(), range.end()))
    }

    fn flag(&mut self, key: &str) -> Result<Option<bool>, String> {
        match self.text(key) {
            None => Ok(None),
            Some("1") => Ok(Some(true)),
            Some("0") => Ok(Some(false)),
            Some(text) => Err(format!("{key}={text}: must be 0 or 1")),
        }
    }

    /// Refuses what nobody asked for.
    fn end(&self) -> Result<(), String> {
        self.pairs
            .first()
            .map_or(Ok(()), |(key, _)| Err(format!("`{key}` is no option of such a display, or is there twice")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Kind {
        Name::parse(text).unwrap().kind
    }

    fn problem(text: &str) -> String {
        match Name::parse(text) {
            Err(Error::Display { name, problem }) if name == text => problem,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_forms_of_the_help_are_understood() {
        assert_eq!(kind("fb:/dev/fb0"), Kind::Framebuffer { path: "/dev/fb0".into(), layout: None });
        let layout = Some(Layout { size: [320, 240], bits: 16, stride: 640 });
        assert_eq!(kind("fb:screen,320x240,bits=16"), Kind::Framebuffer { path: "screen".into(), layout });
        let panel = |controller, size| Kind::Panel {
            controller,
            path: "/dev/spidev0.0".into(),
            options: PanelOptions::of(controller, size),
            hertz: 32_000_000,
            chip: "/dev/gpiochip0".into(),
            data: 25,
            reset: Some(27),
        };
        assert_eq!(kind("st7789:/dev/spidev0.0,dc=25,rst=27,240x240"), panel(Controller::St7789, [240, 240]));
        assert_eq!(kind("ili9341:/dev/spidev0.0,rst=27,dc=25"), panel(Controller::Ili9341, [320, 240]));
        let Kind::Panel { options, hertz, chip, reset, .. } =
            kind("st7789:/dev/spidev0.1,dc=9,rotate=180,y=80,invert=0,bgr,mhz=62,chip=/dev/gpiochip4")
        else {
            panic!("a panel")
        };
        assert_eq!((options.rotation, options.offset, options.inverted, options.bgr), (180, [0, 80], false, true));
        assert_eq!((hertz, chip, reset), (62_000_000, "/dev/gpiochip4".into(), None));
        let oled = |address| Kind::Ssd1306 { path: "/dev/i2c-1".into(), size: [128, 64], address };
        assert_eq!(kind("ssd1306:/dev/i2c-1,128x64"), oled(0x3C));
        assert_eq!(kind("ssd1306:/dev/i2c-1,address=0x3d"), oled(0x3D));
        let png = Kind::Png { folder: "out".into(), size: [128, 64], depth: Depth::Mono, every: 30 };
        assert_eq!(kind("png:out,128x64,mono,every=30"), png);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, part) in [
            ("", "there are fb:/dev/fb0"),
            ("hdmi:0", "there are fb:/dev/fb0"),
            ("fb:", "names no device"),
            ("fb:x,bits=16", "add one, as 320x240"),
            ("st7789:/dev/spidev0.0", "lacks dc=LINE"),
            ("st7789:/dev/spidev0.0,dc=x", "dc=x: must be a number"),
            ("st7789:/dev/spidev0.0,dc=1,rotate=45", "rotate must be"),
            ("st7789:/dev/spidev0.0,dc=1,dc=2", "`dc` is no option"),
            ("ili9341:/dev/spidev0.0,dc=1,invert=maybe", "invert=maybe: must be 0 or 1"),
            ("ssd1306:/dev/i2c-1,address=0x90", "address=0x90"),
            ("png:out,99999x2", "no side is longer"),
            ("png:out,colour", "`colour` is no option"),
        ] {
            assert!(problem(name).contains(part), "{name}: {}", problem(name));
        }
    }
}
