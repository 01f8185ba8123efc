//! What of a set can be learned from: broken pictures and boxes are named and left out, and what would teach nonsense is refused.

use rayon::prelude::*;

use super::collection::{Collection, Task};
use super::error::{DataError, Fault, Problem};
use super::item::{Item, Part, Pixels};
use super::sample::Label;

/// How closely pictures are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// Not at all: only labels are.
    Labels,
    /// At the first bytes of their files, which tell their sizes. What is cut short shows only when it is decoded.
    Headers,
    /// At all of their pixels.
    Pixels,
}

/// What a set is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To learn its labels; pictures without any are left out.
    Labels,
    /// To look at its pictures; labels may be there or not.
    Pictures,
}

impl Collection {
    /// The set without what cannot be used, and what that was: everything found in reading it, and in looking at it now.
    ///
    /// Broken pictures and boxes that are not finite, without area or outside their pictures are left out, boxes that reach
    /// beyond are cut. Boxes of what comes back are in pixels wherever the pictures' sizes are known. Frames of videos are not
    /// decoded.
    ///
    /// # Errors
    /// [`DataError::Unusable`] for labels of unknown classes, and where nothing remains: no picture, or for [`Need::Labels`] no
    /// label, in the set or in its part to learn from.
    pub fn usable(&self, need: Need, look: Look) -> Result<(Collection, Vec<Problem>), DataError> {
        let mut problems = self.problems.clone();
        let looked: Vec<_> = self.items.par_iter().map(|item| examine(item, look)).collect();
        let mut items = Vec::with_capacity(looked.len());
        for (item, mut found) in looked {
            problems.append(&mut found);
            items.extend(item);
        }
        if need == Need::Labels && self.task != Task::Unlabelled {
            items.retain(|item: &Item| match self.task {
                Task::Classify => item.class.is_some(),
                _ => item.boxes.is_some(),
            });
        }
        let set = Collection { items, problems: Vec::new(), ..self.filtered(|_| false) };
        problems.extend(set.empty_classes());
        set.refuse(need, self.len(), &problems)?;
        Ok((set, problems))
    }

    /// Classes of which the part to learn from has nothing.
    pub(super) fn empty_classes(&self) -> Vec<Problem> {
        let learned = |item: &&Item| item.part.is_none_or(|part| part == Part::Train);
        let mut seen = vec![false; self.classes.len()];
        for item in self.items.iter().filter(learned) {
            let boxes = item.boxes.iter().flatten().filter(|label| !label.ignored).map(|label| label.class);
            boxes.chain(item.class).for_each(|class| {
                if let Some(seen) = seen.get_mut(class) {
                    *seen = true;
                }
            });
        }
        if self.task == Task::Unlabelled || !seen.contains(&true) {
            return Vec::new();
        }
        let empty = self.classes.iter().zip(seen).filter(|(_, seen)| !seen);
        empty.map(|(class, _)| Problem::new(Fault::EmptyClass, class, "nothing to learn it from")).collect()
    }

    fn refuse(&self, need: Need, opened: usize, problems: &[Problem]) -> Result<(), DataError> {
        let refuse = |problem: String| Err(DataError::Unusable { path: self.origin.clone(), problem });
        let unknown: Vec<_> = problems.iter().filter(|problem| problem.fault == Fault::UnknownClass).collect();
        if let Some(first) = unknown.first() {
            return refuse(format!(
                "{} of unknown classes, the first in {first}; correct the names of the classes, or the labels",
                plural(unknown.len(), "label is", "labels are")
            ));
        }
        let first = problems.first().map_or(String::new(), |problem| format!("; first of its problems: {problem}"));
        if self.items.is_empty() {
            let what = if need == Need::Labels { "labelled " } else { "" };
            return refuse(format!("none of its {opened} pictures is a usable {what}one{first}"));
        }
        if need == Need::Pictures {
            return Ok(());
        }
        if self.task == Task::Unlabelled {
            return refuse("has no labels to learn from; give a labelled set, or a teacher".into());
        }
        let learned: Vec<_> =
            self.items.iter().filter(|item| item.part.is_none_or(|part| part == Part::Train)).collect();
        if learned.is_empty() {
            return refuse("has no part to learn from: all of its pictures are for validation or the test".into());
        }
        let boxes = learned.iter().flat_map(|item| &item.boxes).flatten().filter(|label| !label.ignored).count();
        if self.task == Task::Detect && boxes == 0 {
            return refuse(format!("its {} pictures to learn from have no usable box{first}", learned.len()));
        }
        Ok(())
    }
}

/// `1 label is` or `2 labels are`.
fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The item without what cannot be used; nothing if that is the picture.
fn examine(item: &Item, look: Look) -> (Option<Item>, Vec<Problem>) {
    let mut problems = Vec::new();
    let frame = matches!(item.pixels, Pixels::Frame { .. });
    let size = match look {
        Look::Labels => Ok(item.stated),
        Look::Pixels if !frame => item.load().map(|sample| Some([sample.width, sample.height])),
        _ => item.size(),
    };
    match size {
        Ok(size) => (Some(cleaned(item, size, &mut problems)), problems),
        Err(error) => {
            problems.push(Problem::new(Fault::BrokenPicture, &item.name, words(&error)));
            (None, problems)
        }
    }
}

/// What is wrong with a picture, without its name.
pub(super) fn words(error: &DataError) -> String {
    match error {
        DataError::Picture { problem, .. } => problem.clone(),
        DataError::Io { source, .. } => format!("cannot be read: {source}"),
        other => other.to_string(),
    }
}

/// The item with only such boxes as can be used, in pixels if the picture's size is known.
pub(super) fn cleaned(item: &Item, size: Option<[usize; 2]>, problems: &mut Vec<Problem>) -> Item {
    let mut cleaned = item.clone();
    if let (Some(size), Some(stated)) = (size, item.stated)
        && size != stated
    {
        let detail = format!("is {}×{}, its labels say {}×{}", size[0], size[1], stated[0], stated[1]);
        problems.push(Problem::new(Fault::OtherSize, &item.name, detail));
    }
    let Some(boxes) = &item.boxes else { return cleaned };
    let known = size.or(item.stated);
    // Without a size, relative boxes lie in a picture of one by one; others anywhere.
    let (labels, limits, pixel) = match known {
        Some(size) => (item.labels(size), size.map(|side| side as f32), 1.0),
        None if item.relative => (boxes.clone(), [1.0; 2], 0.0),
        None => (boxes.clone(), [f32::INFINITY; 2], 1.0),
    };
    cleaned.relative = item.relative && known.is_none();
    let mut kept = Vec::with_capacity(labels.len());
    for label in labels {
        match fault(&label, limits, pixel) {
            None => kept.push(clip(label, limits)),
            Some(fault) => {
                let [left, top, right, bottom] = label.bounds;
                let detail = format!("{left:.1}, {top:.1} to {right:.1}, {bottom:.1}: {fault}");
                problems.push(Problem::new(fault, &item.name, detail));
                if fault == Fault::Beyond {
                    kept.push(clip(label, limits));
                }
            }
        }
    }
    cleaned.boxes = Some(kept);
    cleaned
}

/// What is wrong with a box in a picture of this size, in which a pixel is so large.
fn fault(label: &Label, [width, height]: [f32; 2], pixel: f32) -> Option<Fault> {
    let [left, top, right, bottom] = label.bounds;
    if !label.bounds.iter().all(|edge| edge.is_finite()) || !label.score.is_finite() {
        return Some(Fault::NotFinite);
    }
    if label.width() <= 0.0 || label.height() <= 0.0 || label.width() < pixel || label.height() < pixel {
        return Some(Fault::Degenerate);
    }
    if right <= 0.0 || bottom <= 0.0 || left >= width || top >= height {
        return Some(Fault::Outside);
    }
    // Rounding, or counting from 1, is worth no word.
    let slack = if pixel > 0.0 { pixel } else { 0.01 };
    let beyond = left < -slack || top < -slack || right > width + slack || bottom > height + slack;
    beyond.then_some(Fault::Beyond)
}

fn clip(label: Label, [width, height]: [f32; 2]) -> Label {
    let limits = [width, height, width, height];
    Label { bounds: std::array::from_fn(|i| label.bounds[i].clamp(0.0, limits[i])), ..label }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::formats::Format;
    use std::sync::Arc;

    fn item(name: &str, boxes: &[[f32; 4]]) -> Item {
        let pixels = Pixels::Memory { bytes: Arc::new(vec![0; 200]), start: 0, shape: [20, 10, 1] };
        Item { boxes: Some(boxes.iter().map(|&bounds| Label::new(0, bounds)).collect()), ..Item::new(name, pixels) }
    }

    fn set(items: Vec<Item>) -> Collection {
        Collection {
            format: Format::Coco,
            because: String::new(),
            origin: "set".into(),
            task: Task::Detect,
            classes: vec!["thing".into()],
            items,
            problems: Vec::new(),
        }
    }

    #[test]
    fn bad_boxes_are_named_and_left_out() {
        let nan = f32::NAN;
        let boxes = [
            [1.0, 1.0, 5.0, 5.0],
            [nan, 1.0, 5.0, 5.0],
            [5.0, 1.0, 5.0, 9.0],
            [6.0, 5.0, 1.0, 9.0],
            [1.0, 1.0, 1.5, 9.0],
            [30.0, 1.0, 40.0, 5.0],
            [10.0, -5.0, 30.0, 5.0],
            [10.0, -0.5, 20.5, 5.0],
        ];
        let (clean, problems) = set(vec![item("a", &boxes)]).usable(Need::Labels, Look::Pixels).expect("usable");
        let kept: Vec<_> = clean.items[0].boxes.iter().flatten().map(|label| label.bounds).collect();
        assert_eq!(kept, [[1.0, 1.0, 5.0, 5.0], [10.0, 0.0, 20.0, 5.0], [10.0, 0.0, 20.0, 5.0]]);
        let faults: Vec<_> = problems.iter().map(|problem| problem.fault).collect();
        use Fault::*;
        assert_eq!(faults, [NotFinite, Degenerate, Degenerate, Degenerate, Outside, Beyond]);
    }

    #[test]
    fn relative_boxes_become_pixels_where_the_size_is_known() {
        let mut relative = item("a", &[[0.25, 0.5, 0.75, 1.0], [0.5, 0.5, 0.51, 0.9], [1.5, 0.0, 2.0, 1.0]]);
        relative.relative = true;
        let (clean, problems) = set(vec![relative.clone()]).usable(Need::Labels, Look::Headers).expect("usable");
        assert_eq!(clean.items[0].boxes.as_ref().map(|boxes| boxes[0].bounds), Some([5.0, 5.0, 15.0, 10.0]));
        assert!(!clean.items[0].relative);
        assert_eq!(
            problems.iter().map(|problem| problem.fault).collect::<Vec<_>>(),
            [Fault::Degenerate, Fault::Outside]
        );
        let (clean, problems) = set(vec![relative]).usable(Need::Labels, Look::Labels).expect("usable");
        assert!(clean.items[0].relative && clean.items[0].boxes.as_ref().is_some_and(|boxes| boxes.len() == 2));
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn nothing_is_refused() {
        let refused = |set: &Collection, need| set.usable(need, Look::Pixels).expect_err("refused").to_string();
        assert!(refused(&set(Vec::new()), Need::Pictures).contains("none of its 0 pictures"));
        let boxless = set(vec![item("a", &[]), item("b", &[[f32::NAN; 4]])]);
        let error = refused(&boxless, Need::Labels);
        assert!(error.contains("no usable box") && error.contains("b: NaN"), "{error}");
        assert!(boxless.usable(Need::Pictures, Look::Pixels).is_ok());
        let mut tested = set(vec![item("a", &[[0.0, 0.0, 5.0, 5.0]])]);
        tested.items[0].part = Some(Part::Test);
        assert!(refused(&tested, Need::Labels).contains("for validation or the test"));
        let mut unlabelled = set(vec![Item { boxes: None, ..item("a", &[]) }]);
        assert!(refused(&unlabelled, Need::Labels).contains("usable labelled one"));
        unlabelled.task = Task::Unlabelled;
        assert!(refused(&unlabelled, Need::Labels).contains("teacher"));
        let mut unknown = set(vec![item("a", &[[0.0, 0.0, 5.0, 5.0]])]);
        unknown.problems.push(Problem::new(Fault::UnknownClass, "a.txt line 3", "class 7"));
        let error = refused(&unknown, Need::Pictures);
        assert!(error.contains("1 label is of unknown classes, the first in a.txt line 3: class 7"), "{error}");
    }

    #[test]
    fn broken_pictures_and_empty_classes_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cut.jpg");
        image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, 9])).save(&path).expect("written");
        let bytes = std::fs::read(&path).expect("read");
        std::fs::write(&path, &bytes[..bytes.len() - 40]).expect("written");
        let mut all = set(vec![item("a", &[[0.0, 0.0, 5.0, 5.0]]), Item::new("cut.jpg", Pixels::File(path))]);
        all.items[1].boxes = Some(vec![Label::new(1, [1.0, 1.0, 9.0, 9.0])]);
        all.classes.push("other".into());
        let (clean, problems) = all.usable(Need::Labels, Look::Pixels).expect("usable");
        assert_eq!(clean.len(), 1);
        let faults: Vec<_> = problems.iter().map(|problem| (problem.fault, problem.place.as_str())).collect();
        assert_eq!(faults, [(Fault::BrokenPicture, "cut.jpg"), (Fault::EmptyClass, "other")]);
        // The first bytes look well.
        assert_eq!(all.usable(Need::Labels, Look::Headers).expect("usable").0.len(), 2);
    }
}
