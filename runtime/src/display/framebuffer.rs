//! A Linux framebuffer: a file whose bytes are the pixels of a screen.
//!
//! Its size comes from sysfs. Only pixels of 16 bits (five, six and five of red, green and blue) and of 32 bits (blue, green,
//! red and one that counts for nothing) are written, which is what nearly all drivers have.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use retort_vision::depth::{write_rgb565, write_xrgb8888};

use super::{Area, Depth, Screen};

/// How pixels lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Width and height in pixels.
    pub size: [usize; 2],
    /// Bits a pixel: 16 or 32.
    pub bits: usize,
    /// Bytes from one row to the next.
    pub stride: usize,
}

impl Layout {
    /// Rows without gaps.
    pub fn dense(size: [usize; 2], bits: usize) -> Layout {
        Layout { size, bits, stride: size[0] * bits / 8 }
    }

    /// What sysfs says of a device, in the folder of that name under `/sys/class/graphics`.
    ///
    /// # Errors
    /// Where there is no such folder, or what it says makes no sense.
    pub fn of_device(folder: &Path) -> io::Result<Layout> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        };
        let number = |name: &str| -> io::Result<usize> {
            let text = read(name)?;
            text.trim().parse().map_err(|_| wrong(format!("{} says `{}`", folder.join(name).display(), text.trim())))
        };
        // The mode is what is seen; the virtual size may be several times as high, for scrolling.
        let mode = read("modes").ok().and_then(|modes| size_of_mode(&modes));
        let size = match mode {
            Some(size) => size,
            None => {
                let text = read("virtual_size")?;
                let sides = text.trim().split_once(',').and_then(|(width, height)| {
                    Some([width.parse().ok().filter(|&side| side > 0)?, height.parse().ok().filter(|&side| side > 0)?])
                });
                sides
                    .ok_or_else(|| wrong(format!("{} says `{}`", folder.join("virtual_size").display(), text.trim())))?
            }
        };
        Ok(Layout { size, bits: number("bits_per_pixel")?, stride: number("stride")? })
    }
}

/// The size in a line such as `U:1024x768p-0`.
fn size_of_mode(modes: &str) -> Option<[usize; 2]> {
    let (_, mode) = modes.lines().next()?.split_once(':')?;
    let (width, rest) = mode.split_once('x')?;
    let height = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some([width.parse().ok().filter(|&side| side > 0)?, height.parse().ok().filter(|&side| side > 0)?])
}

fn wrong(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// A framebuffer that is written to.
#[derive(Debug)]
pub struct Framebuffer {
    file: File,
    layout: Layout,
    row: Vec<u8>,
}

impl Framebuffer {
    /// Opens a device, or a file that is to have that layout.
    ///
    /// # Errors
    /// What the system says, or that the layout is none that is written here.
    pub fn open(path: &Path, layout: Layout) -> io::Result<Framebuffer> {
        if !matches!(layout.bits, 16 | 32) || layout.stride < layout.size[0] * layout.bits / 8 {
            let Layout { size: [width, _], bits, stride } = layout;
            return Err(wrong(format!(
                "has {bits} bits a pixel and rows of {stride} bytes for {width} pixels, where 16 or 32 bits would do"
            )));
        }
        let file = OpenOptions::new().write(true).open(path)?;
        Ok(Framebuffer { file, layout, row: vec![0; layout.size[0] * layout.bits / 8] })
    }
}

impl Screen for Framebuffer {
    fn size(&self) -> [usize; 2] {
        self.layout.size
    }

    fn depth(&self) -> Depth {
        if self.layout.bits == 16 { Depth::Rgb565 } else { Depth::Rgb888 }
    }

    fn show(&mut self, area: &Area, pixels: &[u8]) -> io::Result<()> {
        let Layout { size: [width, _], bits, stride } = self.layout;
        for y in area.top..area.bottom {
            let row = area.row(y, width, pixels);
            let bytes = &mut self.row[..row.len() * bits / 8];
            if bits == 16 {
                write_rgb565(row, bytes)
            } else {
                write_xrgb8888(row, bytes)
            }
            self.file.write_all_at(bytes, (y * stride + area.left * bits / 8) as u64)?;
        }
        Ok(())
    }
}

/// Red in the five highest bits, blue in the five lowest.
#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a framebuffer of 3 × 2 pixels after the two right ones of its second row were shown.
    fn written(bits: usize, stride: usize) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), vec![1; stride * 2]).unwrap();
        let mut screen = Framebuffer::open(file.path(), Layout { size: [3, 2], bits, stride }).unwrap();
        let pixels: Vec<u8> = [[0; 3], [0; 3], [0; 3], [0; 3], [255, 128, 8], [0, 4, 255]].concat();
        screen.show(&Area { left: 1, top: 1, right: 3, bottom: 2 }, &pixels).unwrap();
        fs::read(file.path()).unwrap()
    }

    #[test]
    fn pixels_lie_where_the_layout_says() {
        assert_eq!(
            written(32, 16),
            [vec![1; 16], vec![1, 1, 1, 1, 8, 128, 255, 255, 255, 4, 0, 255, 1, 1, 1, 1]].concat()
        );
        // 11111 100000 00001, and 00000 000001 11111, low byte first.
        assert_eq!(written(16, 6), [vec![1; 6], vec![1, 1, 0x01, 0xFC, 0x3F, 0x00]].concat());
    }

    #[test]
    fn the_layout_of_a_device_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("virtual_size", "320,480\n");
        write("bits_per_pixel", "16\n");
        write("stride", "640\n");
        let layout = |height| Layout { size: [320, height], bits: 16, stride: 640 };
        assert_eq!(Layout::of_device(folder.path()).unwrap(), layout(480));
        write("modes", "U:320x240p-0\n");
        assert_eq!(Layout::of_device(folder.path()).unwrap(), layout(240));
        write("stride", "many\n");
        let error = Layout::of_device(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("stride says `many`"), "{error}");
        let error = Layout::of_device(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/virtual_size: "), "{error}");
    }

    #[test]
    fn other_depths_are_refused() {
        let error = Framebuffer::open(Path::new("/dev/null"), Layout::dense([4, 4], 24)).unwrap_err().to_string();
        assert!(error.contains("24 bits a pixel"), "{error}");
    }
}
