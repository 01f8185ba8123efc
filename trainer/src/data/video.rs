//! Frames of a video by their numbers, decoded by ffmpeg through the runtime's source.
//!
//! A thread of its own holds the source, reads on to the frame that is asked for, and starts again for one that lies behind.
//! So frames should be asked for in order; what needs them in any order keeps them (see [`Store`](super::Store)).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use retort::source::{self, Options, Source};
use retort::vision::convert::Converter;

use super::error::DataError;
use super::sample::Sample;

/// What one asks for, and what comes back.
struct Line {
    wanted: Sender<usize>,
    frames: Receiver<Result<Sample, DataError>>,
}

/// A video file.
pub struct Video {
    path: PathBuf,
    line: Mutex<Option<Line>>,
    size: OnceLock<[usize; 2]>,
}

impl fmt::Debug for Video {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Video").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Video {
    /// The video in a file. Nothing is read yet.
    pub fn new(path: &Path) -> Video {
        Video { path: path.into(), line: Mutex::new(None), size: OnceLock::new() }
    }

    /// Whether a file's name is a video's, or its first bytes are those of Y4M.
    pub fn is_one(path: &Path) -> bool {
        const EXTENSIONS: &[&str] = &[
            "avi", "flv", "m2ts", "m4v", "mjpeg", "mjpg", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts",
            "webm", "wmv", "y4m",
        ];
        super::decode::ends_in(path, EXTENSIONS) && path.is_file()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Width and height, once a frame was read.
    pub fn size(&self) -> Option<[usize; 2]> {
        self.size.get().copied()
    }

    /// Counts the frames, up to `most`, by decoding them: what a header says of a damaged video cannot be trusted.
    ///
    /// # Errors
    /// What ffmpeg says of a file that it cannot decode.
    pub fn count(&self, most: usize) -> Result<usize, DataError> {
        let mut source = self.open()?;
        let mut count = 0;
        while count < most
            && let Some(shot) = source.next_shot().map_err(|error| self.refuse(error.to_string()))?
        {
            let _ = self.size.set([shot.frame.width(), shot.frame.height()]);
            count += 1;
        }
        Ok(count)
    }

    /// Frame `number`, counted from 1, as red, green and blue.
    ///
    /// # Errors
    /// What ffmpeg says, or that there are not so many.
    pub fn frame(&self, number: usize) -> Result<Sample, DataError> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        // A thread that is gone (it could not open the file) is started again, to say why once more.
        for _ in 0..2 {
            let asked = line.get_or_insert_with(|| self.start());
            if asked.wanted.send(number).is_ok()
                && let Ok(frame) = asked.frames.recv()
            {
                if let Ok(sample) = &frame {
                    let _ = self.size.set([sample.width, sample.height]);
                }
                return frame;
            }
            *line = None;
        }
        Err(self.refuse("the thread that decodes it ended".into()))
    }

    fn start(&self) -> Line {
        let (wanted, numbers) = channel();
        let (sender, frames) = channel();
        let path = self.path.clone();
        std::thread::spawn(move || Reader::new(Video::new(&path)).serve(&numbers, &sender));
        Line { wanted, frames }
    }

    fn open(&self) -> Result<Box<dyn Source>, DataError> {
        let name = self.path.to_str().ok_or_else(|| self.refuse("the name of a video must be UTF-8".into()))?;
        // An absolute or dotted path cannot be taken for a camera or an address.
        let name = if self.path.is_absolute() { name.to_string() } else { format!("./{name}") };
        source::open(&name, &Options::default()).map_err(|error| {
            let words = error.to_string();
            self.refuse(words.strip_prefix(&format!("{name}: ")).unwrap_or(&words).to_string())
        })
    }

    fn refuse(&self, problem: String) -> DataError {
        DataError::Picture { name: self.path.display().to_string(), problem }
    }
}

/// The thread's side: a source, and how many of its frames were read.
struct Reader {
    video: Video,
    source: Option<Box<dyn Source>>,
    read: usize,
    converter: Converter,
}

impl Reader {
    fn new(video: Video) -> Reader {
        Reader { video, source: None, read: 0, converter: Converter::default() }
    }

    /// Answers until nobody asks any more.
    fn serve(mut self, numbers: &Receiver<usize>, frames: &Sender<Result<Sample, DataError>>) {
        while let Ok(number) = numbers.recv() {
            let frame = self.frame(number);
            if frame.is_err() {
                self.source = None;
            }
            if frames.send(frame).is_err() {
                return;
            }
        }
    }

    fn frame(&mut self, number: usize) -> Result<Sample, DataError> {
        if number == 0 {
            return Err(self.video.refuse("frames are counted from 1".into()));
        }
        if self.source.is_none() || number <= self.read {
            self.source = Some(self.video.open()?);
            self.read = 0;
        }
        let Some(source) = &mut self.source else { return Err(self.video.refuse("it is closed".into())) };
        loop {
            let shot = source.next_shot().map_err(|error| self.video.refuse(error.to_string()))?;
            let Some(shot) = shot else {
                return Err(self.video.refuse(format!("has {} frames, so there is no frame {number}", self.read)));
            };
            self.read += 1;
            if self.read == number {
                let mut pixels = Vec::new();
                self.converter.rgb(&shot.frame, &mut pixels);
                return Ok(Sample::rgb(shot.frame.width(), shot.frame.height(), pixels));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Y4M film, which needs no ffmpeg, of one grey pixel a frame.
    fn film(folder: &Path, luma: &[u8]) -> PathBuf {
        let mut bytes = b"YUV4MPEG2 W1 H1 F25:1 Cmono\n".to_vec();
        luma.iter().for_each(|&luma| bytes.extend([b"FRAME\n", &[luma][..]].concat()));
        let path = folder.join("film.y4m");
        std::fs::write(&path, bytes).expect("written");
        path
    }

    #[test]
    fn frames_come_by_number_forwards_and_backwards() {
        let folder = tempfile::tempdir().expect("a folder");
        let video = Video::new(&film(folder.path(), &[50, 100, 150, 200]));
        assert_eq!(video.size(), None);
        let [first, second, third, last] = [1, 2, 3, 4].map(|number| video.frame(number).expect("a frame").pixels);
        assert!(first[0] < second[0] && second[0] < third[0] && third[0] < last[0]);
        assert_eq!(video.frame(2).expect("again").pixels, second);
        assert_eq!(video.frame(4).expect("forwards").pixels, last);
        assert_eq!((video.size(), video.count(usize::MAX).expect("counted")), (Some([1, 1]), 4));
        assert_eq!(video.count(3).expect("counted"), 3);
        let error = video.frame(5).expect_err("too far").to_string();
        assert!(error.ends_with("has 4 frames, so there is no frame 5"), "{error}");
        assert_eq!(video.frame(1).expect("after an error").pixels, first);
        assert!(video.frame(0).is_err());
    }

    #[test]
    fn a_missing_video_is_an_error_each_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let video = Video::new(&folder.path().join("none.y4m"));
        for _ in 0..2 {
            assert!(video.frame(1).expect_err("not there").to_string().contains("none.y4m"));
        }
    }
}
