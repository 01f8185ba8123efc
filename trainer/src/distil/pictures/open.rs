//! Opens the sets that a recipe names, and divides them.

use std::path::PathBuf;

use super::choose::{evenly, some, varied};
use super::error::PictureError;
use super::{Pictures, Set};
use crate::data::{CLASSES, Collection, Frames, Item, Look, Need, OpenOptions, Part, Shares, Task};
use crate::recipe::{Assistant, Data, Recipe, SHAPES};
use crate::report::Bars;

/// How much larger than the student's input pictures to learn from are kept, on each side: zooming in shows no more than that.
const REACH: usize = 2;
/// Share of added pictures that is measured on.
const ADDED: f64 = 0.2;
/// Longer side of what is measured on, at most.
const LARGEST: usize = 1280;

/// Names of the classes that a recipe is about.
///
/// # Errors
/// Those of opening the source.
pub fn class_names(recipe: &Recipe) -> Result<Vec<String>, PictureError> {
    let data = &recipe.data;
    if data.source == SHAPES {
        return Ok(CLASSES.map(str::to_owned).to_vec());
    }
    if !data.classes.is_empty() {
        return Ok(data.classes.clone());
    }
    let source = Collection::open(&data.source, &OpenOptions::default());
    Ok(source.map_err(|source| PictureError::Data { key: "data.source", source })?.classes)
}

/// A set of a recipe: which key names it, where it lies, and how it is to be opened.
struct Wanted<'a> {
    key: &'static str,
    path: &'a str,
    options: OpenOptions,
}

impl<'a> Wanted<'a> {
    fn new(key: &'static str, path: &'a str, data: &Data, labels: &str, frames: &Frames) -> Wanted<'a> {
        let labels = Some(labels).filter(|labels| !labels.is_empty()).map(PathBuf::from);
        let classes = Some(data.classes.clone()).filter(|classes| !classes.is_empty());
        Wanted { key, path, options: OpenOptions { labels, classes, frames: frames.clone(), ..OpenOptions::default() } }
    }

    /// The set without what is broken in it; says what was left out.
    fn usable(&self, need: Need, bars: &Bars) -> Result<Collection, PictureError> {
        let fail = |source| PictureError::Data { key: self.key, source };
        let set = Collection::open(self.path, &self.options).map_err(fail)?;
        // Without labels there is something to learn all the same, if a teacher says what.
        let need = if set.task == Task::Unlabelled { Need::Pictures } else { need };
        let (set, problems) = set.usable(need, Look::Headers).map_err(fail)?;
        if let Some(first) = problems.first() {
            let (path, count) = (self.path, problems.len());
            bars.say(&format!(
                "{path}: {count} problems, the first: {first}; `retort-train data check` lists them all"
            ));
        }
        Ok(set)
    }

    fn check(&self, recipe: &Recipe, found: &Collection) -> Result<(), PictureError> {
        let says = match (found.task, recipe.detects()) {
            (Task::Detect, true) | (Task::Classify, false) => return Ok(()),
            (Task::Detect, false) => "where objects are",
            (Task::Classify, true) => "what each picture shows",
            (Task::Unlabelled, _) => "nothing about its pictures",
        };
        let (wants, remedy) = if recipe.detects() {
            ("finds objects", "give boxes, or set student.family and teacher.family to classifier")
        } else {
            ("names pictures", "give a class for each picture, or set student.family and teacher.family to detector")
        };
        Err(PictureError::Task { key: self.key, path: self.path.to_owned(), says, wants, remedy })
    }
}

pub(super) fn open(recipe: &Recipe, bars: &Bars) -> Result<Pictures, PictureError> {
    let data = &recipe.data;
    let frames = |key, text: &str| -> Result<Frames, PictureError> {
        let all = if text.is_empty() { Ok(Frames::default()) } else { text.parse() };
        all.map_err(|problem| PictureError::Frames { key, problem })
    };
    let (learned_frames, test_frames) =
        (frames("data.frames", &data.frames)?, frames("data.test_frames", &data.test_frames)?);
    let wanted = Wanted::new("data.source", &data.source, data, &data.labels, &learned_frames);
    let source = wanted.usable(Need::Labels, bars)?;
    let unlabelled = source.task == Task::Unlabelled;
    if unlabelled {
        if !recipe.has_foreign_teacher() {
            let path = data.source.clone();
            return Err(PictureError::Unlabelled {
                path,
                remedy: "give data.labels, or a teacher with teacher.models",
            });
        }
        if data.classes.is_empty() {
            return Err(PictureError::Unnamed { path: data.source.clone() });
        }
    } else {
        wanted.check(recipe, &source)?;
    }
    let classes = source.classes.clone();
    let other = |wanted: &Wanted<'_>, need| -> Result<Collection, PictureError> {
        let found = wanted.usable(need, bars)?;
        if need == Need::Labels && found.task != Task::Unlabelled {
            wanted.check(recipe, &found)?;
            if found.classes != classes {
                let (found, wanted_classes) = (found.classes.join(", "), classes.join(", "));
                return Err(PictureError::Classes { key: wanted.key, found, wanted: wanted_classes });
            }
        }
        Ok(found)
    };
    let named = |key, path: &str, need| -> Result<Option<Collection>, PictureError> {
        if path.is_empty() {
            return Ok(None);
        }
        other(&Wanted::new(key, path, data, "", &Frames::default()), need).map(Some)
    };
    let apart = !data.test.is_empty() || !data.test_frames.is_empty();
    let of_test = if data.test.is_empty() { &data.source } else { &data.test };
    let test_wanted = Wanted::new("data.test", of_test, data, &data.test_labels, &test_frames);
    let mut test = if apart { Some(other(&test_wanted, Need::Labels)?) } else { None };
    let validation = named("data.validation", &data.validation, Need::Labels)?;
    let transfer = named("data.transfer", &data.transfer, Need::Pictures)?;
    // What is added is learned from but for a part, which shows what that has changed.
    let (mut added_learned, mut added) = (Vec::new(), Vec::new());
    for path in &recipe.again.add {
        let all = other(&Wanted::new("again.add", path, data, "", &Frames::default()), Need::Pictures)?;
        let shares = Shares { validation: 0.0, test: ADDED, gap: 1 };
        let fail = |source| PictureError::Data { key: "again.add", source };
        let divided = all.divide(&shares, data.seed).map_err(fail)?;
        added_learned.extend(divided.part(Part::Train).items);
        added.extend(divided.part(Part::Test).items);
    }
    // Without labels only who chooses wants to see some pictures more, which the teacher then judges.
    let chooses = !unlabelled || recipe.learning.validate > 0 || recipe.distil.assistant == Assistant::Auto;
    let source = parted(source, data.holdout, data.seed, validation.is_none() && chooses, test.is_none())?;
    if !apart && !data.test_labels.is_empty() {
        // Labels of what is kept of the source to measure on.
        let kept = source.part(Part::Test);
        let judged = other(&test_wanted, Need::Labels)?;
        test = Some(judged.filtered(|item| kept.items.iter().any(|kept| kept.name == item.name)));
    }
    let hidden: Vec<usize> = data.without.iter().map(|name| class(&classes, name)).collect::<Result<_, _>>()?;
    let shows = |item: &Item| {
        let boxes = item.boxes.iter().flatten().map(|label| label.class);
        boxes.chain(item.class).any(|class| hidden.contains(&class))
    };
    let learned = source.part(Part::Train).filtered(|item| !shows(item));
    let small = Some([data.width, data.height].map(|side| REACH * side));
    let stored = |set: Collection, largest| {
        if !set.items.iter().any(Item::is_frame) {
            return Set::stored(set, None, || ());
        }
        let bar = bars.start("decoding frames", set.len());
        let set = Set::stored(set, largest, || bar.advance(1));
        bar.finish("");
        set
    };
    let judged = |set: Collection| stored(set, Some([LARGEST; 2]));
    let varied = |set: Collection| -> Result<Collection, PictureError> {
        let count = set.len();
        let bar = (data.most > 0 && data.most < count).then(|| bars.start("choosing frames", count));
        let advance = || bar.iter().for_each(|bar| bar.advance(1));
        let set =
            varied(set, data.most, advance).map_err(|source| PictureError::Data { key: "data.source", source })?;
        if let Some(bar) = bar {
            bar.finish(&format!("{} of {count}", set.len()));
        }
        Ok(set)
    };
    let test = test.unwrap_or_else(|| source.part(Part::Test));
    let unjudged = test.task == Task::Unlabelled;
    let nobody = source.filtered(|_| false);
    let (labelled, transfer) = if unlabelled {
        // Of many frames those that are least alike; what somebody chose to add is taken whole.
        let chosen = varied(learned)?;
        let others = transfer.map_or(Vec::new(), |transfer| transfer.items);
        let items = chosen.items.into_iter().chain(others).chain(added_learned);
        (nobody.clone(), Some(Collection { items: items.collect(), ..nobody.clone() }))
    } else {
        let others = transfer.into_iter().flat_map(|transfer| transfer.items).chain(added_learned);
        let others = Collection { items: others.collect(), ..nobody.clone() };
        (some(learned, data.labelled, data.seed), (!others.is_empty()).then_some(others))
    };
    let added = Collection { items: added, ..nobody.clone() };
    let teacher = if unlabelled { nobody.clone() } else { source.part(Part::Train) };
    let pictures = Pictures {
        classes,
        // A teacher that is trained has the student's pictures.
        teacher: stored(teacher, small),
        labelled: stored(labelled, small),
        transfer: transfer.map(|transfer| stored(transfer, small)).unwrap_or_default(),
        validation: judged(validation.unwrap_or_else(|| source.part(Part::Validation))),
        test: judged(evenly(test, data.test_most)),
        added: judged(added),
        unjudged,
        words: format!("{} ({})", data.source, source.format),
    };
    let nothing = |purpose, remedy| Err(PictureError::Nothing { purpose, remedy });
    if pictures.labelled.is_empty() && pictures.transfer.is_empty() {
        return nothing("to learn from", "give more pictures, or a smaller data.holdout");
    }
    if pictures.test.is_empty() {
        return nothing("to measure on", "name a set with data.test, or set data.holdout");
    }
    if pictures.validation.is_empty() && (recipe.learning.validate > 0 || recipe.teaching.validate > 0) {
        return nothing("to choose by", "name a set with data.validation, set data.holdout, or set validate to 0");
    }
    Ok(pictures)
}

/// The source with a part for every picture: as its format says, with shares held out for the parts that it does not have
/// and that no other set stands for.
fn parted(
    source: Collection,
    holdout: f32,
    seed: u64,
    validation: bool,
    test: bool,
) -> Result<Collection, PictureError> {
    let has = |part| source.items.iter().any(|item| item.part == Some(part));
    let share = |wanted: bool, part| if wanted && !has(part) { f64::from(holdout) } else { 0.0 };
    let shares =
        Shares { validation: share(validation, Part::Validation), test: share(test, Part::Test), ..Shares::default() };
    if source.is_divided() && shares.validation == 0.0 && shares.test == 0.0 {
        return Ok(source);
    }
    let fail = |source| PictureError::Data { key: "data.source", source };
    // Only what is not spoken for is divided.
    let (free, fixed): (Vec<_>, Vec<_>) =
        source.items.iter().cloned().partition(|item| item.part.is_none_or(|part| part == Part::Train));
    let free = Collection { items: free, ..source.filtered(|_| false) }.divide(&shares, seed).map_err(fail)?;
    Ok(Collection { items: free.items.into_iter().chain(fixed).collect(), ..source })
}

fn class(classes: &[String], name: &str) -> Result<usize, PictureError> {
    let found = classes.iter().position(|class| class == name);
    let unknown = || PictureError::Class { key: "data.without", class: name.to_owned(), known: classes.join(", ") };
    found.ok_or_else(unknown)
}
