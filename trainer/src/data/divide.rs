//! Dividing a set into parts, where its format does not.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::collection::Collection;
use super::error::DataError;
use super::item::{Item, Part};
use super::rng::Rng;

/// How a set is divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Share of the pictures for validation, 0 to 1.
    pub validation: f64,
    /// Share of the pictures for the test, 0 to 1.
    pub test: f64,
    /// Frames of a video that are left out between two parts, at least 1: neighbours are nearly the same picture.
    pub gap: usize,
}

impl Default for Shares {
    /// A tenth for validation, nothing for the test, and a second of video between.
    fn default() -> Self {
        Shares { validation: 0.1, test: 0.0, gap: 25 }
    }
}

impl Collection {
    /// Says of each picture what it is for, overriding what the format said.
    ///
    /// Pictures are drawn by `seed` and by their names, so that the same ones are drawn wherever the set lies; of labelled
    /// classes, every class gives its share. Frames of a film go by time: first those to learn from, then those for
    /// validation, then those for the test; frames within `gap` of the next part are left out.
    ///
    /// # Errors
    /// [`DataError::Unusable`] where shares leave nothing to learn from, or a part that was asked for gets nothing.
    pub fn divide(&self, shares: &Shares, seed: u64) -> Result<Collection, DataError> {
        let refuse = |problem: String| DataError::Unusable { path: self.origin.clone(), problem };
        let Shares { validation, test, .. } = *shares;
        if !(validation >= 0.0 && test >= 0.0 && validation + test < 1.0) {
            return Err(refuse(format!("shares of {validation} and {test} leave nothing to learn from")));
        }
        let mut parts: HashMap<usize, Part> = HashMap::with_capacity(self.items.len());
        let mut groups: BTreeMap<Option<usize>, Vec<(u64, usize)>> = BTreeMap::new();
        let mut films: BTreeMap<PathBuf, Vec<(usize, usize)>> = BTreeMap::new();
        for (index, item) in self.items.iter().enumerate() {
            match item.film() {
                Some((film, number)) => films.entry(film.into()).or_default().push((number, index)),
                None => groups.entry(item.class).or_default().push((draw(seed, &item.name), index)),
            }
        }
        for mut group in groups.into_values() {
            group.sort_unstable();
            let [for_validation, for_test] = counts(group.len(), shares);
            for (place, (_, index)) in group.into_iter().enumerate() {
                let part = match place {
                    place if place < for_test => Part::Test,
                    place if place < for_test + for_validation => Part::Validation,
                    _ => Part::Train,
                };
                parts.insert(index, part);
            }
        }
        for mut frames in films.into_values() {
            frames.sort_unstable();
            parts.extend(spans(&frames, shares));
        }
        let items = self.items.iter().enumerate().filter_map(|(index, item)| {
            let part = *parts.get(&index)?;
            Some(Item { part: Some(part), ..item.clone() })
        });
        let divided = Collection { items: items.collect(), ..self.filtered(|_| false) };
        for (part, share) in [(Part::Train, 1.0), (Part::Validation, validation), (Part::Test, test)] {
            if share > 0.0 && !divided.items.iter().any(|item| item.part == Some(part)) {
                return Err(refuse(format!("{} pictures are too few: none is left for {part}", self.len())));
            }
        }
        Ok(divided)
    }
}

/// A number that names draw: FNV-1a of it, mixed with the seed.
fn draw(seed: u64, name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    Rng::new(&[seed, hash]).next()
}

/// How many of `count` are for validation and for the test: the nearest whole numbers, one at least where a share is not 0 and
/// there is one to spare.
fn counts(count: usize, shares: &Shares) -> [usize; 2] {
    let whole = |share: f64, least: usize| {
        let number = (share * count as f64).round() as usize;
        if share > 0.0 && count > least { number.max(1) } else { number }
    };
    let test = whole(shares.test, 2).min(count.saturating_sub(1));
    let validation = whole(shares.validation, 1 + test).min(count.saturating_sub(1 + test));
    [validation, test]
}

/// Parts of a video's frames (number, index), which come in the order of their numbers.
fn spans(frames: &[(usize, usize)], shares: &Shares) -> Vec<(usize, Part)> {
    let [validation, test] = counts(frames.len(), shares);
    let train = frames.len() - validation - test;
    let part = |place: usize| match place {
        place if place < train => Part::Train,
        place if place < train + validation => Part::Validation,
        _ => Part::Test,
    };
    // Where the next part begins, by frame number.
    let starts: Vec<usize> =
        (1..frames.len()).filter(|&place| part(place) != part(place - 1)).map(|place| frames[place].0).collect();
    let near = |number: usize| starts.iter().any(|&start| number < start && start - number <= shares.gap.max(1));
    let kept = frames.iter().enumerate().filter(|(_, (number, _))| !near(*number));
    kept.map(|(place, &(_, index))| (index, part(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::collection::Task;
    use crate::data::formats::Format;
    use crate::data::item::Pixels;
    use crate::data::video::Video;
    use proptest::prelude::*;
    use std::path::Path;
    use std::sync::Arc;

    fn set(items: Vec<Item>) -> Collection {
        Collection {
            format: Format::Pictures,
            because: String::new(),
            origin: "set".into(),
            task: Task::Classify,
            classes: vec!["a".into(), "b".into()],
            items,
            problems: Vec::new(),
        }
    }

    fn pictures(count: usize) -> Collection {
        let item = |i: usize| {
            let pixels = Pixels::File(PathBuf::from(format!("{i}.png")));
            Item { class: Some(usize::from(i.is_multiple_of(5))), ..Item::new(format!("{i}.png"), pixels) }
        };
        set((0..count).map(item).collect())
    }

    fn film(count: usize) -> Collection {
        let video = Arc::new(Video::new(Path::new("film.avi")));
        let item = |number| Item::new(format!("film.avi#{number}"), Pixels::Frame { video: video.clone(), number });
        set((1..=count).map(item).collect())
    }

    fn sizes(set: &Collection) -> [usize; 3] {
        Part::ALL.map(|part| set.part(part).len())
    }

    #[test]
    fn every_class_gives_its_share_and_order_does_not_matter() {
        let shares = Shares { validation: 0.2, test: 0.1, gap: 1 };
        let whole = pictures(100);
        let divided = whole.divide(&shares, 7).expect("divided");
        assert_eq!(sizes(&divided), [70, 20, 10]);
        let rare = |part| divided.part(part).items.iter().filter(|item| item.class == Some(1)).count();
        assert_eq!(Part::ALL.map(rare), [14, 4, 2]);
        let mut reversed = whole.clone();
        reversed.items.reverse();
        let parts =
            |set: &Collection| set.items.iter().map(|item| (item.name.clone(), item.part)).collect::<BTreeMap<_, _>>();
        assert_eq!(parts(&reversed.divide(&shares, 7).expect("divided")), parts(&divided));
        assert_ne!(parts(&whole.divide(&shares, 8).expect("divided")), parts(&divided));
    }

    #[test]
    fn too_little_is_refused() {
        assert!(pictures(0).divide(&Shares::default(), 1).is_err());
        let error = pictures(1).divide(&Shares::default(), 1).expect_err("one").to_string();
        assert!(error.contains("none is left for validation"), "{error}");
        assert!(pictures(9).divide(&Shares { validation: 0.6, test: 0.4, gap: 1 }, 1).is_err());
        assert!(film(10).divide(&Shares { validation: 0.2, test: 0.0, gap: 9 }, 1).is_err());
    }

    proptest! {
        /// Frames of two parts are never closer than the gap.
        #[test]
        fn neighbouring_frames_are_never_in_two_parts(
            count in 200usize..600,
            gap in 0usize..6,
            validation in 0.05f64..0.4,
            test in 0.05f64..0.4,
        ) {
            let divided = film(count).divide(&Shares { validation, test, gap }, 3).expect("divided");
            let frames: Vec<_> = divided.items.iter().map(|item| (item.frame.unwrap_or(0), item.part)).collect();
            for pair in frames.windows(2) {
                prop_assert!(pair[0].1 == pair[1].1 || pair[1].0 - pair[0].0 > gap.max(1), "{:?}", pair);
            }
            prop_assert!(frames.is_sorted_by_key(|frame| frame.1));
        }
    }
}
