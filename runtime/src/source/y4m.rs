//! Y4M: raw video with a line of text before it and one before each frame, the format of pipes between video programs.
//!
//! After yuv4mpeg(5): `YUV4MPEG2 W640 H480 F30:1 C420jpeg`, then for each frame a line that begins with `FRAME` and the
//! planes of luma, Cb and Cr without gaps.

use std::io::{BufRead, BufReader, Read};

use super::frames::{FrameReader, StreamFormat, fill};
use crate::vision::frame::{PixelFormat, Range};

/// What a stream begins with.
pub const MAGIC: &[u8] = b"YUV4MPEG2";
/// Bytes of a line at most.
const LONGEST_LINE: usize = 1024;
/// Bytes read ahead for lines; frames are read past it.
const READ_AHEAD: usize = 4096;

/// Reads a Y4M stream.
pub struct Y4m<R> {
    input: BufReader<R>,
    format: StreamFormat,
    bytes: usize,
    line: Vec<u8>,
}

impl<R: Read> Y4m<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(input: R) -> Result<Y4m<R>, String> {
        let mut input = BufReader::with_capacity(READ_AHEAD, input);
        let mut line = Vec::with_capacity(LONGEST_LINE);
        if !read_line(&mut input, &mut line)? {
            return Err("is empty; it must begin with YUV4MPEG2, as `ffmpeg … -f yuv4mpegpipe -` writes it".into());
        }
        let format = parse(&line)?;
        let bytes = format.bytes()?;
        Ok(Y4m { input, format, bytes, line })
    }
}

impl<R: Read> FrameReader for Y4m<R> {
    fn format(&self) -> StreamFormat {
        self.format
    }

    fn read(&mut self, frame: &mut Vec<u8>) -> Result<bool, String> {
        if !read_line(&mut self.input, &mut self.line)? {
            return Ok(false);
        }
        let word = self.line.split(|&byte| byte == b' ').next().unwrap_or_default();
        if word != b"FRAME" {
            return Err(format!("has `{}` where a line with FRAME must be", shown(word)));
        }
        frame.resize(self.bytes, 0);
        match fill(&mut self.input, frame)? {
            true => Ok(true),
            false => Err("ends after the line of a frame".into()),
        }
    }
}

/// Reads a line without its end; `false` where the stream ends before it.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, String> {
    line.clear();
    let length = input.take(LONGEST_LINE as u64).read_until(b'\n', line).map_err(|error| error.to_string())?;
    match line.pop() {
        None => Ok(false),
        Some(b'\n') => Ok(true),
        Some(_) if length < LONGEST_LINE => Err(format!("ends within the line `{}`", shown(line))),
        Some(_) => Err(format!("has a line of more than {LONGEST_LINE} bytes: it is not Y4M, or damaged")),
    }
}

/// Reads the first line of a stream.
fn parse(line: &[u8]) -> Result<StreamFormat, String> {
    let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    if words.next() != Some(MAGIC) {
        return Err(format!("begins with `{}`, not with YUV4MPEG2: it is not Y4M", shown(line)));
    }
    let (mut sides, mut rate, mut pixels, mut range) = ([None; 2], None, PixelFormat::I420, Range::Limited);
    for word in words {
        let text = std::str::from_utf8(&word[1..]).unwrap_or_default();
        match word[0] {
            b'W' => sides[0] = text.parse().ok().filter(|&side: &usize| side > 0),
            b'H' => sides[1] = text.parse().ok().filter(|&side: &usize| side > 0),
            b'F' => rate = fraction(text),
            b'C' => pixels = colour(text)?,
            b'X' if text == "COLORRANGE=FULL" => range = Range::Full,
            // Interlacing and the shape of pixels change nothing for a detector.
            _ => {}
        }
    }
    let [Some(width), Some(height)] = sides else {
        return Err(format!("says no width and height as W640 H480 in `{}`", shown(line)));
    };
    Ok(StreamFormat { pixels, range, size: [width, height], rate })
}

fn colour(text: &str) -> Result<PixelFormat, String> {
    match text {
        // They differ in where chroma lies by half a pixel.
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Ok(PixelFormat::I420),
        "422" => Ok(PixelFormat::I422),
        "444" => Ok(PixelFormat::I444),
        "mono" => Ok(PixelFormat::Grey8),
        other => Err(format!("has pixels of C{other}; give C420, C422, C444 or Cmono (`ffmpeg … -pix_fmt yuv420p`)")),
    }
}

/// Reads `30000:1001`; 0:0 is unknown.
fn fraction(text: &str) -> Option<(u32, u32)> {
    let (above, below) = text.split_once(':')?;
    let part = |text: &str| text.parse().ok().filter(|&part: &u32| part > 0);
    Some((part(above)?, part(below)?))
}

/// Bytes as text that does no harm to a terminal.
fn shown(bytes: &[u8]) -> String {
    let text: String = bytes.iter().take(40).map(|&byte| char::from(byte)).collect();
    text.escape_default().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(stream: &[u8]) -> Result<(StreamFormat, Vec<Vec<u8>>), String> {
        let mut reader = Y4m::open(stream)?;
        let (mut frames, mut frame) = (Vec::new(), Vec::new());
        while reader.read(&mut frame)? {
            frames.push(frame.clone());
        }
        Ok((reader.format(), frames))
    }

    #[test]
    fn a_stream_is_read_frame_by_frame() {
        let (format, frames) =
            frames(b"YUV4MPEG2 W2 H2 F30000:1001 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2\nFRAME\nabcdefFRAME Ip\nghijkl")
                .unwrap();
        assert_eq!(frames, [b"abcdef", b"ghijkl"]);
        let wanted =
            StreamFormat { pixels: PixelFormat::I420, range: Range::Limited, size: [2, 2], rate: Some((30000, 1001)) };
        assert_eq!(format, wanted);
    }

    #[test]
    fn every_colour_has_its_planes() {
        for (colour, pixels, bytes) in [
            ("", PixelFormat::I420, 12),
            (" C420", PixelFormat::I420, 12),
            (" C420jpeg", PixelFormat::I420, 12),
            (" C420paldv", PixelFormat::I420, 12),
            (" C422", PixelFormat::I422, 16),
            (" C444", PixelFormat::I444, 24),
            (" Cmono", PixelFormat::Grey8, 8),
        ] {
            let stream =
                [format!("YUV4MPEG2 W4 H2{colour} XCOLORRANGE=FULL\nFRAME\n").as_bytes(), &vec![7; bytes]].concat();
            let (format, frames) = frames(&stream).unwrap();
            assert_eq!((format.pixels, format.range, frames.len()), (pixels, Range::Full, 1), "{colour}");
        }
    }

    #[test]
    fn damage_is_named() {
        for (stream, problem) in [
            (&b""[..], "is empty"),
            (b"RIFF\x00\x01\n", "begins with `RIFF"),
            (b"YUV4MPEG2 W4", "ends within the line"),
            (b"YUV4MPEG2 W4\n", "no width and height"),
            (b"YUV4MPEG2 W4 H0\n", "no width and height"),
            (b"YUV4MPEG2 W4 H-1\n", "no width and height"),
            (b"YUV4MPEG2 W99999999999999999999 H2\n", "no width and height"),
            (b"YUV4MPEG2 W30000 H30000\n", "too large"),
            (b"YUV4MPEG2 W4 H2 C420p10\n", "-pix_fmt yuv420p"),
            (b"YUV4MPEG2 W4 H2\nFRAMES\n", "where a line with FRAME must be"),
            (b"YUV4MPEG2 W4 H2\nFRAME\n", "ends after the line of a frame"),
            (b"YUV4MPEG2 W4 H2\nFRAME\nabc", "3 of its 12 bytes"),
        ] {
            let error = frames(stream).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        assert!(frames(&[b'Y'; 5000]).unwrap_err().contains("not Y4M"));
    }

    proptest! {
        #[test]
        fn no_stream_is_too_odd(
            start in prop_oneof![Just(&b"YUV4MPEG2"[..]), Just(&b""[..])],
            header in "( [WHFICAX][0-9a-z:=-]{0,6}){0,6}",
            body in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'F'), any::<u8>()], 0..300),
        ) {
            let stream = [start, header.as_bytes(), b"\nFRAME\n", &body].concat();
            match frames(&stream) {
                Ok((format, frames)) => {
                    let bytes = format.bytes().unwrap();
                    prop_assert!(frames.iter().all(|frame| frame.len() == bytes));
                    prop_assert!(frames.len() * bytes <= stream.len());
                }
                Err(problem) => prop_assert!(!problem.contains('\n') && problem.len() < 400, "{}", problem),
            }
        }
    }
}
