//! A film of each event that is wanted, with what was before it.
//!
//! A ring of pictures holds the last seconds. When an event comes, they go to a thread that writes a film, and so do the next
//! pictures until the time after the event is over; another event meanwhile makes the film longer. Pictures are copied small and
//! few a second, into memory that is taken once: (before + 2 s) · rate · width · height · 3 bytes.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::drawer::{Drawer, check_quota};

use super::film_writer::{FilmWriter, needs_ffmpeg};
use super::stamp::Stamp;
use super::trouble::Trouble;
use super::wish::entered;
use super::{Happening, Picture, Report, Sink, Wish, unix_ms, wanted};
use crate::error::Error;

/// Seconds of pictures that may wait for the film.
const SLACK: f64 = 2.0;

/// What is filmed, and where films lie.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClipOptions {
    /// The folder.
    pub folder: PathBuf,
    /// Of which events.
    #[serde(default = "entered")]
    pub on: Vec<Wish>,
    /// Seconds before an event.
    #[serde(default = "three")]
    pub before: f64,
    /// Seconds after the last event.
    #[serde(default = "five")]
    pub after: f64,
    /// The most seconds of a film.
    #[serde(default = "minute")]
    pub most: f64,
    /// Pictures a second.
    #[serde(default = "five")]
    pub rate: f64,
    /// The longest side of a picture, in pixels.
    #[serde(default = "longest_side")]
    pub longest_side: usize,
    /// Megabytes that all films may take; the oldest make room.
    #[serde(default = "quota")]
    pub quota: u64,
}

fn three() -> f64 {
    3.0
}

fn five() -> f64 {
    5.0
}

fn minute() -> f64 {
    60.0
}

fn longest_side() -> usize {
    640
}

fn quota() -> u64 {
    2000
}

impl ClipOptions {
    /// # Errors
    /// What is wrong, with the key.
    pub fn check(&self) -> Result<(), String> {
        for (key, value, most) in
            [("before", self.before, 60.0), ("after", self.after, 600.0), ("most", self.most, 3600.0)]
        {
            if !(0.0..=most).contains(&value) {
                return Err(format!("{key}: give seconds from 0 to {most}"));
            }
        }
        match self {
            _ if !(0.5..=30.0).contains(&self.rate) => Err("rate: give pictures a second from 0.5 to 30".into()),
            _ if !(16..=4096).contains(&self.longest_side) => Err("longest-side: give pixels from 16 to 4096".into()),
            _ => check_quota(self.quota),
        }
    }

    /// Pictures of the ring.
    fn ring(&self) -> usize {
        (self.before * self.rate).ceil() as usize
    }

    /// Pictures that may wait.
    fn waiting(&self) -> usize {
        self.ring() + (SLACK * self.rate).ceil() as usize
    }
}

/// What the thread is told.
enum Word {
    /// A film begins, which is to be called so.
    Begin(String),
    /// One more picture of it.
    Picture(Box<Picture>),
    /// It is over.
    End,
}

/// Films events, on a thread of its own.
pub struct Clips {
    options: ClipOptions,
    ring: VecDeque<Box<Picture>>,
    to: Option<SyncSender<Word>>,
    back: Receiver<Box<Picture>>,
    made: usize,
    /// When the last picture was taken.
    last: Option<Instant>,
    /// The film that is made: when it ends, and when it has to.
    film: Option<[Instant; 2]>,
    trouble: Trouble,
    worker: Option<JoinHandle<()>>,
}

impl Clips {
    /// Opens the folder.
    ///
    /// # Errors
    /// [`Error::Io`] names it, or says that there is no ffmpeg.
    pub fn open(options: &ClipOptions) -> Result<Clips, Error> {
        let io = |source| Error::Io { path: options.folder.clone(), source };
        needs_ffmpeg().map_err(io)?;
        let drawer = Drawer::open(&options.folder, options.quota << 20, &["mp4"])?;
        let waiting = options.waiting();
        let (to, words) = sync_channel(waiting + 2);
        let (return_to, back) = sync_channel(waiting + 2);
        let (trouble, rate) = (Trouble::default(), options.rate);
        let told = trouble.clone();
        let work = move || film(words, &return_to, drawer, rate, &told);
        let worker = std::thread::Builder::new().name("clips".into()).spawn(work).map_err(io)?;
        Ok(Clips {
            ring: VecDeque::with_capacity(options.ring() + 1),
            options: options.clone(),
            to: Some(to),
            back,
            made: 0,
            last: None,
            film: None,
            trouble,
            worker: Some(worker),
        })
    }

    /// Memory for a picture: the oldest of the ring, or one that has come back from the film.
    fn free(&mut self) -> Option<Box<Picture>> {
        if self.film.is_none() && self.ring.len() >= self.options.ring().max(1) {
            return self.ring.pop_front();
        }
        if let Ok(picture) = self.back.try_recv() {
            return Some(picture);
        }
        (self.made <= self.options.waiting()).then(|| {
            self.made += 1;
            Box::default()
        })
    }

    fn send(&mut self, word: Word) -> bool {
        self.to.as_ref().is_some_and(|to| to.try_send(word).is_ok())
    }

    /// Begins a film, or makes it longer.
    fn on_event(&mut self, name: String, now: Instant) {
        let seconds = Duration::from_secs_f64;
        let ends = now + seconds(self.options.after);
        if let Some(film) = &mut self.film {
            film[0] = ends.min(film[1]);
            return;
        }
        if self.send(Word::Begin(name)) {
            self.film = Some([ends, now + seconds(self.options.most)]);
            while let Some(picture) = self.ring.pop_front() {
                if !self.send(Word::Picture(picture)) {
                    self.made -= 1;
                }
            }
        }
    }
}

impl Sink for Clips {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let now = Instant::now();
        if let Some(scene) = report.scene {
            let places = scene.places();
            if let Some(event) = report.events().iter().find(|event| wanted(&self.options.on, event, places)) {
                let unix_ms = unix_ms();
                let happening = Happening::new(event, places, report.classes, unix_ms);
                self.on_event(format!("{}-{}.mp4", Stamp::new(unix_ms), happening.file_name()), now);
            }
        }
        let interval = Duration::from_secs_f64(1.0 / self.options.rate);
        // A tenth less, or a picture that comes just in time would often be missed.
        if self.last.is_none_or(|last| now.duration_since(last) >= interval * 9 / 10) {
            match self.free() {
                Some(mut picture) => {
                    self.last = Some(now);
                    picture.copy(report, self.options.longest_side);
                    if self.film.is_none() {
                        self.ring.push_back(picture);
                    } else if !self.send(Word::Picture(picture)) {
                        self.made -= 1;
                        return Err(self.trouble.overrun("films", &self.options.folder));
                    }
                }
                None => return Err(self.trouble.overrun("films", &self.options.folder)),
            }
        }
        if self.film.is_some_and(|[ends, _]| now >= ends) && self.send(Word::End) {
            self.film = None;
        }
        self.trouble.take()
    }
}

impl Drop for Clips {
    /// Ends the film that is made, and waits until it is written.
    fn drop(&mut self) {
        drop(self.to.take());
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

/// Writes films, one after another.
fn film(words: Receiver<Word>, back: &SyncSender<Box<Picture>>, mut drawer: Drawer, rate: f64, trouble: &Trouble) {
    let mut name = String::new();
    let mut writer: Option<FilmWriter> = None;
    let mut failed = false;
    for word in words {
        match word {
            Word::Begin(begun) => {
                trouble.note(end(writer.take(), &mut drawer, &name));
                (name, failed) = (begun, false);
            }
            Word::Picture(mut picture) => {
                if !failed {
                    let result = add(&mut writer, &mut picture, &drawer, &name, rate);
                    failed = result.is_err();
                    trouble.note(result);
                }
                let _ = back.try_send(picture);
            }
            Word::End => {
                trouble.note(if failed { Ok(()) } else { end(writer.take(), &mut drawer, &name) });
                writer = None;
            }
        }
    }
    trouble.note(end(writer.take(), &mut drawer, &name));
}

fn add(
    writer: &mut Option<FilmWriter>,
    picture: &mut Picture,
    drawer: &Drawer,
    name: &str,
    rate: f64,
) -> Result<(), Error> {
    picture.draw();
    let size = [picture.width, picture.height];
    let writer = match writer {
        Some(writer) => writer,
        None => writer.insert(FilmWriter::start(&drawer.partial(name), "mp4", size, rate)?),
    };
    writer.add(&picture.rgb, size)
}

fn end(writer: Option<FilmWriter>, drawer: &mut Drawer, name: &str) -> Result<(), Error> {
    let Some(writer) = writer else { return Ok(()) };
    match writer.finish() {
        Ok(()) => drawer.adopt(name).map(drop),
        Err(error) => {
            let _ = std::fs::remove_file(drawer.partial(name));
            Err(error)
        }
    }
}

#[cfg(test)]
#[path = "clips_tests.rs"]
mod tests;
