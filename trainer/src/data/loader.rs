//! From a set to batches: which pictures, changed how, and what becomes of those that cannot be read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::augment::{Augmentation, Target};
use super::error::DataError;
use super::rng::Rng;
use super::sample::Sample;
use super::store::Pictures;

/// Pictures that are tried for one that cannot be read.
const TRIES: u64 = 16;
/// Sets the generators of order and of replacement apart from those of augmentation.
const ORDER: u64 = 0x6f72_6465_7200;
const REPLACEMENT: u64 = 0x7377_6170_0000;

/// The order in which the pictures of an epoch come: each of `count` once, shuffled by the seed and the epoch.
pub fn order(seed: u64, epoch: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    Rng::new(&[seed, ORDER, epoch as u64]).shuffle(&mut order);
    order
}

/// Pictures for a step, ready for the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Which pictures of the set they are.
    pub indices: Vec<usize>,
    /// The pictures, as the target wants them.
    pub samples: Vec<Sample>,
}

/// Makes the batch of any step: it depends on the settings and the step alone, and may be made on any thread, as by
/// [`Prefetch`](super::Prefetch).
pub struct Loader {
    pictures: Arc<dyn Pictures>,
    /// Augmentation from an epoch on; the first from 0.
    phases: Vec<(usize, Augmentation)>,
    target: Target,
    batch: usize,
    seed: u64,
    orders: Mutex<BTreeMap<usize, Arc<Vec<usize>>>>,
    skipped: Mutex<BTreeMap<usize, String>>,
}

impl Loader {
    /// Batches of `batch` pictures.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where there is no picture or an augmentation makes no sense.
    pub fn new(
        pictures: Arc<dyn Pictures>,
        augmentation: Augmentation,
        target: Target,
        batch: usize,
        seed: u64,
    ) -> Result<Loader, DataError> {
        let refuse =
            |problem: &str| DataError::Unusable { path: "the pictures to learn from".into(), problem: problem.into() };
        augmentation.check().map_err(|problem| refuse(&format!("augmentation: {problem}")))?;
        if pictures.count() == 0 || batch == 0 {
            return Err(refuse("there are none, or none is wanted in a batch"));
        }
        let (orders, skipped) = Default::default();
        Ok(Loader { pictures, phases: vec![(0, augmentation)], target, batch, seed, orders, skipped })
    }

    /// Other changes from an epoch on: fewer of them in the last ones, say.
    #[must_use]
    pub fn from_epoch(mut self, epoch: usize, augmentation: Augmentation) -> Loader {
        self.phases.push((epoch, augmentation));
        self.phases.sort_by_key(|(epoch, _)| *epoch);
        self
    }

    /// Steps that go through the whole set once, the last one going on into the next epoch.
    pub fn steps_an_epoch(&self) -> usize {
        self.pictures.count().div_ceil(self.batch)
    }

    /// The pictures of a step, counted from 0. One epoch follows the other without a gap.
    ///
    /// For a picture that cannot be read another comes, drawn by the seed and its place, and it is noted in
    /// [`Loader::skipped`].
    ///
    /// # Errors
    /// The last one's, where many in a row cannot be read.
    pub fn batch(&self, step: usize) -> Result<Loaded, DataError> {
        let mut loaded = Loaded { indices: Vec::with_capacity(self.batch), samples: Vec::with_capacity(self.batch) };
        for position in step * self.batch..(step + 1) * self.batch {
            let (index, sample) = self.sample(position)?;
            loaded.indices.push(index);
            loaded.samples.push(sample);
        }
        Ok(loaded)
    }

    /// Pictures that could not be read so far, and why, by their numbers.
    pub fn skipped(&self) -> Vec<(usize, String)> {
        lock(&self.skipped).iter().map(|(&index, why)| (index, why.clone())).collect()
    }

    fn sample(&self, position: usize) -> Result<(usize, Sample), DataError> {
        let count = self.pictures.count();
        let (epoch, place) = (position / count, position % count);
        let (_, augmentation) = self.phases.iter().rev().find(|(first, _)| *first <= epoch).unwrap_or(&self.phases[0]);
        let mut index = self.order(epoch)[place];
        let mut spare = Rng::new(&[self.seed, REPLACEMENT, position as u64]);
        let mut tries = 0;
        loop {
            let mut rng = Rng::new(&[self.seed, epoch as u64, index as u64]);
            match augmentation.apply(&*self.pictures, index, &self.target, &mut rng) {
                Ok(sample) => return Ok((index, sample)),
                Err(error) => {
                    tries += 1;
                    if tries == TRIES {
                        return Err(error);
                    }
                    lock(&self.skipped).entry(index).or_insert_with(|| error.to_string());
                    index = spare.below(count);
                }
            }
        }
    }

    /// The order of an epoch. Those of the last few are kept.
    fn order(&self, epoch: usize) -> Arc<Vec<usize>> {
        if let Some(order) = lock(&self.orders).get(&epoch) {
            return order.clone();
        }
        let order = Arc::new(order(self.seed, epoch, self.pictures.count()));
        let mut orders = lock(&self.orders);
        orders.insert(epoch, order.clone());
        while orders.len() > 4 {
            orders.pop_first();
        }
        order
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::prefetch::Prefetch;
    use retort::contract::Resize;

    /// Eleven pictures, of which two cannot be read.
    struct Half;

    impl Pictures for Half {
        fn count(&self) -> usize {
            11
        }

        fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError> {
            match index {
                3 | 7 => Err(DataError::Picture { name: format!("{index}.jpg"), problem: "is cut short".into() }),
                _ => Ok(Arc::new(Sample::rgb(8, 8, vec![index as u8 * 20; 192]))),
            }
        }
    }

    const TARGET: Target = Target { width: 6, height: 6, channels: 3, resize: Resize::Stretch };

    fn loader(augmentation: Augmentation) -> Loader {
        Loader::new(Arc::new(Half), augmentation, TARGET, 4, 9).expect("a loader")
    }

    #[test]
    fn batches_do_not_depend_on_threads() {
        let augmentation =
            || Augmentation { flip: 0.5, noise: 9.0, mosaic: 0.3, brightness: 0.4, ..Augmentation::default() };
        let run = |threads: usize| {
            let loader = Arc::new(loader(augmentation()).from_epoch(2, Augmentation::default()));
            let inner = loader.clone();
            let batches = Prefetch::new(0..12, threads, 3, move |step| inner.batch(step).expect("a batch"));
            (batches.collect::<Vec<_>>(), loader.skipped())
        };
        let (expected, skipped) = run(0);
        assert_eq!(skipped, [3, 7].map(|index| (index, format!("{index}.jpg: is cut short"))));
        for threads in [1, 2, 5] {
            assert_eq!(run(threads), (expected.clone(), skipped.clone()));
        }
    }

    #[test]
    fn an_epoch_shows_each_readable_picture_and_the_next_another_order() {
        let loader = loader(Augmentation::default());
        assert_eq!(loader.steps_an_epoch(), 3);
        let seen: Vec<usize> = (0..11).flat_map(|step| loader.batch(step).expect("a batch").indices).collect();
        for epoch in seen.chunks(11) {
            assert!((0..11).filter(|index| ![3, 7].contains(index)).all(|index| epoch.contains(&index)));
            assert!(!epoch.contains(&3) && !epoch.contains(&7));
        }
        assert_ne!(order(9, 0, 11), order(9, 1, 11));
        let sample = &loader.batch(0).expect("a batch");
        assert_eq!(sample.samples[0].pixels, vec![sample.indices[0] as u8 * 20; 108]);
    }

    #[test]
    fn what_cannot_work_is_refused_at_once_or_by_name() {
        let empty: Arc<dyn Pictures> = Arc::new(Vec::<Arc<Sample>>::new());
        assert!(Loader::new(empty, Augmentation::default(), TARGET, 4, 1).is_err());
        let wrong = Augmentation { flip: 2.0, ..Augmentation::default() };
        let error = Loader::new(Arc::new(Half), wrong, TARGET, 4, 1).err().expect("refused").to_string();
        assert!(error.contains("`flip` is 2"), "{error}");

        struct None;
        impl Pictures for None {
            fn count(&self) -> usize {
                5
            }
            fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError> {
                Err(DataError::Picture { name: format!("{index}.jpg"), problem: "is empty".into() })
            }
        }
        let loader = Loader::new(Arc::new(None), Augmentation::default(), TARGET, 4, 1).expect("a loader");
        assert!(loader.batch(0).expect_err("nothing").to_string().contains("is empty"));
    }
}
