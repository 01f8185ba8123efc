//! The sink that keeps what the model is unsure about, within a quota.
//!
//! A score just above the threshold might as well be just below it: such a frame teaches more than the thousandth sparrow in
//! full sun. One frame in a while is copied and handed to a thread, which leaves out near-copies of the one before, and writes the
//! picture and its line; the loop does not wait for the disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use retort::Error;
use retort::sink::{Album, Findings, Kept, Picture, Report, Sink, Trouble};
use retort::source::Shot;
use retort::vision::frame::{Frame, PixelFormat};
use retort::vision::thumbnail::Thumbnail;

/// Quality of the JPEGs: a network learns from them as well as from the pixels.
const QUALITY: u8 = 95;
/// Pictures are never made smaller: the teacher wants all there is.
const LONGEST: usize = usize::MAX;

/// What is kept.
#[derive(Clone, Debug)]
pub struct DoubtOptions {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes on the disk that it may take, with all that lies there already.
    pub quota: u64,
    /// From this score on objects count, as for the service.
    pub threshold: f32,
    /// A score that is nearer to the threshold than this is doubtful. Objects that are followed may have one below it.
    pub band: f32,
    /// From one frame that is kept to the next, by the frames' own times.
    pub every: Duration,
}

impl DoubtOptions {
    /// Whether the model is unsure of what a frame shows.
    fn doubts(&self, report: &Report<'_>) -> bool {
        let Findings::Detections(found) = report.findings else { return false };
        found.iter().any(|object| (object.score - self.threshold).abs() < self.band)
    }
}

/// A frame on its way to the disk.
struct Doubtful {
    picture: Picture,
    name: String,
    captured: Duration,
    classes: Vec<String>,
}

/// The sink.
pub struct Doubt {
    options: DoubtOptions,
    last: Option<Duration>,
    to: Option<SyncSender<Doubtful>>,
    trouble: Trouble,
    keeper: Option<JoinHandle<()>>,
}

impl Doubt {
    /// Opens the folder.
    ///
    /// # Errors
    /// That it cannot be had, or that the system has no thread to give.
    pub fn start(options: DoubtOptions) -> Result<Doubt, Error> {
        let album = Album::open(&options.folder, options.quota)?;
        let (to, taken) = sync_channel(1);
        let trouble = Trouble::default();
        let keeper = Keeper { folder: options.folder.clone(), quota: options.quota, album: Some(album), last: None };
        let told = trouble.clone();
        let keeper = thread::Builder::new().name("doubt".into()).spawn(move || keeper.work(&taken, &told));
        let keeper = keeper.map_err(|source| Error::Io { path: options.folder.clone(), source })?;
        Ok(Doubt { options, last: None, to: Some(to), trouble, keeper: Some(keeper) })
    }
}

impl Sink for Doubt {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        self.trouble.take()?;
        let now = report.shot.frame.captured();
        // A camera that was found again may begin its time anew.
        let waits = self.last.is_some_and(|last| now >= last && now - last < self.options.every);
        if waits || !self.options.doubts(report) {
            return Ok(());
        }
        let mut picture = Picture::default();
        picture.copy(report, LONGEST);
        let (name, classes) = (report.shot.name.to_string(), report.classes.to_vec());
        let sent = self.to.as_ref().map(|to| to.try_send(Doubtful { picture, name, captured: now, classes }).is_ok());
        // A disk that is still busy with the one before misses this one.
        if sent == Some(true) {
            self.last = Some(now);
        }
        Ok(())
    }
}

impl Drop for Doubt {
    /// Writes what is left.
    fn drop(&mut self) {
        self.to = None;
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

/// The thread.
struct Keeper {
    folder: PathBuf,
    quota: u64,
    /// None after trouble: it is opened anew then, and counts anew what lies there.
    album: Option<Album>,
    last: Option<Thumbnail>,
}

impl Keeper {
    fn work(mut self, taken: &Receiver<Doubtful>, trouble: &Trouble) {
        for mut doubtful in taken {
            // What a mask hides stays hidden.
            doubtful.picture.hide();
            let kept = self.keep(&doubtful);
            if kept.is_err() {
                self.album = None;
            }
            trouble.note(kept);
        }
    }

    fn keep(&mut self, doubtful: &Doubtful) -> Result<(), Error> {
        let picture = &doubtful.picture;
        let (width, height) = (picture.width, picture.height);
        let thumbnail = Thumbnail::new(&picture.rgb, width, height);
        if self.last.is_some_and(|last| thumbnail.is_copy_of(&last)) {
            return Ok(());
        }
        let encoded = picture.jpeg(QUALITY).map_err(|error| failed(&self.folder, io::Error::other(error)))?;
        let frame = Frame::new(&picture.rgb, PixelFormat::Rgb8, width, height, 3 * width, doubtful.captured)?;
        let report = Report::new(
            picture.number,
            Shot::new(&doubtful.name, frame),
            Findings::Detections(&picture.found),
            &doubtful.classes,
        );
        let album = match &mut self.album {
            Some(album) => album,
            none => none.insert(Album::open(&self.folder, self.quota)?),
        };
        match album.add(&report, &["unsure"], &encoded, "jpg")? {
            Kept::Yes => self.last = Some(thumbnail),
            Kept::Full => {
                let full = "the quota is used up; fetch the pictures away, or give more";
                return Err(failed(&self.folder, io::Error::new(io::ErrorKind::QuotaExceeded, full)));
            }
        }
        Ok(())
    }
}

fn failed(folder: &Path, source: io::Error) -> Error {
    Error::Io { path: folder.into(), source }
}
