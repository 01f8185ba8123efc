//! Decoded pictures, kept within a stated number of bytes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use retort::contract::Resize;

use super::augment::Target;
use super::collection::Collection;
use super::error::DataError;
use super::item::{Item, Pixels};
use super::sample::Sample;

/// Pictures by number, from wherever they come.
pub trait Pictures: Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Picture `index`, which is below [`Pictures::count`].
    ///
    /// # Errors
    /// What makes it unreadable.
    fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError>;
}

impl Pictures for Vec<Arc<Sample>> {
    fn count(&self) -> usize {
        self.len()
    }

    fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        let missing = || DataError::Picture { name: format!("picture {index}"), problem: "is not there".into() };
        self.get(index).cloned().ok_or_else(missing)
    }
}

impl Pictures for Vec<Item> {
    fn count(&self) -> usize {
        self.len()
    }

    fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        let missing = || DataError::Picture { name: format!("picture {index}"), problem: "is not there".into() };
        self.get(index).ok_or_else(missing)?.load().map(Arc::new)
    }
}

/// The pictures of a set, decoded on demand, made no larger than is needed, and kept until the memory that was granted is used
/// up; what does not fit is decoded each time. None makes place for another: an epoch visits all alike.
#[derive(Debug)]
pub struct Store {
    set: Collection,
    /// Greatest width and height that pictures are kept in.
    largest: Option<[usize; 2]>,
    kept: Vec<OnceLock<Arc<Sample>>>,
    bytes: usize,
    used: AtomicUsize,
}

impl Store {
    /// A store for a set. Pictures that are larger than `largest` (width, height) on both axes are made smaller, aspect ratio
    /// kept, until one axis fits, with the runtime's interpolation; they are so whether they are kept or not. `bytes` is what all
    /// kept pixels may take.
    pub fn new(set: Collection, largest: Option<[usize; 2]>, bytes: usize) -> Store {
        let kept = set.items.iter().map(|_| OnceLock::new()).collect();
        Store { set, largest, kept, bytes, used: AtomicUsize::new(0) }
    }

    /// The set.
    pub fn set(&self) -> &Collection {
        &self.set
    }

    /// How many pictures are kept, and the bytes that they take.
    pub fn kept(&self) -> (usize, usize) {
        let count = self.kept.iter().filter(|slot| slot.get().is_some()).count();
        (count, self.used.load(Ordering::Relaxed))
    }

    /// Decodes as much as may be kept: files on all threads, frames of a video in their order. `done` is called after each
    /// picture, from any thread. Pictures that cannot be read are passed over, to be found again when they are wanted.
    pub fn fill(&self, done: impl Fn() + Sync) {
        let (frames, files): (Vec<usize>, Vec<usize>) =
            (0..self.count()).partition(|&index| matches!(self.set.items[index].pixels, Pixels::Frame { .. }));
        let load = |index: usize| {
            if self.used.load(Ordering::Relaxed) < self.bytes {
                let _ = self.picture(index);
            }
            done();
        };
        files.into_par_iter().for_each(load);
        frames.into_iter().for_each(load);
    }

    fn load(&self, index: usize) -> Result<Sample, DataError> {
        let item = self.set.items.get(index).ok_or_else(|| DataError::Picture {
            name: format!("picture {index}"),
            problem: format!("is not one of the {} of the set", self.set.len()),
        })?;
        let sample = item.load()?;
        let Some([width, height]) = self.largest else { return Ok(sample) };
        let scale = (width as f64 / sample.width as f64).max(height as f64 / sample.height as f64);
        if scale >= 1.0 {
            return Ok(sample);
        }
        let side = |side: usize| ((side as f64 * scale).round() as usize).max(1);
        let (width, height) = (side(sample.width), side(sample.height));
        Target { width, height, channels: sample.channels, resize: Resize::Stretch }.fit(&sample)
    }
}

impl Pictures for Store {
    fn count(&self) -> usize {
        self.set.len()
    }

    fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        if let Some(sample) = self.kept.get(index).and_then(OnceLock::get) {
            return Ok(sample.clone());
        }
        let sample = Arc::new(self.load(index)?);
        let size = sample.pixels.len();
        let room = |used: usize| used.checked_add(size).filter(|&used| used <= self.bytes);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
            && self.kept[index].set(sample.clone()).is_err()
        {
            // Another thread was quicker.
            self.used.fetch_sub(size, Ordering::Relaxed);
        }
        Ok(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::collection::OpenOptions;

    #[test]
    fn what_is_kept_stays_within_its_bytes_and_is_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a", "b", "c"] {
            let picture = image::RgbImage::from_fn(80, 40, |x, y| image::Rgb([x as u8, y as u8, name.as_bytes()[0]]));
            picture.save(folder.path().join(format!("{name}.png"))).expect("written");
        }
        let open = || Collection::open(folder.path(), &OpenOptions::default()).expect("a set");
        // Each takes 40 · 20 · 3 bytes once it is small.
        let store = Store::new(open(), Some([10, 20]), 5000);
        store.fill(|| ());
        assert_eq!(store.kept(), (2, 4800));
        let without = Store::new(open(), Some([10, 20]), 0);
        for index in 0..3 {
            let sample = store.picture(index).expect("a picture");
            assert_eq!((sample.width, sample.height), (40, 20));
            assert_eq!(sample, without.picture(index).expect("a picture"));
        }
        assert_eq!((store.kept(), without.kept()), ((2, 4800), (0, 0)));
        assert!(store.picture(3).is_err());
        let whole = Store::new(open(), None, usize::MAX);
        assert_eq!(whole.picture(0).expect("a picture").width, 80);
        // What is deleted is an error, unless it is kept.
        std::fs::remove_file(folder.path().join("a.png")).expect("removed");
        assert!(without.picture(0).is_err() && whole.picture(0).is_ok());
    }
}
