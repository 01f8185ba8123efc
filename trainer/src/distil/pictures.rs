//! The pictures of an experiment: who learns from which, and which are kept to choose by and to measure on.

use std::path::Path;

use crate::data::{
    CLASSES, Collection, DataError, Dataset, Item, Label, OpenOptions, Part, Rng, Sample, Split, Task,
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

/// Pictures for one purpose: drawn and kept, or decoded when asked for.
#[derive(Clone, Debug, Default)]
pub struct Set {
    samples: Vec<Sample>,
    items: Vec<Item>,
}

impl Set {
    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.samples.len() + self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A picture as it is.
    ///
    /// # Errors
    /// A [`DataError`] that names the picture.
    pub fn load(&self, index: usize) -> Result<Sample, DataError> {
        match self.samples.get(index) {
            Some(sample) => Ok(sample.clone()),
            None => self.items[index - self.samples.len()].load(),
        }
    }

    /// A picture brought to the student's size, as the runtime will bring it there.
    pub fn fitted(&self, recipe: &Recipe, index: usize) -> Result<Sample, DataError> {
        Ok(recipe.resample().fit(&self.load(index)?))
    }

    /// View number `view` of a picture: what teacher and student both see of it.
    pub fn view(&self, recipe: &Recipe, index: usize, view: usize) -> Result<Sample, DataError> {
        if recipe.distil.views == 0 {
            return self.fitted(recipe, index);
        }
        let mut rng = Rng::new(&[recipe.data.seed, 0x71e3, index as u64, view as u64]);
        self.augmented(recipe, index, &mut rng)
    }

    /// A picture augmented as the recipe says, at the student's size.
    pub fn augmented(&self, recipe: &Recipe, index: usize, rng: &mut Rng) -> Result<Sample, DataError> {
        self.augmented_with(recipe, index, None, rng)
    }

    /// The same with other boxes than its own.
    pub fn augmented_with(
        &self,
        recipe: &Recipe,
        index: usize,
        boxes: Option<&[Label]>,
        rng: &mut Rng,
    ) -> Result<Sample, DataError> {
        let mut sample = self.load(index)?;
        if let Some(boxes) = boxes {
            sample.boxes = boxes.to_vec();
        }
        Ok(recipe.augment.apply(recipe.resample().fit(&sample), rng))
    }

    /// A number that stands for the pictures.
    pub fn crc32(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        self.samples.iter().for_each(|sample| hasher.update(&sample.pixels));
        for item in &self.items {
            hasher.update(item.name.as_bytes());
            hasher.update(&[0]);
        }
        hasher.finalize()
    }

    fn truncate(&mut self, count: usize, seed: u64) {
        if count == 0 || count >= self.len() {
            return;
        }
        // Any of them, not the first ones, which are often alike.
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        Rng::new(&[seed, 0x1abe]).shuffle(&mut order);
        order.truncate(count);
        order.sort_unstable();
        self.items = order.into_iter().map(|index| self.items[index].clone()).collect();
    }
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
        Set { samples: drawn.samples, items: Vec::new() }
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

/// Opens a set, without its broken pictures; says what was left out.
fn usable(key: &'static str, path: &str, labels: bool, bars: &Bars) -> Result<Collection, PictureError> {
    let fail = |source| PictureError::Data { key, source };
    let collection = Collection::open(Path::new(path), &OpenOptions::default()).map_err(fail)?;
    let (collection, left_out) = collection.usable(labels).map_err(fail)?;
    if !left_out.is_empty() {
        bars.say(&format!("{path}: {}; `retort-train data check` lists them", left_out.words()));
    }
    Ok(collection)
}

fn open(recipe: &Recipe, bars: &Bars) -> Result<Pictures, PictureError> {
    let data = &recipe.data;
    let mut source = usable("data.source", &data.source, true, bars)?;
    check_task(recipe, "data.source", &data.source, &source)?;
    let classes = source.classes.clone();
    let other = |key, path: &String, labels| -> Result<Option<Set>, PictureError> {
        if path.is_empty() {
            return Ok(None);
        }
        let found = usable(key, path, labels, bars)?;
        if labels {
            check_task(recipe, key, path, &found)?;
            if found.classes != classes {
                let (found, wanted) = (found.classes.join(", "), classes.join(", "));
                return Err(PictureError::Classes { key, found, wanted });
            }
        }
        Ok(Some(Set { samples: Vec::new(), items: found.items }))
    };
    let test = other("data.test", &data.test, true)?;
    let validation = other("data.validation", &data.validation, true)?;
    let transfer = other("data.transfer", &data.transfer, false)?;
    let shares = [if validation.is_some() { 0.0 } else { data.holdout }, if test.is_some() { 0.0 } else { data.holdout }];
    source.divide(shares, data.seed);
    let part = |part| Set { samples: Vec::new(), items: source.part(part).items };
    let train = part(Part::Train);
    let mut labelled = train.clone();
    labelled.truncate(data.labelled, data.seed);
    let pictures = Pictures {
        classes: classes.clone(),
        teacher: train,
        labelled,
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
