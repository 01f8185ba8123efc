//! A picture of each event that is wanted, with boxes, and a line of JSON beside it.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use serde::Deserialize;

use super::drawer::{Drawer, check_quota};

use super::stamp::Stamp;
use super::trouble::Trouble;
use super::wish::entered;
use super::{Happening, Picture, Report, Sink, Wish, unix_ms, wanted};
use crate::error::Error;

/// Pictures that may wait for the disk.
const WAITING: usize = 4;
/// What files end in.
const ENDINGS: &[&str] = &["jpg", "json"];

/// What is kept, and where.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SnapshotOptions {
    /// The folder.
    pub folder: PathBuf,
    /// Of which events.
    #[serde(default = "entered")]
    pub on: Vec<Wish>,
    /// Megabytes that all files may take; the oldest make room.
    #[serde(default = "quota")]
    pub quota: u64,
    /// Quality of the JPEGs, 1 to 100.
    #[serde(default = "quality")]
    pub quality: u8,
    /// The longest side of a picture, in pixels.
    #[serde(default = "longest_side")]
    pub longest_side: usize,
}

fn quota() -> u64 {
    500
}

fn quality() -> u8 {
    85
}

fn longest_side() -> usize {
    1920
}

impl SnapshotOptions {
    /// # Errors
    /// What is wrong, with the key.
    pub fn check(&self) -> Result<(), String> {
        match self {
            _ if !(1..=100).contains(&self.quality) => Err("quality: give 1 to 100".into()),
            _ if !(16..=8192).contains(&self.longest_side) => Err("longest-side: give pixels from 16 to 8192".into()),
            _ => check_quota(self.quota),
        }
    }
}

/// One picture on its way to the disk, or back to be used again.
#[derive(Default)]
struct Shot {
    picture: Picture,
    name: String,
    said: String,
}

/// Keeps pictures of events, on a thread of its own.
pub struct Snapshots {
    options: SnapshotOptions,
    to: Option<SyncSender<Box<Shot>>>,
    back: Receiver<Box<Shot>>,
    made: usize,
    trouble: Trouble,
    worker: Option<JoinHandle<()>>,
}

impl Snapshots {
    /// Opens the folder.
    ///
    /// # Errors
    /// [`Error::Io`] names it.
    pub fn open(options: &SnapshotOptions) -> Result<Snapshots, Error> {
        let mut drawer = Drawer::open(&options.folder, options.quota << 20, ENDINGS)?;
        let (to, shots) = sync_channel::<Box<Shot>>(WAITING);
        let (return_to, back) = sync_channel(WAITING + 1);
        let (trouble, quality) = (Trouble::default(), options.quality);
        let told = trouble.clone();
        let work = move || {
            for mut shot in shots {
                told.note(keep(&mut drawer, &mut shot, quality));
                let _ = return_to.try_send(shot);
            }
        };
        let worker = std::thread::Builder::new().name("snapshots".into()).spawn(work);
        let worker = worker.map_err(|source| Error::Io { path: options.folder.clone(), source })?;
        Ok(Snapshots { options: options.clone(), to: Some(to), back, made: 0, trouble, worker: Some(worker) })
    }
}

fn keep(drawer: &mut Drawer, shot: &mut Shot, quality: u8) -> Result<(), Error> {
    shot.picture.draw();
    let jpeg = shot.picture.jpeg(quality).map_err(|error| Error::Picture {
        path: shot.name.clone().into(),
        problem: format!("cannot be written: {error}"),
    })?;
    drawer.put(&format!("{}.jpg", shot.name), &jpeg)?;
    drawer.put(&format!("{}.json", shot.name), shot.said.as_bytes())?;
    Ok(())
}

impl Sink for Snapshots {
    fn take(&mut self, report: &Report<'_>) -> Result<(), Error> {
        let Some(scene) = report.scene else { return self.trouble.take() };
        let places = scene.places();
        for event in report.events().iter().filter(|event| wanted(&self.options.on, event, places)) {
            let mut shot = match self.back.try_recv() {
                Ok(shot) => shot,
                // As many as can wait, one that is written and one that is filled.
                Err(_) if self.made < WAITING + 2 => {
                    self.made += 1;
                    Box::default()
                }
                Err(_) => return Err(self.trouble.overrun("snapshots", &self.options.folder)),
            };
            let now = unix_ms();
            let happening = Happening::new(event, places, report.classes, now);
            shot.picture.copy(report, self.options.longest_side);
            shot.name = format!("{}-{}", Stamp::new(now), happening.file_name());
            shot.said = serde_json::to_string(&happening).unwrap_or_default() + "\n";
            if let Some(to) = &self.to
                && let Err(error) = to.try_send(shot)
            {
                let (std::sync::mpsc::TrySendError::Full(_) | std::sync::mpsc::TrySendError::Disconnected(_)) = error;
                self.made -= 1;
                return Err(self.trouble.overrun("snapshots", &self.options.folder));
            }
        }
        self.trouble.take()
    }
}

impl Drop for Snapshots {
    /// Waits until what was taken is written.
    fn drop(&mut self) {
        drop(self.to.take());
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
#[path = "snapshots_tests.rs"]
pub(super) mod tests;
