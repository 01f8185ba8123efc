//! Looking through a whole set before anything is learned from it: what there is of each class and part, what is broken, what
//! is in it twice.

mod numbers;
mod sheets;
mod table;
mod twins;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;

use super::collection::{Collection, Task};
use super::error::{Fault, Problem};
use super::item::{Item, Part, Pixels};
use super::sample::Sample;
use super::usable::{Look, Need, cleaned, words};
use twins::{Candidate, Print};

pub use numbers::{Histogram, Spread};
pub use twins::Twins;

/// Edges of the classes of box sizes: the square root of the area, in pixels. 32 and 96 are COCO's between small, medium and
/// large.
const SIDES: [f32; 10] = [0.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 256.0];

/// What was found in a set.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The file or folder.
    pub path: PathBuf,
    /// What it was read as.
    pub format: &'static str,
    /// What that was recognised by.
    pub because: String,
    /// What its labels say.
    pub task: Task,
    /// Whether it can be learned from, and if not, why.
    pub usable: Usable,
    /// Pictures and boxes of each part, then of all.
    pub parts: Vec<PartCount>,
    /// What there is of each class.
    pub classes: Vec<ClassCount>,
    /// How many times as much there is of the most frequent class as of the least, in all parts; `None` where a class has
    /// nothing, or there are no labels.
    pub imbalance: Option<f32>,
    /// Sizes of pictures.
    pub pictures: Option<PictureSizes>,
    /// Sizes of boxes.
    pub boxes: Option<BoxSizes>,
    /// Pictures that are alike.
    pub twins: Vec<Twins>,
    /// Kinds of problems, with how many there are.
    pub faults: Vec<FaultCount>,
    /// Every problem.
    pub problems: Vec<Problem>,
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "for", content = "because")]
pub enum Usable {
    /// Its labels can be learned from.
    Labels,
    /// Only its pictures can be used, and why.
    Pictures(String),
    /// Not at all, and why.
    Nothing(String),
}

/// What a part has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartCount {
    /// `train`, `validation`, `test`; `-` for what is of no part; `all`.
    pub part: String,
    /// Pictures that can be read.
    pub pictures: usize,
    /// Pictures with a class or boxes, or of which it is known that there is nothing in them.
    pub labelled: usize,
    /// Those of them with nothing in them.
    pub empty: usize,
    /// Boxes.
    pub boxes: usize,
    /// Boxes beside these that are to be ignored.
    pub ignored: usize,
}

/// What there is of a class: boxes, or pictures where these have classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Its name.
    pub class: String,
    /// In the parts to learn from, to choose by, to measure on, and in none.
    pub counts: [usize; 4],
    /// Pictures that it is in.
    pub pictures: usize,
}

impl ClassCount {
    /// In all parts.
    pub fn total(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// Sizes of the pictures that can be read.
#[derive(Clone, Debug, Serialize)]
pub struct PictureSizes {
    /// Columns.
    pub width: Spread,
    /// Rows.
    pub height: Spread,
    /// Width divided by height.
    pub aspect: Spread,
    /// The most frequent sizes, with how many pictures have them.
    pub frequent: Vec<([usize; 2], usize)>,
    /// How many different sizes there are.
    pub different: usize,
    /// Pictures of one channel.
    pub grey: usize,
}

/// Sizes of the boxes that are not ignored.
#[derive(Clone, Debug, Serialize)]
pub struct BoxSizes {
    /// The square root of the area, in pixels.
    pub side: Spread,
    /// The same in classes.
    pub sides: Histogram,
    /// Width divided by height.
    pub aspect: Spread,
    /// Share of the picture's area.
    pub share: Spread,
    /// Boxes in a picture, among the labelled ones.
    pub per_picture: Spread,
}

/// How many problems there are of a kind.
#[derive(Clone, Debug, Serialize)]
pub struct FaultCount {
    /// The kind.
    pub fault: Fault,
    /// What is done about it.
    pub remedy: &'static str,
    /// How many.
    pub count: usize,
}

/// What was seen of one picture.
struct Seen {
    item: Item,
    size: [usize; 2],
    channels: usize,
    print: Print,
}

/// A report, and the set as it can be used.
pub struct Checked {
    /// What was found.
    pub report: Report,
    /// The pictures that can be read, with their usable boxes.
    pub set: Collection,
}

/// Decodes every picture of a set. `done` is called after each, from any thread.
pub fn check(set: &Collection, done: impl Fn() + Sync) -> Checked {
    let look = |item: &Item| {
        let looked = examine(item);
        done();
        looked
    };
    let framed = |item: &&Item| matches!(item.pixels, Pixels::Frame { .. });
    // Frames of a video come in their order; they are quicker to decode than to look for.
    let looked: Vec<_> = match set.items.iter().all(|item| framed(&item)) {
        true => set.items.iter().map(look).collect(),
        false => set.items.par_iter().map(look).collect(),
    };
    let mut problems = set.problems.clone();
    let mut seen = Vec::with_capacity(looked.len());
    for (looked, mut found) in looked {
        problems.append(&mut found);
        seen.extend(looked);
    }
    let items = seen.iter().map(|seen| seen.item.clone()).collect();
    let usable_set = Collection { items, problems: problems.clone(), ..set.filtered(|_| false) };
    problems.extend(usable_set.empty_classes());
    problems.sort_by_key(|problem| problem.fault);
    let usable = match usable_set.usable(Need::Labels, Look::Labels) {
        Ok(_) => Usable::Labels,
        Err(error) => match usable_set.usable(Need::Pictures, Look::Labels) {
            Ok(_) => Usable::Pictures(bare(&error, set)),
            Err(error) => Usable::Nothing(bare(&error, set)),
        },
    };
    let classes = class_counts(&usable_set);
    let report = Report {
        path: set.origin.clone(),
        format: set.format.name(),
        because: set.because.clone(),
        task: set.task,
        usable,
        parts: part_counts(&usable_set),
        imbalance: imbalance(&classes),
        classes,
        pictures: picture_sizes(&seen),
        boxes: box_sizes(&seen),
        twins: twins_among(&seen),
        faults: fault_counts(&problems),
        problems,
    };
    Checked { report, set: usable_set }
}

/// An error's words without the path, which the report has.
fn bare(error: &super::error::DataError, set: &Collection) -> String {
    let words = error.to_string();
    words.strip_prefix(&format!("{}: ", set.origin.display())).map_or(words.clone(), str::to_owned)
}

fn examine(item: &Item) -> (Option<Seen>, Vec<Problem>) {
    let mut problems = Vec::new();
    let sample: Sample = match item.load() {
        Ok(sample) => sample,
        Err(error) => {
            problems.push(Problem::new(Fault::BrokenPicture, &item.name, words(&error)));
            return (None, problems);
        }
    };
    let size = [sample.width, sample.height];
    let item = cleaned(item, Some(size), &mut problems);
    (Some(Seen { item, size, channels: sample.channels, print: Print::of(&sample) }), problems)
}

fn part_counts(set: &Collection) -> Vec<PartCount> {
    let mut counts: BTreeMap<Option<Part>, PartCount> = BTreeMap::new();
    let mut all = PartCount { part: "all".into(), ..PartCount::default() };
    for item in &set.items {
        let part = counts.entry(item.part).or_insert_with(|| PartCount {
            part: item.part.map_or("-".into(), |part| part.to_string()),
            ..PartCount::default()
        });
        for count in [part, &mut all] {
            let boxes = || item.boxes.iter().flatten();
            let ignored = boxes().filter(|label| label.ignored).count();
            count.pictures += 1;
            count.labelled += usize::from(item.boxes.is_some() || item.class.is_some());
            count.empty += usize::from(item.class.is_none() && item.boxes.as_ref().is_some_and(Vec::is_empty));
            count.boxes += boxes().count() - ignored;
            count.ignored += ignored;
        }
    }
    let mut parts: Vec<PartCount> = counts.into_values().collect();
    // What is of no part comes last.
    if parts.first().is_some_and(|part| part.part == "-") {
        parts.rotate_left(1);
    }
    if parts.len() == 1 && parts[0].part == "-" {
        parts.clear();
    }
    parts.push(all);
    parts
}

fn class_counts(set: &Collection) -> Vec<ClassCount> {
    let count = |class: &String| ClassCount { class: class.clone(), counts: [0; 4], pictures: 0 };
    let mut classes: Vec<ClassCount> = set.classes.iter().map(count).collect();
    for item in &set.items {
        let part = item.part.map_or(3, |part| part as usize);
        let boxes = item.boxes.iter().flatten().filter(|label| !label.ignored).map(|label| label.class);
        let mut here: Vec<usize> = boxes.chain(item.class).collect();
        for &class in &here {
            if let Some(count) = classes.get_mut(class) {
                count.counts[part] += 1;
            }
        }
        here.sort_unstable();
        here.dedup();
        for class in here {
            if let Some(count) = classes.get_mut(class) {
                count.pictures += 1;
            }
        }
    }
    classes
}

fn imbalance(classes: &[ClassCount]) -> Option<f32> {
    let most = classes.iter().map(ClassCount::total).max()?;
    let least = classes.iter().map(ClassCount::total).min().filter(|&least| least > 0)?;
    Some(most as f32 / least as f32)
}

fn picture_sizes(seen: &[Seen]) -> Option<PictureSizes> {
    let sides = |axis: usize| seen.iter().map(move |seen| seen.size[axis] as f32);
    let mut sizes: BTreeMap<[usize; 2], usize> = BTreeMap::new();
    seen.iter().for_each(|seen| *sizes.entry(seen.size).or_default() += 1);
    let mut frequent: Vec<_> = sizes.into_iter().collect();
    let different = frequent.len();
    frequent.sort_by_key(|&(size, count)| (std::cmp::Reverse(count), size));
    frequent.truncate(5);
    Some(PictureSizes {
        width: Spread::of(sides(0))?,
        height: Spread::of(sides(1))?,
        aspect: Spread::of(seen.iter().map(|seen| seen.size[0] as f32 / seen.size[1] as f32))?,
        frequent,
        different,
        grey: seen.iter().filter(|seen| seen.channels == 1).count(),
    })
}

fn box_sizes(seen: &[Seen]) -> Option<BoxSizes> {
    let boxes = || {
        let pairs = seen.iter().flat_map(|seen| seen.item.boxes.iter().flatten().map(|label| (seen.size, label)));
        pairs.filter(|(_, label)| !label.ignored)
    };
    let side = || boxes().map(|(_, label)| label.area().sqrt());
    let labelled = seen.iter().filter_map(|seen| seen.item.boxes.as_ref());
    Some(BoxSizes {
        side: Spread::of(side())?,
        sides: Histogram::of(&SIDES, side()),
        aspect: Spread::of(boxes().map(|(_, label)| label.width() / label.height()))?,
        share: Spread::of(boxes().map(|([width, height], label)| label.area() / (width * height) as f32))?,
        per_picture: Spread::of(labelled.map(|boxes| boxes.iter().filter(|label| !label.ignored).count() as f32))?,
    })
}

/// Frames of a film are left alone: neighbours are alike.
fn twins_among(seen: &[Seen]) -> Vec<Twins> {
    let still = seen.iter().filter(|seen| seen.item.frame.is_none());
    let candidates: Vec<_> = still
        .map(|seen| {
            let Item { name, part, class, .. } = &seen.item;
            Candidate { name, part: *part, class: *class, print: &seen.print }
        })
        .collect();
    twins::find(&candidates)
}

fn fault_counts(problems: &[Problem]) -> Vec<FaultCount> {
    let mut counts: BTreeMap<Fault, usize> = BTreeMap::new();
    problems.iter().for_each(|problem| *counts.entry(problem.fault).or_default() += 1);
    counts.into_iter().map(|(fault, count)| FaultCount { fault, remedy: fault.remedy(), count }).collect()
}

#[cfg(test)]
mod tests;
