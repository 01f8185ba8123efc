//! The pictures of an experiment: who learns from which, and which are kept to choose by and to measure on.

use std::sync::Arc;

use crate::data::{
    self, CLASSES, Collection, DataError, Dataset, Item, Label, Look, Need, OpenOptions, Part, Rng, Sample, Shares,
    Split, Store, Task,
};
use crate::recipe::{Recipe, SHAPES};
use crate::report::Bars;

/// Why there are no pictures.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// A set cannot be opened or used.
    #[error("`{key}`")]
    Data {
        /// The key of the recipe.
        key: &'static str,
        /// Why not.
        source: DataError,
    },
    /// A set does not say what the recipe wants to learn.
    #[error("`{key}`: {path} says {says}, but the student {wants}; {remedy}")]
    Task {
        /// The key of the recipe.
        key: &'static str,
        /// The set.
        path: String,
        /// What it says.
        says: &'static str,
        /// What the student does.
        wants: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Nothing is left for a purpose.
    #[error("there is no picture {purpose}; {remedy}")]
    Nothing {
        /// Which purpose.
        purpose: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A class that no picture can show.
    #[error("`{key}` names the class `{class}`; the classes are {known}")]
    Class {
        /// The key of the recipe.
        key: &'static str,
        /// The name.
        class: String,
        /// All names.
        known: String,
    },
    /// Two sets have other classes.
    #[error("`{key}` has other classes than `data.source`: {found} instead of {wanted}")]
    Classes {
        /// The key of the recipe.
        key: &'static str,
        /// Its classes.
        found: String,
        /// Those of the source.
        wanted: String,
    },
}

/// Pictures for one purpose.
#[derive(Clone)]
pub struct Set {
    pictures: Arc<dyn Source>,
    names: Arc<[String]>,
    crc32: u32,
}

/// Pictures that threads may share.
trait Source: data::Pictures + Send {}

impl<T: data::Pictures + Send> Source for T {}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").field("pictures", &self.len()).finish_non_exhaustive()
    }
}

impl Default for Set {
    fn default() -> Self {
        Set::drawn(Vec::new())
    }
}

impl Set {
    /// Pictures in memory.
    fn drawn(samples: Vec<Sample>) -> Set {
        let mut hasher = crc32fast::Hasher::new();
        samples.iter().for_each(|sample| hasher.update(&sample.pixels));
        let samples: Vec<Arc<Sample>> = samples.into_iter().map(Arc::new).collect();
        Set { pictures: Arc::new(samples), names: Arc::default(), crc32: hasher.finalize() }
    }

    /// Pictures of a set on disk, decoded when asked for.
    fn stored(set: Collection) -> Set {
        let mut hasher = crc32fast::Hasher::new();
        for item in &set.items {
            hasher.update(item.name.as_bytes());
            hasher.update(&[0]);
        }
        let names = set.items.iter().map(|item| item.name.clone()).collect();
        Set { pictures: Arc::new(Store::new(set, None, KEPT)), names, crc32: hasher.finalize() }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.pictures.count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the pictures are called; empty where they were drawn.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A number that stands for the pictures.
    pub fn crc32(&self) -> u32 {
        self.crc32
    }

    /// The pictures themselves.
    pub fn pictures(&self) -> &dyn data::Pictures {
        &*self.pictures
    }

    /// A picture as it is.
    ///
    /// # Errors
    /// A [`DataError`] that names the picture.
    pub fn load(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        self.pictures.picture(index)
    }

    /// A picture brought to the student's size, as the runtime will bring it there.
    pub fn fitted(&self, recipe: &Recipe, index: usize) -> Result<Sample, DataError> {
        recipe.target().fit(&*self.load(index)?)
    }

    /// A picture augmented as the recipe says, at the student's size.
    pub fn augmented(&self, recipe: &Recipe, index: usize, rng: &mut Rng) -> Result<Sample, DataError> {
        recipe.augment.apply(&*self.pictures, index, &recipe.target(), rng)
    }

    /// View number `view` of a picture: what teacher and student both see of it.
    pub fn view(&self, recipe: &Recipe, index: usize, view: usize) -> Result<Sample, DataError> {
        if recipe.distil.views == 0 {
            return self.fitted(recipe, index);
        }
        self.augmented(recipe, index, &mut Rng::new(&[recipe.data.seed, 0x71e3, index as u64, view as u64]))
    }

    /// The same pictures with the boxes that a teacher drew in them, one list a picture.
    pub fn relabelled(&self, boxes: Vec<Vec<Label>>) -> Set {
        Set { pictures: Arc::new(Relabelled { pictures: self.pictures.clone(), boxes }), ..self.clone() }
    }
}

/// Pictures with others' boxes.
struct Relabelled {
    pictures: Arc<dyn Source>,
    boxes: Vec<Vec<Label>>,
}

impl data::Pictures for Relabelled {
    fn count(&self) -> usize {
        self.pictures.count()
    }

    fn picture(&self, index: usize) -> Result<Arc<Sample>, DataError> {
        let sample = self.pictures.picture(index)?;
        let boxes = self.boxes.get(index).cloned().unwrap_or_default();
        Ok(Arc::new(Sample { boxes, ..Sample::clone(&sample) }))
    }
}

/// Bytes of decoded pictures that are kept, of each set.
const KEPT: usize = 1 << 30;

/// Any `count` of the pictures, not the first ones, which are often alike; all of them for 0.
fn some(mut set: Collection, count: usize, seed: u64) -> Collection {
    if count > 0 && count < set.len() {
        let mut order: Vec<usize> = (0..set.len()).collect();
        Rng::new(&[seed, 0x1abe]).shuffle(&mut order);
        order.truncate(count);
        order.sort_unstable();
        set.items = order.into_iter().map(|index| set.items[index].clone()).collect();
    }
    set
}

/// All pictures of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// What a teacher that is trained learns from.
    pub teacher: Set,
    /// What both arms learn from.
    pub labelled: Set,
    /// What only the distilled student sees, without labels; it may be empty.
    pub transfer: Set,
    /// To choose by.
    pub validation: Set,
    /// To measure on.
    pub test: Set,
    /// Where they come from, in words.
    pub words: String,
}

impl Pictures {
    /// Draws or opens them.
    ///
    /// # Errors
    /// A [`PictureError`] that names the key of the recipe, and what to do. Nothing starts on nothing.
    pub fn open(recipe: &Recipe, bars: &Bars) -> Result<Pictures, PictureError> {
        if recipe.data.source == SHAPES { Ok(draw(recipe, bars)) } else { open(recipe, bars) }
    }
}

/// Names of the classes that a recipe is about.
pub fn class_names(recipe: &Recipe) -> Result<Vec<String>, PictureError> {
    if recipe.data.source == SHAPES {
        return Ok(CLASSES.map(str::to_owned).to_vec());
    }
    let source = Collection::open(&recipe.data.source, &OpenOptions::default());
    Ok(source.map_err(|source| PictureError::Data { key: "data.source", source })?.classes)
}

fn draw(recipe: &Recipe, bars: &Bars) -> Pictures {
    let (scenes, seed) = (&recipe.scenes, recipe.data.seed);
    let total = scenes.teacher + scenes.labelled + scenes.transfer + scenes.validation + scenes.test;
    let bar = bars.start("drawing scenes", total);
    let set = |split, count| {
        let drawn = Dataset::draw(seed, split, count, [recipe.data.width, recipe.data.height], || bar.advance(1));
        Set::drawn(drawn.samples)
    };
    let pictures = Pictures {
        classes: CLASSES.map(str::to_owned).to_vec(),
        teacher: set(Split::Teacher, scenes.teacher),
        labelled: set(Split::Labelled, scenes.labelled),
        transfer: set(Split::Transfer, scenes.transfer),
        validation: set(Split::Validation, scenes.validation),
        test: set(Split::Test, scenes.test),
        words: format!("synthetic scenes, seed {seed}"),
    };
    bar.finish("");
    pictures
}

/// Opens a set, without what is broken in it; says what was left out.
fn usable(key: &'static str, path: &str, need: Need, bars: &Bars) -> Result<Collection, PictureError> {
    let fail = |source| PictureError::Data { key, source };
    let set = Collection::open(path, &OpenOptions::default()).map_err(fail)?;
    let (set, problems) = set.usable(need, Look::Headers).map_err(fail)?;
    if let Some(first) = problems.first() {
        let count = problems.len();
        bars.say(&format!("{path}: {count} problems, the first: {first}; `retort-train data check` lists them all"));
    }
    Ok(set)
}

fn open(recipe: &Recipe, bars: &Bars) -> Result<Pictures, PictureError> {
    let data = &recipe.data;
    let source = usable("data.source", &data.source, Need::Labels, bars)?;
    check_task(recipe, "data.source", &data.source, &source)?;
    let classes = source.classes.clone();
    let other = |key, path: &String, need| -> Result<Option<Set>, PictureError> {
        if path.is_empty() {
            return Ok(None);
        }
        let found = usable(key, path, need, bars)?;
        if need == Need::Labels {
            check_task(recipe, key, path, &found)?;
            if found.classes != classes {
                let (found, wanted) = (found.classes.join(", "), classes.join(", "));
                return Err(PictureError::Classes { key, found, wanted });
            }
        }
        Ok(Some(Set::stored(found)))
    };
    let test = other("data.test", &data.test, Need::Labels)?;
    let validation = other("data.validation", &data.validation, Need::Labels)?;
    let transfer = other("data.transfer", &data.transfer, Need::Pictures)?;
    let source = parted(source, data.holdout, data.seed, validation.is_none(), test.is_none())?;
    let hidden: Vec<usize> = data.without.iter().map(|name| class(&classes, name)).collect::<Result<_, _>>()?;
    let shows = |item: &Item| {
        let boxes = item.boxes.iter().flatten().map(|label| label.class);
        boxes.chain(item.class).any(|class| hidden.contains(&class))
    };
    let learned = source.part(Part::Train).filtered(|item| !shows(item));
    let part = |part| Set::stored(source.part(part));
    let pictures = Pictures {
        classes,
        teacher: part(Part::Train),
        labelled: Set::stored(some(learned, data.labelled, data.seed)),
        transfer: transfer.unwrap_or_default(),
        validation: validation.unwrap_or_else(|| part(Part::Validation)),
        test: test.unwrap_or_else(|| part(Part::Test)),
        words: format!("{} ({})", data.source, source.format),
    };
    let nothing = |purpose, remedy| Err(PictureError::Nothing { purpose, remedy });
    if pictures.labelled.is_empty() {
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

fn check_task(recipe: &Recipe, key: &'static str, path: &str, found: &Collection) -> Result<(), PictureError> {
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
    Err(PictureError::Task { key, path: path.to_owned(), says, wants, remedy })
}
