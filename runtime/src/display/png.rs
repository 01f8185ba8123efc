//! A screen that is a folder of PNG files, one for each frame that is shown: for tests, and for pictures of what a screen shows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use image::ExtendedColorType;

use super::{Area, Depth, Screen};

/// The screen. What a file shows is what areas were shown, not the frame that they came from.
#[derive(Debug)]
pub struct Png {
    folder: PathBuf,
    size: [usize; 2],
    depth: Depth,
    every: u64,
    frames: u64,
    pixels: Vec<u8>,
}

impl Png {
    /// Makes the folder where it is not there. Of `every` frames the first is written; at least 1.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(folder: &Path, size: [usize; 2], depth: Depth, every: u64) -> io::Result<Png> {
        fs::create_dir_all(folder)?;
        let pixels = vec![0; size[0] * size[1] * 3];
        Ok(Png { folder: folder.into(), size, depth, every: every.max(1), frames: 0, pixels })
    }
}

impl Screen for Png {
    fn size(&self) -> [usize; 2] {
        self.size
    }

    fn depth(&self) -> Depth {
        self.depth
    }

    fn show(&mut self, area: &Area, pixels: &[u8]) -> io::Result<()> {
        let width = self.size[0];
        for y in area.top..area.bottom {
            let row = (y * width + area.left) * 3..(y * width + area.right) * 3;
            self.pixels[row.clone()].copy_from_slice(&pixels[row]);
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.frames += 1;
        if !(self.frames - 1).is_multiple_of(self.every) {
            return Ok(());
        }
        let path = self.folder.join(format!("{:06}.png", self.frames));
        let [width, height] = self.size.map(|side| side as u32);
        image::save_buffer(&path, &self.pixels, width, height, ExtendedColorType::Rgb8).map_err(io::Error::other)
    }
}
