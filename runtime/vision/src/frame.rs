//! A frame: borrowed pixels, and how they lie in memory.

use std::time::{Duration, Instant};

use crate::error::FrameError;

/// How pixels are stored. Luma and chroma are those of ITU-R BT.601, in the frame's [`Range`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Three bytes a pixel: red, green, blue.
    Rgb8,
    /// Three bytes a pixel: blue, green, red.
    Bgr8,
    /// One byte of luma a pixel.
    Grey8,
    /// Four bytes for two pixels of a row: luma, Cb, luma, Cr.
    Yuyv,
    /// Four bytes for two pixels of a row: Cb, luma, Cr, luma.
    Uyvy,
    /// A plane of luma, then one of Cb and Cr in turn, of which each pair belongs to 2 × 2 pixels.
    Nv12,
    /// A plane each of luma, Cb and Cr; a byte of chroma belongs to 2 × 2 pixels.
    I420,
    /// A plane each of luma, Cb and Cr; a byte of chroma belongs to two pixels of a row.
    I422,
    /// A plane each of luma, Cb and Cr, all of one size.
    I444,
}

impl PixelFormat {
    /// How the format's planes lie.
    fn layout(self) -> Layout {
        let packed = |group: usize, bytes: usize| Layout { group, bytes, chroma: None };
        let planar = |planes: usize, bytes: usize, across: usize, down: usize| Layout {
            group: 1,
            bytes: 1,
            chroma: Some(Chroma { planes, bytes, across, down }),
        };
        match self {
            PixelFormat::Rgb8 | PixelFormat::Bgr8 => packed(1, 3),
            PixelFormat::Grey8 => packed(1, 1),
            PixelFormat::Yuyv | PixelFormat::Uyvy => packed(2, 4),
            PixelFormat::Nv12 => planar(1, 2, 2, 2),
            PixelFormat::I420 => planar(2, 1, 2, 2),
            PixelFormat::I422 => planar(2, 1, 2, 1),
            PixelFormat::I444 => planar(2, 1, 1, 1),
        }
    }

    /// Luma pixels across and down that a pixel of chroma belongs to; `None` where there is no chroma.
    pub(super) fn subsampling(self) -> Option<[usize; 2]> {
        match self {
            PixelFormat::Yuyv | PixelFormat::Uyvy => Some([2, 1]),
            planar => planar.layout().chroma.map(|chroma| [chroma.across, chroma.down]),
        }
    }

    /// Bytes of a row of `width` pixels, in the first plane; `None` where nothing could hold them.
    pub fn row_bytes(self, width: usize) -> Option<usize> {
        let Layout { group, bytes, .. } = self.layout();
        width.div_ceil(group).checked_mul(bytes)
    }

    /// Bytes of a picture whose rows and planes follow each other without a gap; `None` where nothing could hold them.
    pub fn picture_bytes(self, width: usize, height: usize) -> Option<usize> {
        let mut bytes = self.row_bytes(width)?.checked_mul(height)?;
        if let Some(chroma) = self.layout().chroma {
            let row = width.div_ceil(chroma.across) * chroma.bytes;
            let plane = row.checked_mul(height.div_ceil(chroma.down))?;
            bytes = bytes.checked_add(plane.checked_mul(chroma.planes)?)?;
        }
        Some(bytes)
    }
}

/// How a format lies in memory: `bytes` for `group` pixels of a row in the first plane, and what follows it.
struct Layout {
    group: usize,
    bytes: usize,
    chroma: Option<Chroma>,
}

/// Planes of chroma: `bytes` in each for `across` × `down` pixels.
struct Chroma {
    planes: usize,
    bytes: usize,
    across: usize,
    down: usize,
}

/// Which values luma and chroma take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Range {
    /// Luma 16 to 235, chroma 16 to 240: what cameras and video have unless they say otherwise.
    #[default]
    Limited,
    /// 0 to 255, as JPEG has it.
    Full,
}

/// Rows of one plane of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plane<'a> {
    pixels: &'a [u8],
    stride: usize,
    row: usize,
    rows: usize,
}

impl<'a> Plane<'a> {
    /// The bytes of row `y`, which must be below the plane's rows.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.pixels[y * self.stride..][..self.row]
    }

    /// Rows of the plane; 0 where the format has no such plane.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes a plane off the front of `pixels`. `None` where they do not hold it; the last row may end early.
    fn split(pixels: &mut &'a [u8], row: usize, rows: usize, stride: usize) -> Option<Plane<'a>> {
        let needed = stride.checked_mul(rows - 1)?.checked_add(row)?;
        if stride < row || needed > pixels.len() {
            return None;
        }
        let plane = Plane { pixels: &pixels[..needed], stride, row, rows };
        *pixels = &pixels[(stride * rows).min(pixels.len())..];
        Some(plane)
    }
}

/// One picture of a source, borrowed for as long as it is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    planes: [Plane<'a>; 3],
    format: PixelFormat,
    range: Range,
    width: usize,
    height: usize,
    captured: Duration,
    taken: Option<Instant>,
    sequence: u64,
}

impl<'a> Frame<'a> {
    /// Wraps pixels: `height` rows of `width` pixels from the top left, `row_stride` bytes from one row's first to the
    /// next's. Where the format has planes, `row_stride` is that of luma, and the others follow at once: Nv12's rows of
    /// chroma are as far apart, and those of I420 and I422 half as far. `captured` is when the picture was taken, since
    /// the source began; zero for still pictures.
    ///
    /// # Errors
    /// [`FrameError`] where a side is 0, rows overlap, or `pixels` ends before the last row does.
    pub fn new(
        pixels: &'a [u8],
        format: PixelFormat,
        width: usize,
        height: usize,
        row_stride: usize,
        captured: Duration,
    ) -> Result<Self, FrameError> {
        let refuse = |problem: String| Err(FrameError { problem });
        if width == 0 || height == 0 {
            return refuse(format!("{width}×{height} has no pixels"));
        }
        let row = format.row_bytes(width);
        if let Some(row) = row.filter(|&row| row_stride < row) {
            return refuse(format!(
                "a row of {width} pixels takes {row} bytes, but the next begins after {row_stride}"
            ));
        }
        match row.and_then(|row| planes(pixels, format, [width, height], row, row_stride)) {
            Some(planes) => {
                let range = Range::default();
                Ok(Frame { planes, format, range, width, height, captured, taken: None, sequence: 0 })
            }
            None => refuse(format!(
                "{width}×{height} pixels of {format:?} with rows {row_stride} bytes apart do not fit {} bytes",
                pixels.len()
            )),
        }
    }

    /// Wraps rows of RGB that follow each other without a gap.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn rgb(pixels: &'a [u8], width: usize, height: usize) -> Result<Self, FrameError> {
        Self::new(pixels, PixelFormat::Rgb8, width, height, width.saturating_mul(3), Duration::ZERO)
    }

    /// The same frame with the number that the source gave it. Numbers rise; a gap means that frames were dropped.
    pub fn numbered(self, sequence: u64) -> Self {
        Frame { sequence, ..self }
    }

    /// The same frame with luma and chroma of another range.
    pub fn ranged(self, range: Range) -> Self {
        Frame { range, ..self }
    }

    /// The same frame, of which it is known when it was taken.
    pub fn taken_at(self, taken: Instant) -> Self {
        Frame { taken: Some(taken), ..self }
    }

    /// How a pixel is stored.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Which values luma and chroma take.
    pub fn range(&self) -> Range {
        self.range
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// When the picture was taken, since the source began.
    pub fn captured(&self) -> Duration {
        self.captured
    }

    /// How long ago it was taken; `None` where that is not known, or where frames wait for whoever looks at them, as those of
    /// films do.
    pub fn age(&self) -> Option<Duration> {
        self.taken.map(|taken| taken.elapsed())
    }

    /// The source's own number of the frame, from 0; 0 for still pictures.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The bytes of row `y` of the first plane; `y` must be below the height. Packed formats have all of a row there.
    pub fn row(&self, y: usize) -> &'a [u8] {
        self.planes[0].row(y)
    }

    /// Plane 0, 1 or 2. Those that the format does not have are empty.
    pub fn plane(&self, index: usize) -> Plane<'a> {
        self.planes[index]
    }
}

/// The planes of a format in memory. `None` where they do not fit.
fn planes<'a>(
    mut pixels: &'a [u8],
    format: PixelFormat,
    [width, height]: [usize; 2],
    row: usize,
    stride: usize,
) -> Option<[Plane<'a>; 3]> {
    let mut planes = [Plane::default(); 3];
    planes[0] = Plane::split(&mut pixels, row, height, stride)?;
    if let Some(chroma) = format.layout().chroma {
        let row = width.div_ceil(chroma.across) * chroma.bytes;
        let stride = stride.div_ceil(chroma.across).saturating_mul(chroma.bytes);
        for plane in &mut planes[1..=chroma.planes] {
            *plane = Plane::split(&mut pixels, row, height.div_ceil(chroma.down), stride)?;
        }
    }
    Some(planes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_may_lie_apart_but_not_beyond_the_end() {
        let pixels = [1, 2, 0, 3, 4];
        let frame = Frame::new(&pixels, PixelFormat::Grey8, 2, 2, 3, Duration::ZERO).unwrap();
        assert_eq!((frame.row(0), frame.row(1)), (&[1, 2][..], &[3, 4][..]));
        for (width, height, stride) in [(2, 3, 3), (0, 1, 1), (2, 0, 2), (3, 1, 2), (usize::MAX, 2, usize::MAX)] {
            assert!(Frame::new(&pixels, PixelFormat::Grey8, width, height, stride, Duration::ZERO).is_err());
        }
        assert!(Frame::rgb(&pixels, usize::MAX / 2, 2).is_err());
    }

    #[test]
    fn planes_follow_each_other() {
        let pixels: Vec<u8> = (0..36).collect();
        // 3 × 3 pixels in rows of 4: luma from 0, chroma 2 × 2.
        let rows = |format, plane: usize| {
            let frame = Frame::new(&pixels, format, 3, 3, 4, Duration::ZERO).unwrap();
            let plane = frame.plane(plane);
            (0..plane.rows()).map(|y| plane.row(y).to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(rows(PixelFormat::I420, 0), [[0, 1, 2], [4, 5, 6], [8, 9, 10]]);
        assert_eq!(rows(PixelFormat::I420, 1), [[12, 13], [14, 15]]);
        assert_eq!(rows(PixelFormat::I420, 2), [[16, 17], [18, 19]]);
        assert_eq!(rows(PixelFormat::Nv12, 1), [[12, 13, 14, 15], [16, 17, 18, 19]]);
        assert_eq!(rows(PixelFormat::Nv12, 2), [[0; 0]; 0]);
        assert_eq!(rows(PixelFormat::I422, 2), [[18, 19], [20, 21], [22, 23]]);
        assert_eq!(rows(PixelFormat::I444, 2), [[24, 25, 26], [28, 29, 30], [32, 33, 34]]);
    }

    #[test]
    fn a_picture_fits_its_own_bytes_and_no_fewer() {
        use PixelFormat::*;
        for (format, bytes) in
            [(Rgb8, 45), (Grey8, 15), (Yuyv, 36), (Uyvy, 36), (Nv12, 27), (I420, 27), (I422, 33), (I444, 45)]
        {
            assert_eq!(format.picture_bytes(5, 3), Some(bytes), "{format:?}");
            let (pixels, stride) = (vec![0; bytes], format.row_bytes(5).unwrap());
            assert!(Frame::new(&pixels, format, 5, 3, stride, Duration::ZERO).is_ok(), "{format:?}");
            assert!(Frame::new(&pixels[1..], format, 5, 3, stride, Duration::ZERO).is_err(), "{format:?}");
            assert_eq!(format.picture_bytes(usize::MAX, 3), None);
        }
    }
}
